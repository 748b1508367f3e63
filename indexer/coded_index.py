"""Nearest rows from codes, with exact scores: the index of a version of many rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.faiss_index import FaissIndex, RowCodes
from indexer.index_plan import Effort
from indexer.vector_index import (
    Nearest,
    RowRange,
    best_of,
    checked_search,
    empty_nearest,
    scores_of,
)

_BATCH = 256  # queries whose candidates lie in memory


class CodedIndex:
    """Answers from codes where all rows are asked for, and scans where there is a filter.

    Scores are exact always, and as `ExactIndex` tells them. What codes can do is miss a row: which
    share they find was measured when the version was built. Answers do not depend on the batch.
    A search in ranges, one for very many rows, and one whose lists hold too few rows are exact.

    Codes could skip rows outside of ranges. For a category of half of a million rows that takes
    .3 ms in place of 33; for one of 5 %, asked for with photos of other categories, it finds .59 of
    the answer with 16 lists and .994 with 1024, and takes longer than to scan it. A filter is
    promised to be exact, so that ranges of any size are scanned.

    Safe to use from many threads at once; each search runs on the thread that asks.

    Args:
        vectors: shape (rows, dim), float32, C-contiguous; may be memory-mapped; kept, not copied.
        codes: of these rows.
        effort: how far a search goes.
    """

    def __init__(self, vectors: NDArray[np.float32], codes: RowCodes, effort: Effort) -> None:
        self.vectors = np.asarray(vectors)
        self.codes = codes
        self.effort = effort
        self._exact = FaissIndex(self.vectors)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._exact.dim

    @property
    def rows(self) -> int:
        """Number of vectors."""
        return self._exact.rows

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query, nearly always; see `VectorIndex.search`."""
        checked_search(queries, k, ranges, dim=self.dim, rows=self.rows)
        effort = self.effort.of(k)
        if ranges is not None or not effort.saves(self.rows):
            return self._exact.search(queries, k, ranges)
        nearest = empty_nearest(len(queries), k)
        short: list[int] = []
        for start in range(0, len(queries), _BATCH):
            batch = queries[start : start + _BATCH]
            proposed = self.codes.propose(batch, effort.probes, effort.candidates)
            for i, found in enumerate(proposed, start):
                candidates = found[found >= 0]
                if len(candidates) < k:
                    short.append(i)
                    continue
                scores = scores_of(queries[i], self.vectors, candidates)
                nearest[0][i], nearest[1][i] = best_of(scores, candidates, k)
        if short:
            nearest[0][short], nearest[1][short] = self._exact.search(queries[short], k)
        return nearest
