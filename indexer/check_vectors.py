"""Whether the vectors of an index are those of its photos: some are computed anew and compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoEmbedder
from indexer.photo_vectors import photo_vectors
from indexer.records import Photo
from indexer.shop import Shop
from indexer.versions import IndexVersion
from vsearch.progress import Progress, silent

# How near the vectors of one photo are that were made on other devices and in other precisions. Of
# 200 photos of grocery-store with EfficientNet-Lite0, bf16 and fp32 agree within .9979, fp16 and
# fp32 within .99998, batches of other sizes within .9999998; of its 2,721 views .07 % have another
# photo's vector as near as this.
LEAST_COSINE = 0.995


@dataclass(frozen=True)
class VectorCheck:
    """What the comparison has found.

    Attributes:
        rows: shape (n,), int64: the rows whose photos were embedded anew.
        cosines: shape (n,), float64: of the index's vector with the new one.
        unreadable: photos of the sample that cannot be used, with reasons.
    """

    rows: NDArray[np.int64]
    cosines: NDArray[np.float64]
    unreadable: tuple[tuple[Photo, str], ...]

    @property
    def wrong(self) -> NDArray[np.int64]:
        """The rows whose vector is another."""
        return self.rows[~(self.cosines >= LEAST_COSINE)]  # NaN is wrong too


def sample_rows(alive: NDArray[np.bool_], sample: int, seed: int) -> NDArray[np.int64]:
    """Return some of the rows that count, sorted; all where there are no more than `sample`."""
    rows = np.flatnonzero(alive)
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))
    return rows.astype(np.int64, copy=False)


def check_vectors(
    shop: Shop,
    version: IndexVersion,
    embedder: PhotoEmbedder,
    photos: Mapping[int, Photo],
    rows: NDArray[np.int64],
    progress: Progress = silent,
) -> VectorCheck:
    """Embed the photos of some rows anew and compare.

    Args:
        shop: whose limits hold.
        version: the index.
        embedder: the network that made it.
        photos: by key, at least those of the rows.
        rows: which rows, (n,) int64.
        progress: told of the stage "vectors".
    """
    row_of = {int(version.photo_keys[row]): int(row) for row in rows}
    unreadable: list[tuple[Photo, str]] = []
    found: list[int] = []
    cosines: list[float] = []
    progress("vectors", 0, len(rows))
    wanted = [photos[key] for key in row_of]
    for batch, vectors in photo_vectors(shop, embedder, wanted, unreadable):
        own = np.array([row_of[photo.key] for photo in batch], np.int64)
        kept = version.vectors[own].astype(np.float64)
        cosines += np.einsum("nd,nd->n", kept, vectors.astype(np.float64)).tolist()
        found += own.tolist()
        progress("vectors", len(found), len(rows))
    progress("vectors", len(rows), len(rows))
    return VectorCheck(np.array(found, np.int64), np.array(cosines), tuple(unreadable))
