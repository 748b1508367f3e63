"""The catalogue's promises: idempotent, items = indexed + waiting + rejected, no picture leaks."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer import schema
from indexer.attributes import convert
from indexer.catalogue import Catalogue, Counts, ItemRow, PhotoRow, Reject
from indexer.records import PhotoFile, Split
from vsearch.errors import ShopError


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path / "catalogue.db")
    yield opened
    opened.close()


def photo(name: str, split: Split = "train", position: int = 0) -> PhotoRow:
    return PhotoRow(name, Path(f"/photos/{name}.jpg"), 30, 20, split, position)


def item(name: str, *photos: str, category: tuple[str, ...] = ("Fruit",)) -> ItemRow:
    rows = tuple(photo(p, position=place) for place, p in enumerate(photos))
    return ItemRow(name, name.title(), category, rows)


def test_what_is_written_is_read_again(catalogue: Catalogue) -> None:
    row = ItemRow(
        "00123",
        "Äpfel “rot”",
        ("Fruit", "Apple"),
        (photo("aa"), photo("bb", position=1)),
        further_paths=(("Sale",), ("Season", "Autumn")),
        group_id="apples",
        attributes={"weight": 1.5, "organic": True, "pieces": 6, "origin": "Tirol"},
    )
    counts = catalogue.upsert_items([row])
    assert (counts.added, counts.photos_added) == (1, 2)
    found = catalogue.get("00123")
    assert found is not None
    assert (found.title, found.category, found.group_id) == (row.title, row.category, "apples")
    assert found.further_paths == row.further_paths
    assert found.attributes == row.attributes
    assert found.state == "ok"
    assert catalogue.categories()[found.category_id] == ("Fruit", "Apple")
    photos = catalogue.photos_of(found.key)
    assert [(p.content_hash, p.role, p.split) for p in photos] == [
        ("aa", "catalogue", "train"),
        ("bb", "catalogue", "train"),
    ]
    assert photos[0].path == Path("/photos/aa.jpg")
    assert (photos[0].width, photos[0].height) == (30, 20)
    assert catalogue.photos_by_key([photos[1].key, 999]) == {photos[1].key: photos[1]}
    assert catalogue.get("123") is None


def test_the_same_again_changes_nothing(catalogue: Catalogue) -> None:
    rows = [item("apple", "aa"), item("leek"), item("plum", "bb", "cc")]
    catalogue.upsert_items(rows)
    before = list(catalogue.items()), catalogue.views("all"), catalogue.seq()
    counts = catalogue.upsert_items(rows)
    assert (counts.added, counts.changed, counts.unchanged) == (0, 0, 2)
    assert counts.rejected == 1
    assert (list(catalogue.items()), catalogue.views("all"), catalogue.seq()) == before


@pytest.mark.parametrize(
    "row",
    [
        ItemRow("apple", "Green apple", ("Fruit",), (photo("aa"),)),
        ItemRow("apple", "Apple", ("Vegetables",), (photo("aa"),)),
        ItemRow("apple", "Apple", ("Fruit",), (photo("bb"),)),
        ItemRow("apple", "Apple", ("Fruit",), (photo("aa"), photo("bb", position=1))),
        ItemRow("apple", "Apple", ("Fruit",), (photo("aa"),), attributes={"size": 2}),
        ItemRow("apple", "Apple", ("Fruit",), (photo("aa"),), group_id="g"),
        ItemRow("apple", "Apple", ("Fruit",), (photo("aa"),), further_paths=(("Sale",),)),
        ItemRow("apple", "Apple", ("Fruit",), (PhotoRow("aa", Path("/moved.jpg"), 30, 20),)),
    ],
)
def test_any_difference_is_a_change_and_waits_for_the_build(
    catalogue: Catalogue, row: ItemRow
) -> None:
    catalogue.upsert_items([item("apple", "aa")])
    built = catalogue.seq()
    assert catalogue.counts(built) == Counts(1, indexed=1, waiting=0, rejected=0)
    assert catalogue.upsert_items([row]).changed == 1
    assert catalogue.seq() > built
    assert catalogue.counts(built) == Counts(1, indexed=0, waiting=1, rejected=0)
    assert catalogue.upsert_items([row]).unchanged == 1


def test_a_row_without_photo_or_category_makes_a_rejected_item(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("leek"), item("plum", "aa", category=()), item("fig", "bb")])
    assert catalogue.counts(0) == Counts(3, indexed=0, waiting=1, rejected=2)
    leek, plum = catalogue.get("leek"), catalogue.get("plum")
    assert leek is not None
    assert plum is not None
    assert (leek.state, leek.reason) == ("rejected", "it has no usable catalogue photo")
    assert (plum.category, plum.category_id) == ((), 0)
    assert catalogue.photos_of(plum.key) == []
    assert catalogue.category_counts() == {("Fruit",): 1}
    assert [found.item_id for found in catalogue.items("rejected")] == ["leek", "plum"]


def test_a_rejected_row_leaves_a_fine_item_as_it_was(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("apple", "aa")])
    before = catalogue.get("apple"), catalogue.seq()
    counts = catalogue.upsert_items([ItemRow("apple", "New", ("X",), reason="photo is missing")])
    assert counts.kept == ("apple",)
    assert (catalogue.get("apple"), catalogue.seq()) == before


def test_a_rejected_item_becomes_fine_when_mended(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("leek")])
    assert catalogue.upsert_items([item("leek", "aa")]).changed == 1
    leek = catalogue.get("leek")
    assert leek is not None
    assert (leek.state, leek.reason) == ("ok", None)


def test_photos_come_by_category_item_and_position(catalogue: Catalogue) -> None:
    catalogue.upsert_items(
        [
            item("b", "b0", "b1", category=("Z",)),
            item("a", "a0", category=("A",)),
            item("c", "c0", category=("Z",)),
            item("gone"),
        ]
    )
    keys = catalogue.item_keys(["a", "b", "gone", "nobody"])
    assert set(keys) == {"a", "b", "gone"}
    for split in ("train", "val", "test"):
        catalogue.upsert_further(keys["a"], photo(f"a-{split}", split))
    catalogue.upsert_further(keys["gone"], photo("gone-train"))
    order = [p.content_hash for _, p in catalogue.photos()]
    assert order == ["b0", "b1", "c0", "a0", "a-train", "a-val", "a-test"]
    assert [p.content_hash for _, p in catalogue.views("catalogue")] == ["b0", "b1", "c0", "a0"]
    assert [p.content_hash for _, p in catalogue.views("all")] == [*order[:5]]
    assert [p.content_hash for _, p in catalogue.photos(splits=["val", "test"])] == order[5:]
    assert [i.item_id for i, _ in catalogue.photos(role="further")] == ["a", "a", "a"]
    assert list(catalogue.photos(role="catalogue", splits=[])) == []


def test_photos_are_one_snapshot_that_writers_do_not_wait_for(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("a", "a0"), item("b", "b0")])
    reading = catalogue.photos()
    next(reading)
    catalogue.upsert_items([item("c", "c0"), item("b", "b1")])
    assert [p.content_hash for _, p in reading] == ["b0"]
    assert [p.content_hash for _, p in catalogue.photos()] == ["a0", "b1", "c0"]


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_picture_that_is_trained_on_is_refused_as_held_out(
    catalogue: Catalogue, split: Split
) -> None:
    catalogue.upsert_items([item("apple", "aa"), item("plum", "bb")])
    keys = catalogue.item_keys(["apple", "plum"])
    catalogue.upsert_further(keys["plum"], photo("cc"))
    of_catalogue = catalogue.upsert_further(keys["plum"], photo("aa", split))
    assert of_catalogue.refusal is not None
    assert "catalogue photo of item “apple”" in of_catalogue.refusal
    of_train = catalogue.upsert_further(keys["plum"], photo("cc", split))
    assert of_train.refusal is not None
    assert f"cannot also be a {split} photo" in of_train.refusal
    assert list(catalogue.photos(splits=["val", "test"])) == []


def test_a_picture_does_not_change_between_val_and_test(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("apple", "aa"), item("plum", "bb")])
    keys = catalogue.item_keys(["apple", "plum"])
    assert catalogue.upsert_further(keys["apple"], photo("cc", "val")).change == "added"
    assert catalogue.upsert_further(keys["apple"], photo("cc", "test")).refusal is not None
    assert catalogue.upsert_further(keys["plum"], photo("cc", "test")).refusal is not None
    assert [p.split for _, p in catalogue.photos(role="further")] == ["val"]


def test_a_held_out_picture_that_comes_in_for_training_is_let_go(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("apple", "aa"), item("plum", "bb")])
    keys = catalogue.item_keys(["apple", "plum"])
    catalogue.upsert_further(keys["apple"], photo("cc", "test"))
    catalogue.upsert_further(keys["apple"], photo("dd", "val"))
    (held,) = catalogue.upsert_items([item("plum", "bb", "cc")]).released
    assert (held.item_id, held.split, held.taken_by) == ("apple", "test", "plum")
    (held,) = catalogue.upsert_further(keys["plum"], photo("dd")).released
    assert (held.item_id, held.split, held.taken_by) == ("apple", "val", "plum")
    assert list(catalogue.photos(splits=["val", "test"])) == []


def test_a_catalogue_photo_listed_again_for_training_stays_one(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("apple", "aa")])
    before = catalogue.seq()
    assert catalogue.upsert_further(1, photo("aa")).change == "unchanged"
    assert catalogue.seq() == before
    assert [p.role for p in catalogue.photos_of(1)] == ["catalogue"]


def test_held_out_photos_do_not_make_an_item_wait(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("apple", "aa")])
    built = catalogue.seq()
    catalogue.upsert_further(1, photo("bb", "test"))
    assert catalogue.counts(built).waiting == 0
    catalogue.upsert_further(1, photo("cc"))
    assert catalogue.counts(built).waiting == 1
    changed = catalogue.seq()
    assert catalogue.upsert_further(1, photo("cc")).change == "unchanged"
    assert catalogue.seq() == changed


def test_a_photo_found_unusable_rejects_the_item_that_has_no_other(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("apple", "aa", "ab"), item("plum", "bb")])
    catalogue.put_photo_files(
        [PhotoFile("/photos/bb.jpg", Path("/photos/bb.jpg"), 1, 2, "bb", 3, 4)]
    )
    apple, plum = (catalogue.photos_of(key)[0] for key in (1, 2))
    catalogue.reject_photo(apple.key, "its bytes changed")
    catalogue.reject_photo(plum.key, "it is gone")
    catalogue.reject_photo(plum.key, "it is gone")
    assert catalogue.counts(0) == Counts(2, indexed=0, waiting=1, rejected=1)
    found = catalogue.get("plum")
    assert found is not None
    assert (found.state, found.reason) == ("rejected", "it is gone")
    assert [(r.item_id, r.value, r.reason) for r in catalogue.rejects()] == [
        ("apple", "/photos/aa.jpg", "its bytes changed"),
        ("plum", "/photos/bb.jpg", "it is gone"),
    ]
    assert catalogue.photo_files(["/photos/bb.jpg"]) == {}
    catalogue.forgive([("plum", "/photos/bb.jpg")])
    assert [r.item_id for r in catalogue.rejects()] == ["apple"]


def test_rejects_of_a_manifest_replace_one_another(catalogue: Catalogue) -> None:
    first = [Reject("/m.csv", n, None, "id", "", "the row has no id") for n in (2, 3)]
    catalogue.replace_rejects("catalogue", "/m.csv", first)
    catalogue.replace_rejects("further", "/m.csv", first[:1])
    catalogue.replace_rejects("catalogue", "/m.csv", first[1:])
    assert [r.row for r in catalogue.rejects()] == [3, 2]
    assert len(catalogue.rejects(limit=1)) == 1
    assert catalogue.reject_count() == 2


def test_embeddings_are_kept_by_picture_and_fingerprint(catalogue: Catalogue) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    catalogue.put_embeddings("f1", [("aa", vectors[0]), ("bb", vectors[1])])
    catalogue.put_embeddings("f2", [("aa", vectors[2])])
    found = catalogue.embeddings("f1", ["aa", "bb", "cc"])
    assert found.keys() == {"aa", "bb"}
    np.testing.assert_array_equal(found["bb"], vectors[1])
    np.testing.assert_array_equal(catalogue.embeddings("f2", ["aa"])["aa"], vectors[2])
    assert catalogue.missing_embeddings("f2", ["bb", "aa", "cc", "bb"]) == ["bb", "cc"]


def test_an_attribute_that_widens_converts_the_items_that_hold_it(catalogue: Catalogue) -> None:
    rows = [
        ItemRow("a", "A", ("X",), (photo("aa"),), attributes={"size": 5, "new": True}),
        ItemRow("b", "B", ("X",), (photo("bb"),), attributes={"new": False}),
    ]
    catalogue.set_attribute_types({"size": "int", "new": "bool"}, convert)
    catalogue.upsert_items(rows)
    before = catalogue.seq()
    catalogue.set_attribute_types({"size": "int"}, convert)
    assert catalogue.seq() == before
    catalogue.set_attribute_types({"size": "text"}, convert)
    a, b = catalogue.get("a"), catalogue.get("b")
    assert a is not None
    assert b is not None
    assert (a.attributes, b.attributes) == ({"size": "5", "new": True}, {"new": False})
    assert catalogue.attribute_types() == {"size": "text", "new": "bool"}
    assert catalogue.seq() == before + 1


def test_a_transaction_that_fails_leaves_nothing(catalogue: Catalogue) -> None:
    def half() -> None:
        with catalogue.transaction():
            catalogue.upsert_items([item("apple", "aa")])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        half()
    assert catalogue.get("apple") is None
    assert catalogue.upsert_items([item("plum", "bb")]).added == 1


def test_a_full_disk_is_told_and_leaves_what_was_there(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("a", "aa")])
    with catalogue.transaction() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    full = [item(f"item{n}" * 20, f"{n:064x}") for n in range(200)]
    with pytest.raises(ShopError, match="full; look at its disk"):
        catalogue.upsert_items(full)
    with catalogue.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert [one.item_id for one in catalogue.items()] == ["a"]
    assert catalogue.upsert_items(full).added == 200
    assert len(list(catalogue.items())) == 201


def test_a_damaged_catalogue_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    with closing(Catalogue.open(path)) as catalogue:
        catalogue.upsert_items([item(f"item{n}" * 20, f"{n:064x}") for n in range(200)])
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        roots = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE tbl_name = 'items' AND rootpage > 0"
        )
        pages = [number for (number,) in roots]
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(bytes(size))
    with closing(Catalogue.open(path)) as catalogue:
        with pytest.raises(ShopError, match="cannot be read"):
            list(catalogue.photos())
        with pytest.raises(ShopError, match="cannot be read"):
            catalogue.get("item1" * 20)


def test_photos_inside_the_shop_move_with_it(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    inside = tmp_path / "old" / "photos" / "aa.jpg"
    first = Catalogue.open(tmp_path / "old" / "catalogue.db")
    first.upsert_items([ItemRow("a", "A", ("X",), (PhotoRow("aa", inside, 1, 1),))])
    first.close()
    (tmp_path / "old").rename(tmp_path / "new")
    second = Catalogue.open(tmp_path / "new" / "catalogue.db")
    assert second.photos_of(1)[0].path == tmp_path / "new" / "photos" / "aa.jpg"
    second.close()


def test_threads_share_a_catalogue(catalogue: Catalogue) -> None:
    def write(worker: int) -> None:
        for n in range(20):
            catalogue.upsert_items([item(f"{worker}-{n}", f"p{worker}-{n}")])
            assert catalogue.get(f"{worker}-{n}") is not None

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalogue.counts(0).items == 80
    assert catalogue.seq() == 80


def test_two_processes_worth_of_connections_write_in_turn(tmp_path: Path) -> None:
    one, two = (Catalogue.open(tmp_path / "catalogue.db") for _ in range(2))
    one.upsert_items([item("a", "aa")])
    two.upsert_items([item("b", "bb")])
    assert one.counts(0) == two.counts(0) == Counts(2, 0, 2, 0)
    one.close()
    two.close()


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    Catalogue.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ShopError, match=r"schema version 99.*update the program"):
        Catalogue.open(path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalogue.db").write_bytes(b"certainly not a database" * 50)
    with pytest.raises(ShopError, match=r"catalogue\.db cannot be opened as a catalogue"):
        Catalogue.open(tmp_path / "catalogue.db")


def test_a_migration_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalogue.db"
    first = Catalogue.open(path)
    first.upsert_items([item("a", "aa")])
    first.close()
    half = ("ALTER TABLE items ADD COLUMN colour TEXT", "this is not SQL")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, half))
    with pytest.raises(ShopError, match="syntax error"):
        Catalogue.open(path)
    whole = ("ALTER TABLE items ADD COLUMN colour TEXT",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], whole))
    second = Catalogue.open(path)
    assert second.counts(0).items == 1
    second.close()
