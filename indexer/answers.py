"""What came back for the photos that a shop is evaluated with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoPredictions
from indexer.search import SearchHit


@dataclass(frozen=True)
class Answers:
    """The answers to n queries, in their order."""

    hits: Sequence[Sequence[SearchHit]]
    embeddings: NDArray[np.float32]  # (n, dim)
    logits: NDArray[np.float32]  # (n, outputs)
    probabilities: NDArray[np.float32]  # (n, labels)
    assigned: NDArray[np.bool_]  # (n, labels)
    shares: NDArray[np.float32]  # (n, labels)
    foreign: NDArray[np.float32] | None  # (n,), how foreign each looks; None: not judged

    @classmethod
    def of(
        cls,
        hits: Sequence[Sequence[SearchHit]],
        predictions: Sequence[PhotoPredictions],
        foreign: Sequence[NDArray[np.float32] | None],
    ) -> "Answers":
        """Join the answers, batch by batch, to the hits of all queries."""
        judged = [scores for scores in foreign if scores is not None]
        return cls(
            hits,
            np.concatenate([batch.embeddings for batch in predictions]),
            np.concatenate([batch.logits for batch in predictions]),
            np.concatenate([batch.probabilities for batch in predictions]),
            np.concatenate([batch.assigned for batch in predictions]),
            np.concatenate([batch.shares for batch in predictions]),
            np.concatenate(judged) if judged else None,
        )

    def of_rows(self, rows: NDArray[np.int64]) -> "Answers":
        """Return the answers to some of the queries."""
        return Answers(
            [self.hits[row] for row in rows.tolist()],
            self.embeddings[rows],
            self.logits[rows],
            self.probabilities[rows],
            self.assigned[rows],
            self.shares[rows],
            None if self.foreign is None else self.foreign[rows],
        )
