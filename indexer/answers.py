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
    probabilities: NDArray[np.float32]  # (n, labels)
    assigned: NDArray[np.bool_]  # (n, labels)
    shares: NDArray[np.float32]  # (n, labels)

    @classmethod
    def of(
        cls, hits: Sequence[Sequence[SearchHit]], predictions: Sequence[PhotoPredictions]
    ) -> "Answers":
        """Join the network's answers, batch by batch, to the hits of all queries."""
        return cls(
            hits,
            np.concatenate([batch.embeddings for batch in predictions]),
            np.concatenate([batch.probabilities for batch in predictions]),
            np.concatenate([batch.assigned for batch in predictions]),
            np.concatenate([batch.shares for batch in predictions]),
        )
