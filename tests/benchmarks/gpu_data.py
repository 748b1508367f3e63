"""Many clustered unit vectors, made quickly: by all cores, and the same ones on any of them.

Rows lie in the order of categories, the first three of which are half, a twentieth and a
two-hundredth of them, so that a filter is a range. `search_data` makes fewer, truer to a network.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import RowRange
from tests.benchmarks.search_data import K, exact_least

Vectors = NDArray[np.float32]

SHARES = {"all rows": 1.0, "50 %": 0.5, "5 %": 0.05, "0.5 %": 0.005}
_BLOCK = 1 << 15
_TIE = 1e-6  # scores that float32 cannot tell apart


@dataclass(frozen=True)
class GpuData:
    """What all ways to search are given.

    Attributes:
        vectors: shape (rows, dim), float32, unit length.
        queries: shape (n, dim), float32, unit length, near rows of all kinds.
    """

    vectors: Vectors
    queries: Vectors

    @classmethod
    def make(cls, rows: int, dim: int = 256, queries: int = 1024, seed: int = 0) -> "GpuData":
        """Return rows and queries, the same ones for the same seed."""
        rng = np.random.default_rng(seed)
        spectrum = np.exp(-np.arange(dim) / 40)
        scale = np.sqrt(spectrum / spectrum.sum()).astype(np.float32)
        centres = 1.2 * rng.standard_normal((max(16, min(4096, rows // 100)), dim), np.float32)
        vectors = np.empty((rows, dim), np.float32)

        def fill(start: int) -> None:
            block = vectors[start : start + _BLOCK]
            own = np.random.default_rng((seed, start))
            own.standard_normal(dtype=np.float32, out=block)
            block += centres[own.integers(0, len(centres), len(block))]
            block *= scale[None]
            block /= np.linalg.norm(block, axis=1, keepdims=True)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, range(0, rows, _BLOCK)))
        asked = vectors[rng.integers(0, rows, queries)]
        asked = asked + 0.75 * scale[None] * rng.standard_normal(asked.shape, np.float32)
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        return cls(vectors, asked.astype(np.float32))

    def range_of(self, name: str) -> RowRange:
        """Return the rows of a filter; the ranges of the three lie one after the other."""
        names = list(SHARES)
        before = sum(SHARES[other] for other in names[1 : names.index(name)])
        start = round(before * len(self.vectors))
        return start, start + max(1, round(SHARES[name] * len(self.vectors)))

    def recall(self, name: str, scores: Vectors) -> float:
        """Return the share of the exact answers among scores (n, K) found for the first queries.

        Plain NumPy decides what is exact.
        """
        start, stop = self.range_of(name)
        least = exact_least(self.vectors[start:stop], self.queries[: len(scores)], None)
        return float((scores[:, : min(K, stop - start)] >= least[:, None] - _TIE).mean())
