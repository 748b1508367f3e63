"""From rough scores of rows in half precision to exact answers, or the word that one is not sure.

Let x be a row and h what half precision makes of it, q a query and u its own half, both of about
unit length. A device tells g, the sum of the products of u and h, added in float32 in any order.
The true inner product of q and x differs from g by no more than

    |u| · |x - h|  +  |q - u| · |x|  +  (dim + 8) · 2⁻²² · |u| · |h|

(Cauchy-Schwarz for the first two; products of halves are exact in float32, and adding loses at most
2⁻²² of the sum of their magnitudes a step, four times what rounding to nearest does, for tensor
cores cut off; the 8 covers the rounding of the score itself). The first length is measured on all
rows when they are placed, the second on each query. So a row that was not proposed cannot score
above the worst that was, plus this bound: where k proposed rows score more, exactly, they are the
answer. (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, chapter 3.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import Nearest

_BLOCK = 1 << 20  # float64 values held at a time: 8 MB


@dataclass(frozen=True)
class Halves:
    """Queries as a device takes them.

    Attributes:
        queries: shape (n, dim), float16: scaled to unit length, then rounded.
        lengths: shape (n,), float64: what they were scaled by.
        lost: shape (n,), float64: the length that rounding took from the scaled ones.
    """

    queries: NDArray[np.float16]
    lengths: NDArray[np.float64]
    lost: NDArray[np.float64]

    @classmethod
    def of(cls, queries: NDArray[np.float32]) -> "Halves":
        """Return queries (n, dim) float32 in half precision; a query of zeros stays zeros."""
        wide = queries.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1)
        scaled = wide / np.where(lengths > 0, lengths, 1)[:, None]
        halves = scaled.astype(np.float16)
        return cls(halves, lengths, np.linalg.norm(scaled - halves, axis=1))

    def chosen(self, some: NDArray[np.int64]) -> "Halves":
        """Return some of the queries."""
        return Halves(self.queries[some], self.lengths[some], self.lost[some])

    def ceilings(
        self, floors: NDArray[np.float32], residual: float, longest: float
    ) -> NDArray[np.float64]:
        """Return what no row scores above that was not proposed, (n,) float64.

        Args:
            floors: shape (n,), the rough score that none of these rows is above; -inf for none.
            residual: the greatest length that half precision took from a row.
            longest: the greatest length of a row.
        """
        own = 1 + self.lost  # at least the length of a query's half
        adding = (self.queries.shape[1] + 8) * 2.0**-22 * own * (longest + residual)
        error = own * residual + self.lost * longest + adding
        there = np.isfinite(floors)  # a length of zero times infinity would be no number
        ceilings = self.lengths * (np.where(there, floors, 0).astype(np.float64) + error)
        return np.where(there, ceilings, -np.inf)


def rescored(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> Nearest:
    """Return the `k` best of the rows proposed for each query, scored as `scores_of` does.

    Args:
        queries: shape (n, dim), float32.
        vectors: shape (all rows, dim), float32.
        rows: shape (n, m), positions in `vectors`, m at least `k`; -1 stands for none.
        k: at least 1.

    Returns:
        Scores (n, k) and rows (n, k) in order; -inf and -1 where too few were proposed.
    """
    scores = np.empty(rows.shape, np.float32)
    step = max(1, _BLOCK // max(rows.shape[1] * queries.shape[1], 1))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        block = vectors[np.maximum(rows[part], 0)].astype(np.float64)
        scores[part] = np.vecdot(block, queries[part, None].astype(np.float64))
    scores[rows < 0] = -np.inf
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
