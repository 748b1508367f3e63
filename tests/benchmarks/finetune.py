"""Fine-tune every layer on photos in grocery-store's format; top-1 of a split.

The folder has images.csv with image_path, split and item_id, and catalogue.csv with item_id and
image_path. Nothing of a shop is needed, so that this runs where JAX, flax, optax, orbax, NumPy,
Pillow and safetensors are, and nothing else.
"""

import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.embed import Embedder
from vsearch.fit_network import FINE_TUNING
from vsearch.images import content_hash, load, read_photo
from vsearch.precision import PRECISIONS
from vsearch.train import TrainConfig, train


@dataclass(frozen=True)
class Finetuning:
    """What is trained, and on what it is judged.

    Attributes:
        folder: of images.csv and catalogue.csv.
        split: whose top-1 is told; never trained on.
        weights: None: the package's, where one ships them.
        cache: for decoded photos; None: a temporary folder.
    """

    folder: Path
    split: str
    backbone: str
    weights: str | None
    precision: str
    epochs: int
    batch: int
    learning_rate: float
    cache: Path | None

    @property
    def config(self) -> TrainConfig:
        """Return how every layer is trained."""
        network = replace(
            FINE_TUNING, epochs=self.epochs, batch=self.batch, learning_rate=self.learning_rate
        )
        return TrainConfig(
            backbone=self.backbone,
            weights=self.weights,
            precision=self.precision,
            trained="all",
            network=network,
        )


def finetune(plan: Finetuning) -> dict[str, Any]:
    """Train, print and return top-1 of the split, how many photos it has, and the times."""
    config = plan.config
    data, judged = read_data(plan.folder, plan.split)
    print(
        f"{config.backbone} in {plan.precision}, all layers, {plan.epochs} epochs of "
        f"{len(data.train)} photos, {plan.batch} a step, {len(data.labels)} labels"
    )
    started = time.perf_counter()
    with _folder(plan.cache) as cache:
        result = train(data, config, cache=cache, progress=_Reports())
    took = time.perf_counter() - started
    embedder = Embedder(result.bundle, PRECISIONS[plan.precision])
    started = time.perf_counter()
    right = 0
    for first in range(0, len(judged), 64):
        part = judged[first : first + 64]
        pixels = np.stack([load(photo.path.read_bytes(), embedder.spec) for photo in part])
        found = embedder(pixels).probabilities.argmax(axis=1)
        right += sum(label in p.labels for label, p in zip(found.tolist(), part, strict=True))
    report = {
        "config": asdict(config),
        "split": plan.split,
        "photos": len(judged),
        "top1": right / len(judged),
        "train_seconds": took,
        "judge_seconds": time.perf_counter() - started,
        "speed": result.speed.to_json() if result.speed else None,
        "skipped": result.skipped,
        "unreadable": len(result.unreadable),
        "chosen_step": result.bundle.training["chosen_step"],
        "history": result.bundle.training["history"],
    }
    print(
        f"top-1 of {plan.split} {report['top1']:.4f} ({len(judged)} photos); trained in {took:.1f} "
        f"s, {report['speed']}; judged in {report['judge_seconds']:.1f} s"
    )
    return report


class _Reports:
    """Tells on stderr how far each stage is, every ten seconds and at its end."""

    def __init__(self) -> None:
        self.told = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self.told > 10:
            print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)
            self.told = now


def read_data(folder: Path, split: str) -> tuple[TrainingData, tuple[LabelledPhoto, ...]]:
    """Return the photos to train on, and those of `split`.

    Raises:
        ValueError: the folder has no photo of that split, or it is the one that is trained on.
    """
    images, items = _rows(folder / "images.csv"), _rows(folder / "catalogue.csv")
    splits = sorted({row["split"] for row in images} - {"train"})
    if split not in splits:
        raise ValueError(f"{folder} has no photos of split {split} to judge by; it has {splits}")
    names = sorted({row["item_id"] for row in items})
    number = {name: index for index, name in enumerate(names)}

    def photos(rows: list[dict[str, str]], catalogue: bool) -> Iterator[LabelledPhoto]:
        for row in rows:
            path = folder / row["image_path"]
            labels = (number[row["item_id"]],)
            yield LabelledPhoto(path, content_hash(read_photo(path)), labels, catalogue)

    parts = {
        name: tuple(photos([row for row in images if row["split"] == name], catalogue=False))
        for name in {"train", "val", split}
    }
    held_out = {p.content_hash for name in ("val", split) for p in parts[name]}
    everything = (*photos(items, catalogue=True), *parts["train"])
    data = TrainingData(
        tuple(Label(name, (name,), "item_id") for name in names),
        ("item_id",),
        tuple(photo for photo in everything if photo.content_hash not in held_out),
        parts["val"],
    )
    return data, parts[split]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
