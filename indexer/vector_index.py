"""Nearest rows among unit vectors: the protocol of all backends and the NumPy reference.

A row is known by its position in one array of vectors. Scores are inner products, cosine
similarities for unit vectors. All backends answer alike, to the bit: a score is the float64 inner
product rounded to float32, and rows of equal score come in the order of the array. So an answer
depends neither on the backend nor on the queries that happened to share a batch.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RowRange = tuple[int, int]
"""Rows `start` to `stop`, half open."""

Nearest = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Scores (n, k) descending and rows (n, k); where fewer rows exist, -inf and -1 fill up."""

_BLOCK = 1 << 20  # float64 values held at a time while scoring: 8 MB


class VectorIndex(Protocol):
    """Finds the nearest rows of one array of vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def rows(self) -> int:
        """Number of vectors."""

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query.

        Args:
            queries: shape (n, dim), float32, finite.
            k: at least 1; may exceed the number of rows.
            ranges: only rows within these; sorted and disjoint. None means all rows, an empty
                sequence means none.

        Returns:
            Scores (n, k) float32, descending, and rows (n, k) int64. Equal scores are ordered by
            row; where fewer than `k` rows exist, scores are -inf and rows -1.

        Raises:
            ValueError: queries, `k` or ranges are not as told above.
        """


class HeldRows:
    """The vectors that an index of this machine's memory answers from.

    Attributes:
        vectors: shape (rows, dim), float32.

    Args:
        vectors: as above; may be memory-mapped; kept, not copied.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = np.asarray(vectors)  # a plain view where it is memory-mapped

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @property
    def rows(self) -> int:
        """Number of vectors."""
        return int(self.vectors.shape[0])


class ExactIndex(HeldRows):
    """Scores every row with NumPy: what the other backends are tested against."""

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query; see `VectorIndex.search`."""
        spans = checked_search(queries, k, ranges, dim=self.dim, rows=self.rows)
        candidates = rows_in(spans)
        nearest = empty_nearest(len(queries), k)
        for i, query in enumerate(queries):
            scores = scores_of(query, self.vectors, candidates)
            scores, rows = best_of(scores, candidates, k)
            nearest[0][i, : len(rows)], nearest[1][i, : len(rows)] = scores, rows
        return nearest


def checked_search(
    queries: NDArray[np.float32],
    k: int,
    ranges: Sequence[RowRange] | None,
    *,
    dim: int,
    rows: int,
) -> list[RowRange]:
    """Return the non-empty ranges to search, or raise ValueError for arguments that are wrong."""
    if queries.dtype != np.float32 or queries.ndim != 2 or queries.shape[1] != dim:
        raise ValueError(
            f"queries must be float32 of shape (n, {dim}), not {queries.dtype} {queries.shape}"
        )
    if not np.isfinite(queries).all():
        raise ValueError("queries must be finite: an embedding holds NaN or infinity")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    end = 0
    for start, stop in ranges or ():
        if not end <= start <= stop <= rows:
            raise ValueError(f"ranges must be sorted, disjoint and within {rows} rows: {ranges}")
        end = stop
    spans = [(0, rows)] if ranges is None else ranges
    return [(start, stop) for start, stop in spans if start < stop]


def rows_in(ranges: Sequence[RowRange]) -> NDArray[np.int64]:
    """Return the rows within ranges, (m,), range after range."""
    some = [np.arange(start, stop, dtype=np.int64) for start, stop in ranges]
    return np.concatenate(some) if some else np.empty(0, np.int64)


def best_of_all(found: Sequence[Nearest], k: int) -> Nearest:
    """Return the `k` nearest of the answers from disjoint parts of the rows.

    Args:
        found: one answer or more to the same queries, each with `k` rows a query.
        k: at least 1.
    """
    if len(found) == 1:
        return found[0]
    scores = np.concatenate([told for told, _ in found], axis=1)
    rows = np.concatenate([there for _, there in found], axis=1)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def empty_nearest(queries: int, k: int) -> Nearest:
    """Return the answer before any row was found: all -inf and -1."""
    return (
        np.full((queries, k), -np.inf, np.float32),
        np.full((queries, k), -1, np.int64),
    )


def scores_of(
    query: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the score that every backend reports for a query and these rows.

    Products of float32 are exact in float64, so equal vectors score equally wherever they lie.

    Args:
        query: shape (dim,).
        vectors: shape (all rows, dim), float32.
        rows: shape (m,), positions in `vectors`.

    Returns:
        Shape (m,), float32.
    """
    wide = query.astype(np.float64)
    scores = np.empty(len(rows), np.float32)
    step = max(1, _BLOCK // max(len(query), 1))
    for start in range(0, len(rows), step):
        block = vectors[rows[start : start + step]].astype(np.float64)
        scores[start : start + step] = np.vecdot(block, wide)
    return scores


def best_of(
    scores: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the `k` best (fewer where fewer are given), equal scores ordered by row."""
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]
