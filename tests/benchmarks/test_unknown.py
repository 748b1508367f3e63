"""How well “not something we sell” is told, and how honest probabilities are, on real photos.

A shop of all groceries is asked with photos of fashion: anything else. One that lacks every fifth
product is asked with photos of these: what is like the shop's own and yet not of it. Beside it, in
the same run, two simple peers: the greatest probability (Hendrycks & Gimpel, A Baseline for
Detecting Misclassified and Out-of-Distribution Examples in Neural Networks, 2017,
arXiv:1610.02136), here calibrated, and the similarity of the nearest view.
"""

import csv
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import build
from indexer.embedding import PhotoPredictions, Pixels, predict
from indexer.evaluate import FOREIGN_QUERIES, evaluate
from indexer.importing import import_manifest
from indexer.search import Searcher
from indexer.shop import Shop
from indexer.training import train_shop
from tests.benchmarks.machine import machine
from vsearch.images import load
from vsearch.intervals import auroc_interval
from vsearch.metrics import auroc, reject_rate
from vsearch.train import TrainConfig

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(3600)]

CONFIG = TrainConfig()
EVERY = 5  # of the products sorted by id, each so many-th is held back
FALSE_REJECTS = 0.05

# How much at home a photo looks, by each way to tell.
WAYS: dict[str, Callable[[Searcher, PhotoPredictions], NDArray[np.float32]]] = {
    "ours": lambda searcher, told: -judged(searcher, told),
    "greatest probability": lambda searcher, told: told.probabilities.max(axis=1),
    "nearest view": lambda searcher, told: searcher.version.index.search(told.embeddings, 1)[0][
        :, 0
    ],
}


def test_photos_of_anything_else(
    grocery_store: Path, fashion_catalogue: Path, tmp_path: Path
) -> None:
    queries = fashion_catalogue / "queries.csv"
    with trained_shop(grocery_store, tmp_path / "shop") as shop:
        figures = measured(shop, grocery_store / "queries.csv", unknown=[queries])
        areas = told_apart(shop, grocery_store, photos_of(queries))
    (curve,) = figures["unknown"]["curves"]
    assert curve["auroc"] == pytest.approx(areas["ours"], abs=1e-3)
    assert curve["auroc"] >= 0.98
    errors = {level["level"]: level["ece"] for level in figures["levels"]}
    assert errors["label"] <= 0.05
    assert errors["level 2"] <= 0.04


def test_products_that_are_held_back(grocery_store: Path, tmp_path: Path) -> None:
    photos = Path(shutil.copytree(grocery_store, tmp_path / "photos"))
    held = hold_back(photos)
    with trained_shop(photos, tmp_path / "shop") as shop:
        figures = measured(shop, photos / "queries.csv")
        areas = told_apart(shop, photos, photos_of(photos / "queries.csv", held))
    (curve,) = figures["unknown"]["curves"]
    assert (curve["name"], curve["photos"]) == (FOREIGN_QUERIES, figures["foreign"])
    assert curve["auroc"] == pytest.approx(areas["ours"], abs=1e-3)
    assert curve["auroc"] >= 0.80


def hold_back(photos: Path) -> set[str]:
    """Take every fifth product out of the manifests that a shop is made of; return which."""
    with (photos / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        held = {*sorted(row["item_id"] for row in csv.DictReader(file))[::EVERY]}
    for name in ("catalogue.csv", "images.csv"):
        with (photos / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        with (photos / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row["item_id"] not in held)
    return held


def photos_of(queries: Path, items: set[str] | None = None) -> list[Path]:
    """Return the test photos of a manifest, of some items or of all."""
    with queries.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    return [
        queries.parent / row["image_path"]
        for row in rows
        if items is None or row["item_id"] in items
    ]


def trained_shop(photos: Path, folder: Path) -> Shop:
    """Import, train and build a shop of all photos; print how large it is and how long it took."""
    started = time.monotonic()
    shop = Shop.create(folder)
    import_manifest(
        shop,
        photos / "catalogue.csv",
        photos=[photos / "images.csv"],
        category_columns=["department", "category"],
    )
    report = train_shop(shop, CONFIG, labels=("item_id",))
    built = build(shop, views="all", false_rejects=FALSE_REJECTS)
    print(
        f"\n{machine()}\n{built.indexed} items, {built.rows} views, {report.train_photos} train, "
        f"{report.val_photos} val photos; trained and built in {time.monotonic() - started:.0f} s"
    )
    return shop


def measured(shop: Shop, queries: Path, unknown: Sequence[Path] = ()) -> dict[str, Any]:
    """Evaluate and print what is told of levels, foreign photos and restriction."""
    figures = evaluate(shop, queries, unknown=unknown).to_json()
    print(f"{figures['queries']} own photos, top-1 {figures['top1']:.4f}")
    for level in figures["levels"]:
        print(
            f"  {level['level']:8} {level['classes']:3} classes  top-1 {level['top1']:.4f}  ECE "
            f"{level['ece']:.4f}, uncalibrated {level['ece_uncalibrated']:.4f}"
        )
    restricted = figures["restricted"]
    print(
        "  search among all rows: "
        f"{recalls(figures)};  within the likely categories: {recalls(restricted)}, clear "
        f"{restricted['within']:.4f}, rows looked at {restricted['rows']:.4f}"
    )
    told = figures["unknown"]
    print(f"  called unknown: {told['own_rejected']:.4f} of {told['own']} own photos")
    for curve in told["curves"]:
        print(f"  called unknown: {curve['rejected']:.4f} of {curve['photos']}, {curve['name']}")
    return figures


def recalls(figures: Mapping[str, float]) -> str:
    return "  ".join(f"recall@{k} {figures[f'recall@{k}']:.4f}" for k in (1, 5, 10))


def told_apart(shop: Shop, photos: Path, foreign: Sequence[Path]) -> dict[str, float]:
    """Print how well each way tells foreign photos from the shop's own; return the areas."""
    own = [path for path in photos_of(photos / "queries.csv") if path not in set(foreign)]
    searcher, areas = Searcher.open(shop), {}
    home = [seen_by_all(searcher, paths) for paths in (own, foreign)]
    positive = np.arange(len(own) + len(foreign)) >= len(own)
    for name in WAYS:
        scores = [-found[name] for found in home]
        areas[name] = area = auroc(np.concatenate(scores), positive)
        low, high = auroc_interval(area, len(foreign), len(own))
        turned_away = reject_rate(home[0][name], home[1][name], FALSE_REJECTS)
        print(
            f"  {name:22} AUROC {area:.4f} ({low:.4f} to {high:.4f}), {turned_away:.4f} of "
            f"{len(foreign)} rejected with {FALSE_REJECTS:.0%} of {len(own)} own ones"
        )
    return areas


def seen_by_all(searcher: Searcher, paths: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Return how much at home photos look to each way, (photos,)."""

    def read(path: Path) -> Pixels:
        return load(path.read_bytes(), searcher.embedder.spec)

    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in WAYS}
    for _, predictions in predict(searcher.embedder, paths, read):
        for name, way in WAYS.items():
            found[name].append(way(searcher, predictions))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def judged(searcher: Searcher, predictions: PhotoPredictions) -> NDArray[np.float32]:
    scores = searcher.foreign(predictions)
    assert scores is not None
    return scores
