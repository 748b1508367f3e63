"""After going back to another network live changes are embedded by that one, which serves."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from indexer.build import build
from indexer.counting import count_items
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.bundled_shop import bundled, use_model
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import painted

__all__ = ["bundled"]


@pytest.fixture
def shop(bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop with versions of two networks, and an item that only the second has embedded."""
    offer_tiny(monkeypatch)
    with Shop.open(shutil.copytree(bundled, tmp_path / "shop")) as opened:
        use_model(opened, 1)
        build(opened)
        add(opened, "late", 60)
        yield opened


def add(shop: Shop, item_id: str, seed: int) -> int:
    """Upsert an item as a process without a network at hand does; return how many are found."""
    folder = shop.path.parent
    (folder / f"{seed}.png").write_bytes(painted(seed))
    row = {"item_id": item_id, "category": "Fruit > Apple", "photos": [f"{seed}.png"]}
    return shop.upsert([row], folder=folder).searchable


def found(shop: Shop) -> set[str]:
    (hits,) = (searcher := Searcher.open(shop)).items.hits(searcher.version.vectors[:1], 50)
    return {hit.item.item_id for hit in hits}


def test_the_network_that_serves_embeds_and_a_build_catches_up(shop: Shop) -> None:
    newest = shop.current()
    assert {"late", "gala"} <= found(shop)
    told = CliRunner().invoke(app, ["rollback", str(shop.path), "--json"])
    assert json.loads(told.stdout)["waiting"] == 1
    older = shop.current()
    assert older.model != newest.model
    assert add(shop, "new", 61) == 1
    assert "late" not in found(shop)  # the other network has embedded it
    assert "new" in found(shop)
    assert (count_items(shop).waiting, add(shop, "late", 60)) == (1, 1)
    assert "late" in found(shop)
    shop.delete(["late"])
    add(shop, "late", 62)
    report = build(shop)
    assert (report.model, report.waiting, report.embedded) == (older.model, 0, 0)
    assert {"late", "new", "gala"} <= found(shop)


def test_a_build_after_going_back_embeds_what_waits(shop: Shop) -> None:
    CliRunner().invoke(app, ["rollback", str(shop.path)])
    status = CliRunner().invoke(app, ["status", str(shop.path)], env={"COLUMNS": "160"})
    assert "`vsearch build` takes in the 1 new or changed items" in status.output
    report = build(shop)
    assert (report.model, report.waiting, report.embedded) == (shop.current().model, 0, 1)
    assert "late" in found(shop)
