"""An item is indexed where it can be found, and waits where it cannot; status and checks agree."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.catalogue import Counts
from indexer.checks import Sample, check_shop
from indexer.counting import count_items
from tests.indexer.live_shop import APPLE, MILK, LiveShop, hash_of
from tests.indexer.tiny_shop import item_row


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveShop]:
    made = LiveShop(tmp_path)
    with made.shop:
        yield made


def forget(live: LiveShop, *seeds: int) -> None:
    """Let cached embeddings be gone."""
    with live.shop.catalogue.transaction() as connection:
        hashes = [(hash_of(seed),) for seed in seeds]
        connection.executemany("DELETE FROM embeddings WHERE content_hash = ?", hashes)


def agreed(live: LiveShop) -> Counts:
    """Return the counts, which are also those of the rows and of what a search finds."""
    counts = count_items(live.shop)
    checks = check_shop(live.shop, sample=Sample(0))
    (items,) = (check for check in checks if check.name == "items")
    told = f"{counts.indexed} indexed + {counts.waiting} waiting"
    assert (items.ok, told in items.detail) == (True, True), items.detail
    (hits,) = live.searcher.items.hits(live.searcher.version.vectors[:1], 50)
    assert len(hits) >= counts.indexed
    return counts


def test_a_row_that_stands_needs_no_cached_embedding(live: LiveShop) -> None:
    live.upsert(live.row("gala", 1, 2, title="Royal gala"))  # no view changes
    forget(live, 1, 2)
    assert live.found(1) == "gala"
    assert agreed(live) == Counts(3, indexed=3, waiting=0, rejected=0)
    assert live.shop.catalogue.counts(live.searcher.version.manifest.sequence).waiting == 1


def test_an_item_that_has_moved_stands_no_more(live: LiveShop) -> None:
    live.upsert(live.row("gala", 1, 2, category=list(MILK)))
    forget(live, 1)
    assert agreed(live) == Counts(3, indexed=2, waiting=1, rejected=0)


def test_one_view_that_cannot_be_found_lets_an_item_wait(live: LiveShop) -> None:
    rows = [
        item_row(live.folder, "gala", APPLE, [1, 2, 9]),
        item_row(live.folder, "new", APPLE, [3]),
    ]
    live.shop.catalogue.upsert_items(rows)
    forget(live, 1)
    assert agreed(live) == Counts(4, indexed=3, waiting=1, rejected=0)
    forget(live, 3)  # that of “fuji” stands, that of “new” does not
    assert agreed(live) == Counts(4, indexed=2, waiting=2, rejected=0)


def test_before_the_first_index_everything_waits(tmp_path: Path) -> None:
    made = LiveShop(tmp_path, built=False)
    with made.shop:
        assert count_items(made.shop) == Counts(3, indexed=0, waiting=3, rejected=0)
