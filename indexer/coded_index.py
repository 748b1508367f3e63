"""Nearest rows from codes, with exact scores: the index of a version of many rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.faiss_index import FaissIndex, RowCodes
from indexer.index_plan import Effort
from indexer.row_ranges import holds, size_of, without
from indexer.vector_index import (
    HeldRows,
    Nearest,
    RowRange,
    best_of_all,
    checked_search,
    empty_nearest,
)

_BATCH = 256  # queries whose candidates lie in memory


@dataclass(frozen=True)
class CodedRows:
    """Codes of some rows, and how far a search in them goes.

    Attributes:
        ranges: the rows, in as few ranges as can be.
        codes: which propose these rows and no others.
        effort: how far a search goes.
    """

    ranges: tuple[RowRange, ...]
    codes: RowCodes
    effort: Effort


class CodedIndex(HeldRows):
    """Answers from codes where all rows are asked for, or those of a large category; else it scans.

    Scores are exact always, and as `ExactIndex` tells them. What codes can do is miss a row: which
    share they find was measured when the version was built. Answers do not depend on the batch.
    A search for very many rows, and one whose lists hold too few rows, are exact.

    The codes of all rows are of no use for a category: asked for one of 5 % with photos of other
    categories they find .59 of the answer with 16 lists and .994 with 1024, and then take longer
    than to scan it. So ranges are scanned, except for those that have codes of their own: whichever
    of these lie within the ranges asked for, the largest first, are searched by their codes, and
    what is left is scanned.

    Safe to use from many threads at once; each search runs on the thread that asks.

    Args:
        vectors: shape (rows, dim), float32, C-contiguous; may be memory-mapped; kept, not copied.
        codes: of all rows.
        effort: how far a search in all rows goes.
        parts: of some rows each.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        codes: RowCodes,
        effort: Effort,
        parts: Sequence[CodedRows] = (),
    ) -> None:
        super().__init__(vectors)
        self.whole = CodedRows(((0, len(vectors)),), codes, effort)
        self.parts = sorted(parts, key=lambda part: -part.codes.rows)
        self._exact = FaissIndex(self.vectors)

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query, nearly always; see `VectorIndex.search`."""
        left = tuple(checked_search(queries, k, ranges, dim=self.dim, rows=self.rows))
        found: list[Nearest] = []
        for part in [self.whole] if ranges is None else self.parts:
            if part.effort.of(k).saves(part.codes.rows) and holds(left, part.ranges):
                found.append(self._of_codes(part, queries, k))
                left = without(left, part.ranges)
        if size_of(left) or not found:
            found.append(self._exact.search(queries, k, left))
        return best_of_all(found, k)

    def _of_codes(self, part: CodedRows, queries: NDArray[np.float32], k: int) -> Nearest:
        """Return the `k` nearest of the part's rows."""
        effort = part.effort.of(k)
        nearest = empty_nearest(len(queries), k)
        short: list[int] = []
        for start in range(0, len(queries), _BATCH):
            batch = queries[start : start + _BATCH]
            proposed = part.codes.propose(batch, effort.probes, effort.candidates)
            for i, rows in enumerate(proposed, start):
                candidates = rows[rows >= 0]
                if len(candidates) < k:
                    short.append(i)
                    continue
                best = self._exact.best_among(queries[i], candidates, k)
                nearest[0][i], nearest[1][i] = best
        if short:
            scanned = self._exact.search(queries[short], k, part.ranges)
            nearest[0][short], nearest[1][short] = scanned
        return nearest
