"""Exact search and codes of rows with FAISS on a CPU: the only file that names faiss.

For an exact search FAISS finds candidates in float32 at memory speed; they are then scored as
`vector_index` says, and a query whose answer the rounding of FAISS could still change looks
further. Codes propose rows for `coded_index`.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import (
    HeldRows,
    Nearest,
    RowRange,
    best_of,
    checked_search,
    empty_nearest,
    scores_of,
)
from vsearch.errors import VsearchError

_SPARE = 16  # candidates beyond k: nearly always enough to see that no other row can belong
_ITERATIONS = 8  # of k-means
_CODE_SAMPLE = 8192  # rows that the codes themselves are learned from
_ROWS_PER_THREAD = 2048


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


class FaissIndex(HeldRows):
    """Scans all rows of the ranges asked for; exact, and as `ExactIndex` to the bit.

    Safe to use from many threads at once; each search runs on the thread that asks.

    Args:
        vectors: shape (rows, dim), float32, C-contiguous; may be memory-mapped; kept, not copied.

    Raises:
        FaissError: FAISS cannot be loaded.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        super().__init__(vectors)
        self._faiss = load_faiss()

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query; see `VectorIndex.search`."""
        spans = checked_search(queries, k, ranges, dim=self.dim, rows=self.rows)
        total = sum(stop - start for start, stop in spans)
        nearest = empty_nearest(len(queries), k)
        errors = _rounding(queries)
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

    def best_among(
        self, query: NDArray[np.float32], rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the `k` best of some rows as `best_of` does with the scores of all of them.

        FAISS scores a row where it lies; to gather it, and to score it in float64, takes four times
        as long: 3,200 rows of a million 1.17 ms in place of .25.

        Args:
            query: shape (dim,), float32.
            rows: shape (m,), int64, positions of rows, each once.
            k: at least 1.
        """
        take = k + _SPARE
        if take < len(rows):
            rough = self._rough_scores(query, rows)
            best = np.argpartition(-rough, take - 1)[:take]
            scores, found = best_of(scores_of(query, self.vectors, rows[best]), rows[best], k)
            if scores[-1] > rough[best[-1]] + _rounding(query[None])[0]:
                return scores, found
        return best_of(scores_of(query, self.vectors, rows), rows, k)

    def _rough_scores(
        self, query: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return FAISS's own scores of some rows, (m,)."""
        self._faiss.omp_set_num_threads(1)
        rows = np.ascontiguousarray(rows)
        scores = np.empty(len(rows), np.float32)
        arrays = map(self._faiss.swig_ptr, (scores, query, self.vectors, rows))
        self._faiss.fvec_inner_products_by_idx(*arrays, self.dim, 1, len(rows))
        return scores

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


class RowCodes:
    """Codes of rows in lists around centroids, which propose the rows near a query.

    A code has half a byte for each pair of dimensions of what a row differs from its centroid by;
    they are scanned with SIMD (IVF, product quantisation, fast scan; see `index_plan`). Safe to
    use from many threads at once, except while rows are added.
    """

    def __init__(self, index: Any) -> None:  # noqa: ANN401  faiss has no types
        self._faiss = load_faiss()
        self._index = index
        quantizer = self._faiss.downcast_index(index.quantizer)
        size = quantizer.ntotal * quantizer.d
        centroids = self._faiss.rev_swig_ptr(quantizer.get_xb(), size)  # of the index, not a copy
        self._centroids = FaissIndex(centroids.reshape(quantizer.ntotal, quantizer.d))

    @classmethod
    def learn(cls, sample: NDArray[np.float32], lists: int, seed: int = 0) -> "RowCodes":
        """Return codes of no rows yet; the same for the same sample on one machine.

        Args:
            sample: shape (n, dim), float32, unit length: some of the rows, at least `lists`.
            lists: how many lists there are.
            seed: where k-means starts.
        """
        faiss, dim = load_faiss(), sample.shape[1]
        faiss.omp_set_num_threads(_threads(len(sample)))
        clustering = faiss.Clustering(dim, lists)
        clustering.seed, clustering.niter, clustering.spherical = seed, _ITERATIONS, True
        clustering.min_points_per_centroid = 1  # fewer than 39 make FAISS print a warning
        clustering.max_points_per_centroid = len(sample)
        clustering.train(sample, faiss.IndexFlatIP(dim))
        quantizer = faiss.IndexFlatIP(dim)
        quantizer.add(faiss.vector_to_array(clustering.centroids).reshape(lists, dim))
        parts = dim // 2 if dim % 2 == 0 else dim
        index = faiss.IndexIVFPQFastScan(
            quantizer, dim, lists, parts, 4, faiss.METRIC_INNER_PRODUCT
        )
        index.by_residual = True
        index.pq.cp.seed = seed
        # So small a k-means for each part that threads would only wait for one another.
        faiss.omp_set_num_threads(1)
        index.train(sample[:: max(1, len(sample) // _CODE_SAMPLE)])
        quantizer.this.disown()  # the index owns it from here on, as one read from a file does
        index.own_fields = True
        return cls(index)

    @classmethod
    def read(cls, path: Path) -> "RowCodes":
        """Read what `write` has written; its bytes are known to be those that were written.

        All of it is read: FAISS does not map codes in the packed form that a fast scan needs.

        Raises:
            ValueError: they are no codes.
        """
        try:
            index = load_faiss().read_index(str(path))
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        if not isinstance(index, load_faiss().IndexIVFPQFastScan):
            raise ValueError(f"a {type(index).__name__} was found")
        return cls(index)

    def write(self, put: Callable[[bytes], object]) -> None:
        """Give the codes as bytes, in parts; what `put` raises ends it."""
        writer = self._faiss.PyCallbackIOWriter(lambda part: put(bytes(part)))
        self._faiss.write_index(self._index, writer)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self._index.ntotal)

    def add(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        """Add vectors (n, dim) that are to be proposed as these rows, (n,)."""
        self._faiss.omp_set_num_threads(_threads(len(vectors)))
        self._index.add_with_ids(vectors, rows)

    def propose(self, queries: NDArray[np.float32], probes: int, take: int) -> NDArray[np.int64]:
        """Return rows that are probably the nearest; the same in every batch.

        Args:
            queries: shape (n, dim), float32.
            probes: lists that are scanned.
            take: how many rows.

        Returns:
            Shape (n, take), in no particular order; -1 where the lists hold fewer rows.
        """
        queries = np.ascontiguousarray(queries)
        probes = min(probes, self._centroids.rows)
        # Exact scores of centroids: FAISS's own would be rounded differently in another batch.
        scores, lists = self._centroids.search(queries, probes)
        rough = np.empty((len(queries), take), np.float32)
        rows = np.full((len(queries), take), -1, np.int64)
        if not len(queries):
            return rows
        self._faiss.omp_set_num_threads(1)
        # Parameters travel with the call, which FAISS's wrapper for NumPy does not let them.
        arrays = (self._faiss.swig_ptr(array) for array in (lists, scores, rough, rows))
        parameters = self._faiss.IVFSearchParameters(nprobe=probes)
        self._index.search_preassigned_c(
            len(queries), self._faiss.swig_ptr(queries), take, *arrays, False, parameters
        )
        return rows


def _rounding(queries: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return by how much FAISS's scores of unit vectors may be wrong, (n,), for queries (n, dim).

    That is the rounding of a float32 inner product, with a factor of two to spare.
    """
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    return np.asarray(queries.shape[1] * 2.0**-23 * lengths, np.float64)


def _threads(rows: int) -> int:
    """Return how many threads are worth their trouble for so many rows."""
    return max(1, min(os.cpu_count() or 1, rows // _ROWS_PER_THREAD))
