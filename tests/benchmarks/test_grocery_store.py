"""The published protocol on all of grocery-store; it prints the table of BENCHMARKS.md."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build
from indexer.evaluate import evaluate
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from tests.benchmarks.machine import machine
from vsearch.train import TrainConfig

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(3600)]

FIGURES = ("top1", "top5", "recall@1", "recall@5", "map@r", "ece")


def row(name: str, figures: Mapping[str, Any], seconds: float) -> str:
    values = "  ".join(f"{figures[key]:8.4f}" for key in FIGURES)
    return f"{name:24} {values}  {seconds:6.1f} s"


def test_grocery_store(grocery_store: Path, tmp_path: Path) -> None:
    print(f"\n{machine()}\n{'':24} {'  '.join(f'{key:>8}' for key in FIGURES)}")
    started = time.monotonic()
    with Shop.create(tmp_path / "shop") as shop:
        import_manifest(
            shop,
            grocery_store / "catalogue.csv",
            photos=[grocery_store / "images.csv"],
            category_columns=["department", "category"],
        )
        train_shop(shop, TrainConfig(), labels=("item_id",))
        build(shop, views="all")
        every_view = evaluate(shop, grocery_store / "queries.csv", split="test").to_json()
        took = time.monotonic() - started
        print(row("views all", every_view, took))
        build(shop, views="catalogue")
        catalogue = evaluate(shop, grocery_store / "queries.csv", split="test").to_json()
        print(row("views catalogue", catalogue, time.monotonic() - started - took))
        packages = evaluate(
            shop, grocery_store / "queries.csv", split="test", where={"department": "Packages"}
        ).to_json()
        print(row("… Packages alone", packages, 0.0))
    assert every_view["queries"] == catalogue["queries"] == 2485
    assert every_view["top1"] >= 0.72
    assert every_view["top5"] >= 0.94
    assert every_view["recall@1"] >= 0.72
    assert catalogue["recall@1"] >= 0.65
    assert catalogue["recall@5"] >= 0.90
