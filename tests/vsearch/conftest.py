"""Tiny photos and a tiny network, so that whole trainings fit in a test."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.images import ImageSpec, content_hash
from vsearch.models.architectures import ARCHITECTURES, Architecture
from vsearch.models.resnet import SmallResNet

COLOURS = ((200, 40, 40), (40, 180, 60), (50, 60, 200))


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the backbone “tiny”: two stages on photos of 32 × 32."""
    backbone = functools.partial(SmallResNet, (8, 16))
    spec = ImageSpec(size=32, fit="stretch")
    monkeypatch.setitem(ARCHITECTURES, "tiny", Architecture(backbone, spec, (0, 1)))


def noisy_photo(path: Path, label: int, seed: int) -> LabelledPhoto:
    """Write a noisy picture in the label's colour."""
    rng = np.random.default_rng((label, seed))
    pixels = np.array(COLOURS[label]) + rng.normal(0, 30, (40, 48, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return LabelledPhoto(path, content_hash(path.read_bytes()), (label,), catalogue=seed == 0)


@pytest.fixture
def colours(tmp_path: Path) -> TrainingData:
    """Three labels told apart by colour: six training photos and three val photos each."""
    photos = {
        split: tuple(
            noisy_photo(tmp_path / split / f"{label}-{seed}.png", label, seed)
            for label in range(3)
            for seed in seeds
        )
        for split, seeds in (("train", range(6)), ("val", range(10, 13)))
    }
    labels = tuple(Label(name, ("Paint", name), "colour") for name in ("red", "green", "blue"))
    return TrainingData(labels, ("colour",), photos["train"], photos["val"])
