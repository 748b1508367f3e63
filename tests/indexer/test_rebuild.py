"""A rebuild is due when the changes since the index was built weigh on every search."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import rebuild
from indexer.build import build
from indexer.live import delete
from indexer.rebuild import Drift, drift, rebuild_due
from indexer.version_files import read_manifest
from tests.indexer.live_shop import LiveShop
from tests.indexer.tiny_shop import TinyEmbedder, item_row


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveShop]:
    made = LiveShop(tmp_path)
    with made.shop:
        yield made


def test_changes_are_counted_in_rows(live: LiveShop) -> None:
    assert drift(live.shop) == Drift(delta=0, dead=0, rows=4)
    live.upsert(live.row("pink", 50, 51))
    delete(live.shop, ["gala"])
    live.upsert(live.row("fuji", 3, colour="red"))  # its row stays where it is
    waiting = item_row(live.folder, "bulk", ("Fruit",), [60])
    live.shop.catalogue.upsert_items([waiting])
    assert drift(live.shop) == Drift(delta=2, dead=2, rows=4)
    build(live.shop, embedder=TinyEmbedder())
    assert drift(live.shop) == Drift(delta=0, dead=0, rows=5)


@pytest.mark.parametrize(
    ("found", "due"),
    [
        (Drift(0, 0, 0), False),
        (Drift(20_000, 100_000, 1_000_000), False),
        (Drift(20_001, 0, 1_000_000), True),
        (Drift(0, 100_001, 1_000_000), True),
        (Drift(0, 1_000, 1_000), False),  # so few cost nothing
        (Drift(0, 1_001, 2_000), True),
    ],
)
def test_too_many_are_a_reason(found: Drift, due: bool) -> None:
    assert (found.reason is not None) == due


def test_the_reason_tells_how_many(live: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
    live.upsert(live.row("pink", 50, 51))
    assert rebuild_due(live.shop) is None
    monkeypatch.setattr(rebuild, "MOST_DELTA", 1)
    assert rebuild_due(live.shop) == "2 views are searched beside the index, more than 1"
    monkeypatch.setattr(rebuild, "MOST_DELTA", 10)
    monkeypatch.setattr(rebuild, "FEW_DEAD", 1)
    delete(live.shop, ["gala"])
    assert rebuild_due(live.shop) == "2 of the index's 4 rows count no longer"


def test_without_an_index_none_is_due_and_a_damaged_one_is_a_reason(tmp_path: Path) -> None:
    live = LiveShop(tmp_path, built=False)
    with live.shop:
        assert drift(live.shop) is None
        assert rebuild_due(live.shop) is None
        report = build(live.shop, embedder=TinyEmbedder())
        folder = live.shop.indexes / report.version
        assert read_manifest(folder).rows == 4
        with (folder / "vectors.npy").open("r+b") as file:
            file.truncate(10)
        assert "vectors.npy has 10 bytes" in str(rebuild_due(live.shop))
