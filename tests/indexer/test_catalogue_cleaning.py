"""A catalogue that changes for ever stays as large as it was, and nobody misses what was taken."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer import live_photos
from indexer.build import build
from indexer.checks import Sample, check_shop
from indexer.cleaning import Leftover, clean, leftovers
from indexer.counting import count_items
from indexer.intake import Files
from indexer.live import upsert
from indexer.records import PhotoFile
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.versions import rollback, version_folders
from tests.indexer.live_shop import LiveShop, hash_of
from tests.indexer.tiny_shop import TinyEmbedder
from vsearch.difference_hash import Look

TABLES = ("items", "photos", "changes", "embeddings", "photo_files", "looks", "live_items")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveShop]:
    made = LiveShop(tmp_path)
    with made.shop:
        (made.shop.models / TinyEmbedder().model_fingerprint).mkdir(parents=True)
        yield made


def found(shop: Shop) -> dict[str, Leftover]:
    return {one.kind: one for one in leftovers(shop)}


def sizes(shop: Shop) -> dict[str, int]:
    with shop.catalogue.frozen() as connection:
        return {
            table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in TABLES
        }


def pages(shop: Shop) -> int:
    """Return how large the catalogue is, those pages among them that only the log has as yet."""
    with shop.catalogue.frozen() as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def cached(shop: Shop, *seeds: int) -> set[int]:
    known = shop.catalogue.embeddings("e" * 16, [hash_of(seed) for seed in seeds])
    return {seed for seed in seeds if hash_of(seed) in known}


def churn(live: LiveShop, first: int, items: int = 6) -> None:
    """Add items with photos of their own, and delete them with their files."""
    seeds = range(first, first + items)
    live.upsert(*(live.row(f"item-{seed}", seed) for seed in seeds))
    live.shop.catalogue.put_looks(
        [(hash_of(seeds[0]), Look(*(np.zeros(s, np.uint8) for s in ((32,), (16, 16, 3)))))]
    )
    live.shop.delete([f"item-{seed}" for seed in seeds])
    for seed in seeds:
        (live.folder / f"{seed}.png").unlink()


def test_endless_churn_leaves_a_shop_as_large_as_it_was(live: LiveShop) -> None:
    measured = []
    for cycle in range(24):
        churn(live, first=100 + 10 * cycle)
        live.upsert(live.row("gala", 1, 2, title=f"Gala {cycle}"))
        if cycle % 2:
            build(live.shop, embedder=live.embedder)
            clean(live.shop)
            measured.append((sizes(live.shop), pages(live.shop)))
        # One that was open before all of this finds what there is.
        assert live.found(1) == "gala"
        (hits,) = live.searcher.items.hits(live.searcher.version.vectors[:1], 50)
        assert {hit.item.item_id for hit in hits} == {"gala", "fuji", "whole"}
    rows, used = zip(*measured, strict=True)
    # As many versions are kept as there are after three builds; from then on nothing grows.
    assert rows[3:] == (rows[3],) * len(rows[3:])
    assert rows[3]["embeddings"] <= 4 + 1  # those of photos that there are, and the last one
    assert rows[3]["changes"] <= 3 + 3 * 2 * 6
    assert rows[3]["looks"] == 0
    assert max(used[6:]) <= max(used[:6])  # freed pages are used again
    assert len(version_folders(live.shop)) == 3
    checks = {check.name: check for check in check_shop(live.shop, sample=Sample(0))}
    for name in ("catalogue file", "item states", "rows", "items"):
        assert checks[name].ok, checks[name]


def test_embeddings_of_photos_that_are_gone_go_but_for_the_last(live: LiveShop) -> None:
    churn(live, first=100)
    live.upsert(live.row("pink", 50))
    mark = live.shop.catalogue.marks()
    told = found(live.shop)["cached embeddings of photos that are gone"]
    assert (told.count, told.bytes, told.removable) == (6, 6 * 16 * 4, True)
    assert told in clean(live.shop)
    assert cached(live.shop, 1, 2, 3, 4, 50, *range(100, 106)) == {1, 2, 3, 4, 50}
    live.shop.delete(["pink"])
    clean(live.shop)
    assert cached(live.shop, 50) == {50}  # readers go on from its number
    assert live.shop.catalogue.marks()[1] == mark[1]
    assert live.found(50) is None


def test_every_kept_version_answers_after_a_clean(live: LiveShop) -> None:
    first = live.shop.current().index
    churn(live, first=100)
    live.shop.delete(["fuji"])
    live.upsert(live.row("pink", 50))
    build(live.shop, embedder=live.embedder)
    live.upsert(live.row("late", 51))
    live.shop.delete(["whole"])
    with Shop.open(live.shop.path) as other:
        idle = Searcher.open(other, embedder=TinyEmbedder())  # has seen nothing of what follows
        live.shop.delete(["pink"])
        clean(live.shop)
        assert "deletions that every index has taken in" not in found(live.shop)
        for searcher in (idle, live.searcher):
            (hits,) = searcher.items.hits(live.searcher.version.vectors[:1], 50)
            assert {hit.item.item_id for hit in hits} == {"gala", "late"}
        assert first is not None
        rollback(live.shop, first)
        older = Searcher.open(live.shop, embedder=TinyEmbedder())
        assert older.version.name == first
        (hits,) = older.items.hits(live.searcher.version.vectors[:1], 50)
        assert {hit.item.item_id for hit in hits} == {"gala", "late"}
        assert count_items(live.shop).waiting == 0


def test_who_was_idle_while_deletions_were_pruned_finds_what_is_gone(live: LiveShop) -> None:
    live.upsert(live.row("pink", 50))
    live.shop.columns.current(live.shop.columns.current().columns)
    assert (live.found(50), live.found(3)) == ("pink", "fuji")
    with Shop.open(live.shop.path) as other:
        other.delete(["pink", "fuji"])
        for seed in range(60, 64):
            upsert(
                other, [live.row(f"new-{seed}", seed)], embedder=live.embedder, folder=live.folder
            )
            build(other, embedder=live.embedder)
        kind = "deletions that every index has taken in"
        assert found(other)[kind].count == 2
        clean(other)
        assert kind not in found(other)
    assert (live.found(50), live.found(3), live.found(60)) == (None, None, "new-60")


def test_a_clean_between_reading_and_committing_an_upsert_takes_nothing_from_it(
    live: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    churn(live, first=100)
    live.upsert(live.row("pink", 50))  # so that those before are not the last
    files, cleaned = live_photos.LivePhotos.files, list[int]()

    def then_clean(photos: live_photos.LivePhotos, *asked: Collection[str]) -> Files:
        told = files(photos, *asked)  # type: ignore[arg-type]
        if not cleaned:
            with Shop.open(live.shop.path) as other:
                cleaned.append(sum(one.count for one in clean(other)))
        return told

    monkeypatch.setattr(live_photos.LivePhotos, "files", then_clean)
    report = live.upsert(live.row("back", 100))
    assert (report.searchable, report.embedded) == (1, 1)
    assert cleaned[0] >= 6
    assert live.found(100) == "back"


def test_what_is_known_of_files_that_are_there_stays(live: LiveShop) -> None:
    churn(live, first=100)
    kept = live.folder / live.photo(70)
    notes = [
        PhotoFile(str(path), path, 1, 1, name, 8, 8)
        for path, name in ((kept, "aa"), (live.folder / "gone.png", "bb"))
    ]
    live.shop.catalogue.put_photo_files(notes)
    before = sizes(live.shop)["photo_files"]
    told = found(live.shop)["notes on photo files that are gone"]
    assert told.count == 6 + 1
    clean(live.shop)
    assert sizes(live.shop)["photo_files"] == before - told.count
    assert live.shop.catalogue.photo_files([str(kept)])
