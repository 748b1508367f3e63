"""Photos on disk to checked embeddings: what a build and a live change share."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoEmbedder, Pixels, pixels_of, predict
from indexer.shop import Shop
from indexer.version_files import UNIT_TOLERANCE
from vsearch.errors import BundleError
from vsearch.images import ImageError


class StoredPhoto(Protocol):
    """A photo whose bytes are known by their hash."""

    @property
    def path(self) -> Path:
        """Where its file lies, absolute."""

    @property
    def content_hash(self) -> str:
        """The SHA-256 of its bytes in hex."""


P = TypeVar("P", bound=StoredPhoto)


def photo_vectors(
    shop: Shop, embedder: PhotoEmbedder, photos: Sequence[P], failures: list[tuple[P, str]]
) -> Iterator[tuple[list[P], NDArray[np.float32]]]:
    """Yield photos batch by batch, in order, with their embeddings (n, dim).

    Args:
        shop: whose photos they are.
        embedder: the network.
        photos: what to embed.
        failures: takes up those that cannot be used, with reasons, in any order.

    Raises:
        BundleError: the network gives no unit vectors; they must not reach the catalogue.
    """

    def read(photo: P) -> Pixels | None:
        try:
            return pixels_of(shop, embedder.spec, photo.path, photo.content_hash)
        except ImageError as error:
            failures.append((photo, str(error)))
            return None

    for batch, predictions in predict(embedder, photos, read):
        yield batch, _checked(embedder, predictions.embeddings)


def _checked(embedder: PhotoEmbedder, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) <= UNIT_TOLERANCE).all():
        raise BundleError(
            f"model {embedder.model_fingerprint} gives vectors that are not of length 1: "
            "its training may have diverged; run `vsearch train` again"
        )
    return vectors
