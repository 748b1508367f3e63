"""Exact search with FAISS on a CPU: the only file that names faiss.

FAISS finds candidates in float32 at memory speed; they are then scored as `vector_index` says, and
a query whose answer the rounding of FAISS could still change looks further.
"""

from collections.abc import Sequence
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import (
    Nearest,
    RowRange,
    best_of,
    checked_search,
    empty_nearest,
    scores_of,
)
from vsearch.errors import VsearchError

_SPARE = 16  # candidates beyond k: nearly always enough to see that no other row can belong


class FaissError(VsearchError):
    """FAISS is not installed, or its wheel does not fit this machine."""


@cache
def load_faiss() -> ModuleType:
    """Return the faiss module, set up for exact search.

    Raises:
        FaissError: it is absent, or a GPU wheel lacks its CUDA libraries (which faiss-gpu tells
            with a RuntimeError).
    """
    try:
        import faiss  # noqa: PLC0415  an absent wheel must name its extra, not break an import
    except (ImportError, RuntimeError) as error:
        raise FaissError(
            f"FAISS cannot be loaded ({error}); install exactly one of its wheels: "
            "pip install 'vsearch[cpu]', 'vsearch[gpu]' (CUDA 12) or 'vsearch[gpu-cu13]' (CUDA 13)"
        ) from error
    # BLAS from 4 queries of 256 dimensions on, where FAISS by itself waits for 500.
    faiss.cvar.distance_compute_blas_threshold = 1024
    module: ModuleType = faiss
    return module


class FaissIndex:
    """Scans all rows of the ranges asked for; exact, and as `ExactIndex` to the bit.

    Safe to use from many threads at once; each search runs on the thread that asks.

    Args:
        vectors: shape (rows, dim), float32, C-contiguous; may be memory-mapped; kept, not copied.

    Raises:
        FaissError: FAISS cannot be loaded.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = np.asarray(vectors)
        self._faiss = load_faiss()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @property
    def rows(self) -> int:
        """Number of vectors."""
        return int(self.vectors.shape[0])

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query; see `VectorIndex.search`."""
        spans = checked_search(queries, k, ranges, dim=self.dim, rows=self.rows)
        total = sum(stop - start for start, stop in spans)
        nearest = empty_nearest(len(queries), k)
        # Rounding of a float32 inner product with a unit vector, with a factor of two to spare.
        errors = self.dim * 2.0**-23 * np.linalg.norm(queries.astype(np.float64), axis=1)
        pending = np.arange(len(queries)) if total else np.arange(0)
        take = min(k + _SPARE, total)
        while len(pending):
            rough, candidates = self._candidates(queries[pending], take, spans)
            unsure = []
            for i, floor, found in zip(pending, rough.min(axis=1), candidates, strict=True):
                exact = scores_of(queries[i], self.vectors, found)
                scores, rows = best_of(exact, found, k)
                if take < total and scores[-1] <= floor + errors[i]:
                    unsure.append(i)
                    continue
                nearest[0][i, : len(rows)], nearest[1][i, : len(rows)] = scores, rows
            pending = np.array(unsure, np.int64)
            take = min(4 * take, total)
        return nearest

    def _candidates(
        self, queries: NDArray[np.float32], take: int, spans: Sequence[RowRange]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return FAISS's own scores and rows, (n, take) each, in no particular order."""
        # One OpenMP thread: requests run on threads of their own. The setting is per thread.
        self._faiss.omp_set_num_threads(1)
        parts = [self._scan(queries, take, span) for span in spans]
        if len(parts) == 1:
            return parts[0]
        scores = np.concatenate([part[0] for part in parts], axis=1)
        rows = np.concatenate([part[1] for part in parts], axis=1)
        best = np.argpartition(-scores, take - 1, axis=1)[:, :take]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)

    def _scan(
        self, queries: NDArray[np.float32], take: int, span: RowRange
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        start, stop = span
        scores, rows = self._faiss.knn(
            queries,
            self.vectors[start:stop],
            min(take, stop - start),
            metric=self._faiss.METRIC_INNER_PRODUCT,
        )
        return scores, rows + start
