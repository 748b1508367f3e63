"""Queries with exact answers, drawn from the rows of an index: what recall is measured on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.index_plan import RECALL_AT
from indexer.row_ranges import size_of
from indexer.vector_index import RowRange, VectorIndex, rows_in
from vsearch.progress import Progress

# Of a query with the row it is drawn from. A shopper's photo of grocery-store lies at .82 from the
# nearest view in the median. It strays in all directions alike, which is a little harder for codes
# than to stray in those in which rows differ: recall@10 .9937 there, .9945 to .9961 otherwise.
_COSINE = 0.8
_BATCH = 64


@dataclass(frozen=True)
class RecallSample:
    """Queries and their exact answers.

    Attributes:
        queries: shape (n, dim), float32, unit length.
        scores: shape (n, k), float32, of the nearest rows; k is `RECALL_AT`, or all rows.
        rows: shape (n, k), int64, the nearest rows.
        within: the rows that were asked for; None: all.
    """

    queries: NDArray[np.float32]
    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    within: tuple[RowRange, ...] | None = None

    @classmethod
    def draw(
        cls,
        vectors: NDArray[np.float32],
        exact: VectorIndex,
        count: int,
        progress: Progress,
        *,
        like: tuple[RowRange, ...] | None = None,
        within: tuple[RowRange, ...] | None = None,
    ) -> "RecallSample":
        """Return queries near rows that are drawn at random, the same ones every time.

        Args:
            vectors: shape (rows, dim), unit length, at least one row.
            exact: answers exactly, from these vectors.
            count: how many queries, at most.
            progress: told of the stage "recall", in queries.
            like: the rows that queries are near; None: any.
            within: the rows that answers are of, at least one; None: all.
        """
        rng = np.random.default_rng(0)
        everything = ((0, len(vectors)),)
        rows = rows_in(like or everything)
        drawn = rows[np.sort(rng.choice(len(rows), min(count, len(rows)), replace=False))]
        queries = _near(rng, vectors[drawn])
        k = min(RECALL_AT, size_of(within or everything))
        progress("recall", 0, len(queries))
        scores, rows = (
            np.empty((len(queries), k), np.float32),
            np.empty((len(queries), k), np.int64),
        )
        for start in range(0, len(queries), _BATCH):
            part = slice(start, start + _BATCH)
            scores[part], rows[part] = exact.search(queries[part], k, within)
            progress("recall", min(start + _BATCH, len(queries)), len(queries))
        return cls(queries, scores, rows, within)

    @property
    def k(self) -> int:
        """How many nearest rows an answer has."""
        return int(self.rows.shape[1])

    def recalls(self, index: VectorIndex) -> NDArray[np.float64]:
        """Return which share of each query's answer an index finds, (n,).

        A row that scores as the last of the exact answer does is as good as that one.
        """
        scores, _ = index.search(self.queries, self.k, self.within)
        return np.asarray((scores >= self.scores[:, -1:]).mean(axis=1), np.float64)


def _near(rng: np.random.Generator, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors at the usual distance of a query from rows, (n, dim)."""
    noise = rng.standard_normal(rows.shape)
    noise -= np.vecdot(noise, rows)[:, None] * rows
    noise /= np.maximum(np.linalg.norm(noise, axis=1, keepdims=True), 1e-9)
    queries = _COSINE * rows + np.sqrt(1 - _COSINE**2) * noise
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return np.asarray(queries, np.float32)
