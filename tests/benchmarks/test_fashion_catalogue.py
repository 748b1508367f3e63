"""Several labels a photo, and one department against the others, on fashion-catalogue."""

import csv
import shutil
import time
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

COLUMNS = ("category", "colour", "season")


def department(manifest: Path, name: str, folder: Path) -> Path:
    """Copy the rows and photos of one department into a folder of their own; return its manifest.

    A manifest may name photos of its own folder alone.
    """
    with manifest.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["department"] == name]
    for row in rows:
        copy = folder / row["image_path"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest.parent / row["image_path"], copy)
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder / "catalogue.csv"


def walk(folder: Path, manifest: Path, queries: Path, **training: Any) -> dict[str, Any]:
    """Import, train, build and evaluate; return the figures with the seconds it took."""
    started = time.monotonic()
    with Shop.create(folder) as shop:
        import_manifest(shop, manifest, category_columns=["department", "category"])
        train_shop(shop, **training)
        build(shop)
        found = evaluate(shop, queries, split="test").to_json()
    return found | {"took": time.monotonic() - started}


def test_type_colour_and_season_at_once(fashion_catalogue: Path, tmp_path: Path) -> None:
    queries = fashion_catalogue / "queries.csv"
    print(f"\n{machine()}")
    for part in ("head", "last"):
        found = walk(
            tmp_path / part,
            fashion_catalogue / "catalogue.csv",
            queries,
            config=TrainConfig(trained=part),
            labels=COLUMNS,
        )
        columns = "  ".join(f"{name} {share:.4f}" for name, share in found["by_column"].items())
        print(
            f"{part:6} mAP {found['map']:.4f}  micro F1 {found['micro_f1']:.4f}  macro F1 "
            f"{found['macro_f1']:.4f}  top-1 of {columns}  category recall@1 "
            f"{found['recall@1']:.4f}  {found['took']:.1f} s  ({found['queries']} queries)"
        )
        assert found["by_column"]["category"] > 0.7


def test_one_department_against_the_others(fashion_catalogue: Path, tmp_path: Path) -> None:
    queries = fashion_catalogue / "queries.csv"
    print(f"\n{machine()}")
    for name in ("Footwear", "Accessories", "Apparel"):
        manifest = department(fashion_catalogue / "catalogue.csv", name, tmp_path / name)
        found = walk(
            tmp_path / name / "shop",
            manifest,
            queries,
            config=TrainConfig(objective="one-class"),
            labels=(),
        )
        print(
            f"{name:12} own {found['own']} foreign {found['foreign']}  AUROC {found['auroc']:.4f}  "
            f"own turned away {found['false_alarm']:.4f}  foreign turned away "
            f"{found['reject_rate']:.4f}, at 5 % false alarms {found['reject_rate@0.05']:.4f}  "
            f"{found['took']:.1f} s"
        )
        assert found["auroc"] > 0.8
