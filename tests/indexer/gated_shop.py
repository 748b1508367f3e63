"""A shop with held-out photos, and networks that say of each what a test wants them to say."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.shop import Shop
from tests.indexer.tiny_shop import (
    TinyEmbedder,
    TinyKind,
    TinyPredictions,
    add_further,
    make_shop,
    painted,
)
from vsearch.data import Label
from vsearch.images import load

APPLE, MILK, PEAR = ("Fruit", "Apple"), ("Dairy", "Milk"), ("Fruit", "Pear")
LABELS = (Label("Dairy > Milk", MILK), Label("Fruit > Apple", APPLE))
ITEMS = {f"item-{i}": ((APPLE, MILK)[i % 2], [2 * i, 2 * i + 1]) for i in range(6)}
VAL = range(100, 160)
"""Seeds of held-out photos; even ones show apples."""


class Knowing(TinyEmbedder):
    """Says of every painted photo what it is told to say; of others, nothing in particular."""

    def __init__(
        self,
        says: Mapping[int, str | Sequence[str]],
        model: str = "a" * 16,
        *,
        labels: Sequence[Label] = LABELS,
        columns: tuple[str, ...] = ("category",),
        embedding: str = "e" * 16,
        objective: TinyKind | None = None,
    ) -> None:
        super().__init__(labels, columns, embedding, model, objective)
        names = [label.name for label in labels]
        self._says = {
            load(painted(seed), self.spec).tobytes(): [
                names.index(name) for name in ([said] if isinstance(said, str) else said)
            ]
            for seed, said in says.items()
        }

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        embeddings = super().__call__(pixels).embeddings
        logits = np.full((len(pixels), len(self.bundle.labels)), -5, np.float32)
        for row, photo in enumerate(pixels):
            logits[row, self._says.get(photo.tobytes(), [])] = 5
        return self._told(embeddings, logits)


def truth(seeds: Sequence[int] = VAL) -> dict[int, str]:
    """Return what a perfect model says of the held-out photos."""
    return {seed: LABELS[1 - seed % 2].name for seed in seeds}


def wrong_about(seeds: Sequence[int]) -> dict[int, str]:
    """Return what a model says that is right but for these photos."""
    return truth() | {seed: LABELS[seed % 2].name for seed in seeds}


def make_gated_shop(path: Path) -> Shop:
    """Make the shop; nothing is built. Its test photo must not be asked about."""
    shop = make_shop(path, ITEMS)
    for seed in VAL:
        add_further(shop, f"item-{seed % 2 + 2 * (seed % 3)}", seed, "val")
    add_further(shop, "item-0", 500, "test")
    return shop


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Shop]:
    """The shop, open."""
    with make_gated_shop(tmp_path) as shop:
        yield shop
