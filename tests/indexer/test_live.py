"""Live changes: found, or gone, as soon as they are acknowledged; what is wrong changes nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.attributes import convert
from indexer.build import build
from indexer.catalogue import Catalogue, Counts
from indexer.live import UpsertReport, delete, delete_photos, upsert, upsert_photos
from indexer.photo_reader import keep_photo
from indexer.records import ItemRow, PhotoRow
from indexer.removal import LAST_PHOTO
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.live_shop import APPLE, MILK, LiveShop, hash_of
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions, add_further, painted
from vsearch.errors import FingerprintMismatchError, ManifestError, ShopError


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveShop]:
    made = LiveShop(tmp_path)
    with made.shop:
        yield made


def counts(live: LiveShop) -> Counts:
    told = live.searcher.version.manifest
    return live.shop.catalogue.counts(told.sequence, told.embedding_fingerprint, told.views)


def told(report: UpsertReport) -> list[tuple[int, str | None, str, str]]:
    return [(one.row, one.item_id, one.field, one.value) for one in report.rejects]


def test_a_new_item_is_found_as_soon_as_it_is_acknowledged(live: LiveShop) -> None:
    assert live.found(50) is None
    report = live.upsert(live.row("pink", 50, 51, title="Pink lady", price=2.5))
    assert live.found(50) == live.found(51) == "pink"
    assert (report.rows, report.added, report.photos_added, report.embedded) == (1, 1, 2, 2)
    assert (report.searchable, report.waiting, report.rejects) == (1, 0, [])
    pink = live.item("pink")
    assert (pink.title, pink.category, pink.attributes) == ("Pink lady", APPLE, {"price": 2.5})
    assert live.embedder.photos == 2
    assert counts(live) == Counts(4, indexed=4, waiting=0, rejected=0)


def test_another_process_finds_it_too(live: LiveShop) -> None:
    with Shop.open(live.shop.path) as other:
        searcher = Searcher.open(other, embedder=TinyEmbedder())
        assert live.found(50, searcher) is None
        live.shop.upsert([live.row("pink", 50)], embedder=live.embedder, folder=live.folder)
        assert live.found(50, searcher) == "pink"
        live.shop.delete(["pink"])
        assert live.found(50, searcher) is None


def test_a_changed_item_is_found_by_its_new_photos_only(live: LiveShop) -> None:
    report = live.upsert(live.row("gala", 2, 52, category=["Dairy", "Milk"]))
    assert (report.added, report.changed, report.embedded) == (0, 1, 1)
    assert live.found(1) is None
    assert live.found(2) == live.found(52) == "gala"
    assert live.item("gala").category == MILK


def test_the_same_again_embeds_nothing_and_changes_nothing(live: LiveShop) -> None:
    row = live.row("pink", 50, size=3)
    live.upsert(row)
    live.upsert(row)
    before = live.state()
    report = live.upsert(row)
    assert live.state() == before
    assert (report.unchanged, report.embedded, report.searchable) == (1, 0, 1)
    assert live.embedder.photos == 1


def test_a_picture_that_another_item_has_is_not_embedded_again(live: LiveShop) -> None:
    assert live.upsert(live.row("copy", 1)).embedded == 0
    delete(live.shop, ["gala"])
    assert live.found(1) == "copy"


def test_items_that_an_import_left_waiting_are_found_after_an_upsert(live: LiveShop) -> None:
    row = live.row("new", 60, title="The new")
    photo = PhotoRow(hash_of(60), live.folder / "60.png", 8, 8)
    live.shop.catalogue.upsert_items(
        [ItemRow(name, f"The {name}", APPLE, (photo,)) for name in ("new", "twin")]
    )
    assert live.found(60) is None
    report = live.upsert(row)
    assert (report.unchanged, report.embedded) == (1, 1)
    assert live.found(60) == "new"
    delete(live.shop, ["new"])
    assert live.found(60) == "twin"  # it has the same picture


def test_rows_that_are_wrong_are_told_and_hold_up_no_other(live: LiveShop) -> None:
    (live.folder / "text.png").write_text("no photo")
    cut = painted(70)[:-40]
    (live.folder / "cut.png").write_bytes(cut)
    before = live.item("fuji"), live.item("whole")
    report = live.upsert(
        live.row("pink", 50),
        live.row("fuji") | {"photos": ["gone.png"]},
        live.row("whole", 4, category=""),
        live.row("none") | {"photos": []},
        live.row("text") | {"photos": ["text.png"]},
        live.row("cut") | {"photos": ["cut.png"]},
        live.row("", 51),
        live.row("pink", 52),
        live.row("outside") | {"photos": ["../outside.png"]},
        {"item_id": "twice", "Item ID": "twice"},
        "no mapping",  # type: ignore[arg-type]
    )
    assert (report.rows, report.added, report.searchable) == (11, 1, 1)
    assert [row for row, *_ in told(report)] == list(range(2, 12))
    assert (live.item("fuji"), live.item("whole")) == before
    assert [item.item_id for item in live.shop.catalogue.items("rejected")] == []
    assert live.shop.catalogue.rejects() == []
    assert (live.found(50), live.found(3), live.found(4)) == ("pink", "fuji", "whole")


def test_one_bad_photo_of_several_is_told_and_the_others_are_taken(live: LiveShop) -> None:
    row = live.row("pink", 50)
    report = live.upsert(row | {"photos": ["gone.png", "50.png"]})
    assert (report.added, told(report)) == (1, [(1, "pink", "photos", "gone.png")])
    assert live.found(50) == "pink"


def test_a_photo_that_decodes_no_further_than_its_header_is_refused(live: LiveShop) -> None:
    data = bytearray(painted(71))
    place = data.index(b"IDAT") + 8
    data[place : place + 20] = bytes(20)
    (live.folder / "broken.png").write_bytes(data)
    report = live.upsert(live.row("broken") | {"photos": ["broken.png"]})
    assert told(report) == [(1, "broken", "photos", "broken.png")]
    assert live.shop.catalogue.get("broken") is None
    assert live.embedder.photos == 0


def test_a_cell_that_would_turn_numbers_into_text_is_left_out(live: LiveShop) -> None:
    live.upsert(live.row("pink", 50, stock=5, organic=True, size=4))
    report = live.upsert(
        live.row("red", 51, stock="n/a", organic="true", size="6.5", price="cheap", new="x")
    )
    assert told(report) == [(1, "red", "price", "cheap"), (1, "red", "stock", "n/a")]
    assert "whole number" in report.rejects[1].reason
    assert live.item("red").attributes == {"organic": True, "size": 6.5, "new": "x"}
    assert live.item("pink").attributes == {"stock": 5, "organic": True, "size": 4.0}
    types = live.shop.catalogue.attribute_types()
    assert types == {
        "stock": "int", "organic": "bool", "size": "float", "new": "text",
        "price": "float", "currency": "text",
    }  # fmt: skip


def test_a_type_that_another_process_has_widened_holds(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.upsert(live.row("pink", 50, size=4))
    with Shop.open(live.shop.path) as other:

        def meanwhile(self: TinyEmbedder, pixels: NDArray[np.uint8]) -> TinyPredictions:
            other.catalogue.set_attribute_types({"size": "text"}, convert)
            return looked(self, pixels)

        looked = TinyEmbedder.__call__
        monkeypatch.setattr(TinyEmbedder, "__call__", meanwhile)
        live.upsert(live.row("red", 51, size=5))
    assert live.item("pink").attributes == {"size": "4"}
    assert live.item("red").attributes == {"size": "5"}


def test_columns_of_the_category_are_those_that_the_shop_remembers(live: LiveShop) -> None:
    live.shop.update_settings(category_columns=("department", "category"))
    live.upsert(live.row("pink", 50, department="Fruit", category="Apple"))
    assert live.item("pink").category == APPLE
    live.upsert(live.row("pink", 50, category="Dairy > Milk"))
    assert live.item("pink").category == MILK
    with pytest.raises(ManifestError, match="no column “category”"):
        live.upsert({"item_id": "pink", "photos": ["50.png"], "department": "Fruit"})


def test_what_is_no_item_at_all_is_refused_as_a_whole(live: LiveShop) -> None:
    with pytest.raises(ManifestError, match="no column for the photo"):
        live.upsert({"item_id": "pink", "category": "Fruit"})
    assert live.upsert().rows == 0


def test_a_held_out_photo_that_comes_in_for_training_is_held_out_no_more(live: LiveShop) -> None:
    add_further(live.shop, "fuji", 80, "test")
    report = live.upsert(live.row("pink", 80))
    assert told(report) == [(1, "fuji", "photo", str(live.folder / "80.png"))]
    assert "came in for training with item “pink”" in report.rejects[0].reason
    assert list(live.shop.catalogue.photos(splits=["test"])) == []


def test_without_an_index_items_wait_for_the_build(tmp_path: Path) -> None:
    live = LiveShop(tmp_path, built=False)
    with live.shop:
        report = upsert(live.shop, [live.row("pink", 50)], folder=live.folder)
        assert (report.added, report.searchable, report.waiting, report.embedded) == (1, 0, 1, 0)
        build(live.shop, embedder=live.embedder)
        searcher = Searcher.open(live.shop, embedder=TinyEmbedder())
        assert live.found(50, searcher) == "pink"


def test_the_network_must_be_the_one_that_serves(live: LiveShop) -> None:
    other = TinyEmbedder(embedding_fingerprint="f" * 16)
    before = live.state()
    with pytest.raises(FingerprintMismatchError, match="open the shop's model again"):
        upsert(live.shop, [live.row("pink", 50)], embedder=other, folder=live.folder)
    assert live.state() == before


def test_an_embedding_that_fails_leaves_nothing_behind(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Catalogue, *arguments: object) -> None:
        raise ShopError("the disk is full")

    before = live.state()
    monkeypatch.setattr(Catalogue, "put_embeddings", fail)
    with pytest.raises(ShopError, match="full"):
        live.upsert(live.row("pink", 50), live.row("gala", 51))
    assert live.state() == before


def test_further_photos_are_found_at_once_where_they_are_views(live: LiveShop) -> None:
    rows = [
        {"item_id": "gala", "image_path": live.photo(90)},
        {"item_id": "gala", "image_path": live.photo(91), "split": "val"},
        {"item_id": "nobody", "image_path": live.photo(92)},
    ]
    report = upsert_photos(live.shop, rows, embedder=live.embedder, folder=live.folder)
    assert (report.photos_added, report.embedded) == (2, 0)
    assert [row for row, *_ in told(report)] == [3]
    build(live.shop, views="all", embedder=TinyEmbedder())
    searcher = Searcher.open(live.shop, embedder=TinyEmbedder())
    rows = [
        {"item_id": "gala", "image_path": live.photo(93), "split": "train"},
        {"item_id": "gala", "image_path": live.photo(94), "split": "test"},
    ]
    report = upsert_photos(live.shop, rows, embedder=live.embedder, folder=live.folder)
    assert (report.photos_added, report.embedded, live.embedder.photos) == (2, 1, 1)
    assert (live.found(93, searcher), live.found(94, searcher)) == ("gala", None)
    held_out = [hash_of(91), hash_of(94)]
    assert live.shop.catalogue.embeddings("e" * 16, held_out) == {}


def test_deleted_items_are_found_no_more_and_unknown_ids_are_told(live: LiveShop) -> None:
    item = live.item("gala")
    add_further(live.shop, "gala", 95, "val")
    report = delete(live.shop, ["gala", "nobody", "gala"])
    assert (report.deleted, report.photos_deleted, report.unknown) == (1, 3, ["nobody"])
    assert live.found(1) is None
    assert live.shop.catalogue.get("gala") is None
    assert live.shop.catalogue.photos_of(item.key) == []
    assert live.shop.catalogue.changed_since(live.searcher.version.manifest.sequence)[1] == [
        item.key
    ]
    again = delete(live.shop, ["gala"])
    assert (again.deleted, again.unknown) == (0, ["gala"])


def test_an_item_that_comes_back_is_a_new_one_and_embeds_nothing(live: LiveShop) -> None:
    before = live.item("gala").key
    delete(live.shop, ["gala"])
    assert live.upsert(live.row("gala", 1)).embedded == 0
    assert live.item("gala").key > before
    assert (live.found(1), live.found(2)) == ("gala", None)


def test_photos_are_deleted_by_hash_or_path(live: LiveShop) -> None:
    add_further(live.shop, "gala", 96, "test")
    sequence = live.shop.catalogue.seq()
    report = delete_photos(live.shop, "gala", [hash_of(96)])
    assert (report.photos_deleted, live.shop.catalogue.seq()) == (1, sequence)  # held out
    report = delete_photos(live.shop, "gala", [live.folder / "1.png", "none"])
    assert (report.photos_deleted, report.unknown, report.left_without) == (1, ["none"], [])
    assert (live.found(1), live.found(2)) == (None, "gala")
    report = delete_photos(live.shop, "gala", [hash_of(2)])
    assert report.left_without == ["gala"]
    assert (live.item("gala").state, live.item("gala").reason) == ("rejected", LAST_PHOTO)
    assert live.found(2) is None
    with pytest.raises(ShopError, match="no item “nobody”"):
        delete_photos(live.shop, "nobody", [])


def test_a_photo_that_the_shop_keeps_goes_with_the_last_item_that_has_it(live: LiveShop) -> None:
    path = keep_photo(live.shop, painted(97), ".PNG")
    assert path == keep_photo(live.shop, painted(97), ".png")
    rows = [live.row(name) | {"photos": [path]} for name in ("one", "two")]
    upsert(live.shop, rows, embedder=live.embedder, folder=live.shop.photos)
    assert (live.found(97), live.embedder.photos) == ("one", 1)
    delete(live.shop, ["one"])
    assert path.exists()
    delete(live.shop, ["two", "fuji"])
    assert not path.exists()
    assert (live.folder / "3.png").exists()  # it is somebody else's


def test_writers_at_once_lose_nothing(live: LiveShop) -> None:
    rows = {name: [live.row(f"{name}{n}", 100 + n) for n in range(20)] for name in "abc"}

    def write(name: str) -> None:
        with Shop.open(live.shop.path) as shop:
            for number, row in enumerate(rows[name]):
                upsert(shop, [row], embedder=TinyEmbedder(), folder=live.folder)
                if number % 4 == 0:
                    delete(shop, [str(row["item_id"])])

    writers = [threading.Thread(target=write, args=(name,)) for name in rows]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert counts(live) == Counts(3 + 45, indexed=48, waiting=0, rejected=0)
    found = live.searcher.items.hits(
        live.embedder(np.zeros((1, 8, 8, 3), np.uint8)).embeddings, top_k=100
    )[0]
    assert len({hit.item.item_id for hit in found}) == 48
