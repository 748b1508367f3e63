"""Balanced batches against logit adjustment on a skewed split of grocery-store's train photos.

Label i of 81 keeps the share 20^(-i/80) of its phone photos, at least one; the order of the labels
and the photos kept are drawn with a seed. Val stays whole; test is not looked at.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.machine import machine
from vsearch.data import Label, LabelledPhoto, TrainingData, targets_of
from vsearch.embed import Embedder
from vsearch.images import content_hash, load
from vsearch.metrics import macro_accuracy, top_k_accuracy
from vsearch.train import TrainConfig, train
from vsearch.train_config import Imbalance

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(3600)]

RATIO = 20.0
SEEDS = (0, 1, 2)
WAYS: tuple[Imbalance, ...] = ("none", "balanced", "logit-adjusted")


def skewed(folder: Path) -> TrainingData:
    """Return the skewed training data: every catalogue photo, a long tail of phone photos."""
    with (folder / "catalogue.csv").open(encoding="utf-8") as file:
        items = list(csv.DictReader(file))
    with (folder / "images.csv").open(encoding="utf-8") as file:
        images = [row for row in csv.DictReader(file) if row["split"] != "test"]
    names = sorted(row["item_id"] for row in items)
    rng = np.random.default_rng(0)
    place = dict(zip(rng.permutation(names).tolist(), range(len(names)), strict=True))

    def photo(row: dict[str, str], catalogue: bool) -> LabelledPhoto:
        path = folder / row["image_path"]
        label = names.index(row["item_id"])
        return LabelledPhoto(path, content_hash(path.read_bytes()), (label,), catalogue)

    own = defaultdict(list)
    for row in images:
        if row["split"] == "train":
            own[row["item_id"]].append(row)
    train = [photo(row, True) for row in items]
    for name in names:
        share = RATIO ** (-place[name] / (len(names) - 1))
        kept = rng.permutation(len(own[name]))[: max(1, round(share * len(own[name])))]
        train += [photo(own[name][index], False) for index in sorted(kept.tolist())]
    val = [photo(row, False) for row in images if row["split"] == "val"]
    labels = tuple(Label(name, (name,), "item_id") for name in names)
    return TrainingData(labels, ("item_id",), tuple(train), tuple(val))


def test_ways_with_imbalance(grocery_store: Path, tmp_path: Path) -> None:
    data = skewed(grocery_store)
    counts = targets_of(data.train, len(data.labels)).sum(axis=0)
    print(f"\n{machine()}")
    print(f"{len(data.train):,} train photos, {counts.min()} to {counts.max()} a label")
    rare = np.argsort(counts, kind="stable")[: len(counts) // 3]
    truth = targets_of(data.val, len(data.labels)).argmax(axis=1)
    pixels: np.ndarray | None = None
    print(f"{'':16} {'top-1':>7} {'macro':>7} {'rare third':>10}   val, mean of {len(SEEDS)} seeds")
    macros = {}
    for way in WAYS:
        figures = []
        for seed in SEEDS:
            config = TrainConfig(trained="head", imbalance=way, seed=seed)
            embedder = Embedder(train(data, config, cache=tmp_path / "cache").bundle)
            if pixels is None:
                pixels = np.stack([load(p.path.read_bytes(), embedder.spec) for p in data.val])
            told = embedder(pixels).probabilities
            guess = told.argmax(axis=1)
            of_rare = np.isin(truth, rare)
            figures.append(
                (
                    top_k_accuracy(told, truth),
                    macro_accuracy(guess, truth),
                    float((guess == truth)[of_rare].mean()),
                )
            )
        top1, macro, rare_top1 = np.mean(figures, axis=0)
        macros[way] = float(macro)
        print(f"{way:16} {top1:7.4f} {macro:7.4f} {rare_top1:10.4f}")
    assert max(macros["balanced"], macros["logit-adjusted"]) > macros["none"]
