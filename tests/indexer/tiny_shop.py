"""A shop of painted squares and a network of one random projection: seconds become milliseconds."""

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.records import ItemRow, PhotoRow, Split
from indexer.shop import Shop
from vsearch.data import Label
from vsearch.images import ImageSpec
from vsearch.taxonomy import CategoryPath

SIDE = 8


@dataclass(frozen=True)
class TinyPredictions:
    embeddings: NDArray[np.float32]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    assigned: NDArray[np.bool_]
    shares: NDArray[np.float32]
    familiarity: NDArray[np.float32]
    foreign: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TinyBundle:
    labels: tuple[Label, ...]
    label_columns: tuple[str, ...]


@dataclass(frozen=True)
class TinyKind:
    """A kind of classification by its properties alone; one label a photo unless told."""

    name: str = "tiny"
    exclusive: bool = True
    rejects: bool = False
    most_labels: int | None = None


SEVERAL = TinyKind("several", exclusive=False)
YES_OR_NO = TinyKind("yes or no", most_labels=2)
OWN_OR_FOREIGN = TinyKind("own or foreign", exclusive=False, rejects=True, most_labels=1)


class TinyEmbedder:
    """Projects a photo's colours; counts the photos that it has seen."""

    spec = ImageSpec(size=SIDE, fit="stretch", interpolation="bilinear")
    dim = 16
    batch_sizes = (1, 4)

    def __init__(
        self,
        labels: Iterable[Label] = (Label("thing", ("Things",)),),
        label_columns: tuple[str, ...] = ("category",),
        embedding_fingerprint: str = "e" * 16,
        model_fingerprint: str = "a" * 16,
        objective: TinyKind | None = None,
    ) -> None:
        self.bundle = TinyBundle(tuple(labels), label_columns)
        self.objective = objective or TinyKind()
        self.embedding_fingerprint = embedding_fingerprint
        self.model_fingerprint = model_fingerprint
        seed = int(embedding_fingerprint, 16) % 2**32
        rng = np.random.default_rng(seed)
        self._projection = rng.standard_normal((SIDE * SIDE * 3, self.dim)).astype(np.float32)
        self._classes = rng.standard_normal((self.dim, len(self.bundle.labels))).astype(np.float32)
        self._tree = np.array([bool(label.path) for label in self.bundle.labels])
        self.photos = 0

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        assert pixels.shape[1:] == (SIDE, SIDE, 3)
        assert pixels.dtype == np.uint8
        self.photos += len(pixels)
        values = pixels.reshape(len(pixels), -1).astype(np.float32) / 127.5 - 1
        # Row by row, because a product of matrices may round otherwise in another batch.
        embeddings = np.stack([row @ self._projection for row in values])
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        return self._told(embeddings, 4 * embeddings @ self._classes)

    def _told(
        self, embeddings: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> TinyPredictions:
        usual = embeddings[:, :2]
        if self.objective.exclusive:
            probabilities = softmax(logits)
            assigned = probabilities == probabilities.max(axis=1, keepdims=True)
            return TinyPredictions(
                embeddings, logits, probabilities, assigned, probabilities * self._tree[None], usual
            )
        probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
        shares = np.zeros_like(logits)
        if self._tree.any():
            shares[:, self._tree] = softmax(logits[:, self._tree])
        foreign = 1 - probabilities.max(axis=1) if self.objective.rejects else None
        return TinyPredictions(
            embeddings, logits, probabilities, probabilities > 0.5, shares, usual, foreign
        )

    def uncalibrated(
        self, logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what would be told were all logits half as large."""
        told = self._told(np.zeros((len(logits), self.dim), np.float32), logits / np.float32(2))
        return told.probabilities, told.shares


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)


def painted(seed: int) -> bytes:
    """Return a PNG of random squares; the same seed gives the same bytes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def photo_row(folder: Path, seed: int, *, position: int = 0, split: Split = "train") -> PhotoRow:
    """Paint a photo into the folder."""
    data = painted(seed)
    path = folder / f"{seed}.png"
    path.write_bytes(data)
    return PhotoRow(hashlib.sha256(data).hexdigest(), path, SIDE, SIDE, split, position)


def item_row(
    folder: Path,
    item_id: str,
    category: CategoryPath,
    seeds: Sequence[int],
    *,
    attributes: Mapping[str, str] | None = None,
) -> ItemRow:
    """Paint an item's catalogue photos, one a seed."""
    photos = tuple(photo_row(folder, seed, position=i) for i, seed in enumerate(seeds))
    title = f"The {item_id}"
    return ItemRow(item_id, title, category, photos, attributes=dict(attributes or {}))


def make_shop(path: Path, items: Mapping[str, tuple[CategoryPath, Sequence[int]]]) -> Shop:
    """Make a shop of items given as category and photo seeds, by item id."""
    folder = path / "source"
    folder.mkdir(parents=True)
    shop = Shop.create(path / "shop")
    shop.catalogue.upsert_items(
        [item_row(folder, item_id, *contents) for item_id, contents in items.items()]
    )
    return shop


def add_further(shop: Shop, item_id: str, seed: int, split: Split) -> PhotoRow:
    """Add a further labelled photo to an item."""
    item = shop.catalogue.get(item_id)
    assert item is not None
    row = photo_row(shop.path.parent / "source", seed, split=split)
    outcome = shop.catalogue.upsert_further(item.key, row)
    assert outcome.refusal is None
    return row
