"""A few queries with known answers, asked again whenever an index version is opened or verified.

Checksums tell that the files are those that were written; the canary tells that this program, with
this FAISS on this processor, still answers from them as the build did.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.recall_sample import RecallSample
from indexer.vector_index import RowRange, VectorIndex, scores_of

QUERIES = 8
_TOLERANCE = 1e-5  # of a score: another processor may add in another order


@dataclass(frozen=True)
class Canary:
    """Queries with their exact answers.

    Attributes:
        queries: shape (n, dim), float32.
        rows: shape (n, k), int64, the nearest rows.
        scores: shape (n, k), float32, their scores.
        within: the rows that are asked for; None: all.
    """

    queries: NDArray[np.float32]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    within: tuple[RowRange, ...] | None = None

    @classmethod
    def chosen(cls, sample: RecallSample, weaker: VectorIndex | None = None) -> "Canary":
        """Choose queries of a sample whose answers nothing but damage can change.

        Args:
            sample: queries with exact answers.
            weaker: an index that looks less far than the version does: what it finds all the same
                is found for certain, however another processor rounds. None: a scan finds all.
        """
        safe = np.arange(len(sample.queries))
        if weaker is not None:
            safe = np.flatnonzero(sample.recalls(weaker) == 1)
        chosen = safe[:: max(1, len(safe) // QUERIES)][:QUERIES]
        told = (sample.queries[chosen], sample.rows[chosen], sample.scores[chosen])
        return cls(*told, sample.within)

    def to_json(self) -> list[dict[str, object]]:
        """Return what canary.json has of it; a query's numbers are hexadecimal bytes."""
        told = zip(self.queries, self.rows.tolist(), self.scores.tolist(), strict=True)
        return [
            {"query": query.astype("<f4").tobytes().hex(), "rows": rows, "scores": scores}
            for query, rows, scores in told
        ]

    @classmethod
    def from_json(
        cls,
        document: Any,  # noqa: ANN401  any JSON
        dim: int,
        rows: int,
        within: tuple[RowRange, ...] | None = None,
    ) -> "Canary":
        """Read what `to_json` gives, of a version of so many rows.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        if not isinstance(document, list):
            raise TypeError(f"a list of queries was expected, not {type(document).__name__}")
        if not document:
            empty = np.empty((0, 0), np.float32)
            return cls(np.empty((0, dim), np.float32), empty.astype(np.int64), empty, within)
        hexadecimal = "".join(one["query"] for one in document)
        canary = cls(
            np.frombuffer(bytes.fromhex(hexadecimal), "<f4").reshape(len(document), dim),
            np.array([one["rows"] for one in document], np.int64),
            np.array([one["scores"] for one in document], np.float32),
            within,
        )
        if canary.rows.ndim != 2 or canary.rows.shape != canary.scores.shape:
            raise ValueError("its answers have no rows, or other rows than scores")
        if not np.isfinite(canary.queries).all() or not np.isfinite(canary.scores).all():
            raise ValueError("not all of its numbers are finite")
        if canary.rows.size and not (0 <= canary.rows.min() <= canary.rows.max() < rows):
            raise ValueError(f"it tells of rows beyond {rows}")
        return canary

    def still_scores(self, vectors: NDArray[np.float32]) -> bool:
        """Say whether the rows told still have their scores: a few reads, however many rows."""
        told = zip(self.queries, self.rows, self.scores, strict=True)
        return all(_same(scores_of(q, vectors, rows), scores) for q, rows, scores in told)

    def still_answers(self, index: VectorIndex) -> bool:
        """Say whether an index still answers as it did; rows of one score may change places."""
        if not len(self.queries):
            return True
        scores, _ = index.search(self.queries, self.rows.shape[1], self.within)
        return _same(scores, self.scores)


def _same(scores: NDArray[np.float32], told: NDArray[np.float32]) -> bool:
    return bool((np.abs(scores - told) <= _TOLERANCE).all())
