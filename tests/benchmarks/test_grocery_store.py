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
    return f"{name:28} {values}  {seconds:6.1f} s"


def test_grocery_store(grocery_store: Path, tmp_path: Path) -> None:
    print(f"\n{machine()}\n{'':28} {'  '.join(f'{key:>8}' for key in FIGURES)}")
    measure(grocery_store, tmp_path / "head", TrainConfig(trained="head"), "head alone")
    every_view, catalogue = measure(
        grocery_store, tmp_path / "last", TrainConfig(), "last stages, the default"
    )
    assert every_view["queries"] == catalogue["queries"] == 2485
    assert every_view["top1"] >= 0.80
    assert every_view["top5"] >= 0.96
    assert every_view["map@r"] >= 0.60
    assert every_view["recall@1"] >= 0.80
    assert catalogue["recall@1"] >= 0.78
    assert catalogue["recall@5"] >= 0.96


def measure(
    photos: Path, folder: Path, config: TrainConfig, name: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Go from import to evaluation; print and return the figures of both kinds of index."""
    queries, started = photos / "queries.csv", time.monotonic()
    print(name)
    with Shop.create(folder) as shop:
        import_manifest(
            shop,
            photos / "catalogue.csv",
            photos=[photos / "images.csv"],
            category_columns=["department", "category"],
        )
        report = train_shop(shop, config, labels=("item_id",))
        print(f"  val {dict(report.metrics)}  {report.speed}  trained in {report.seconds:.1f} s")
        build(shop, views="all")
        every_view = evaluate(shop, queries, split="test").to_json()
        took = time.monotonic() - started
        print(row("  views all", every_view, took))
        build(shop, views="catalogue")
        catalogue = evaluate(shop, queries, split="test").to_json()
        print(row("  views catalogue", catalogue, time.monotonic() - started - took))
        packages = evaluate(shop, queries, split="test", where={"department": "Packages"}).to_json()
        print(row("  … Packages alone", packages, 0.0))
    return every_view, catalogue
