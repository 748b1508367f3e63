"""Some rows of a batch of predictions, and batches joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoPredictions


@dataclass(frozen=True)
class PredictionRows:
    """What a network says of n photos; see `PhotoPredictions`."""

    embeddings: NDArray[np.float32]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    assigned: NDArray[np.bool_]
    shares: NDArray[np.float32]
    familiarity: NDArray[np.float32]
    foreign: NDArray[np.float32] | None

    @classmethod
    def of(cls, predictions: PhotoPredictions, rows: slice) -> "PredictionRows":
        """Return those of some photos of a batch."""
        told = predictions
        return cls(
            told.embeddings[rows],
            told.logits[rows],
            told.probabilities[rows],
            told.assigned[rows],
            told.shares[rows],
            told.familiarity[rows],
            None if told.foreign is None else told.foreign[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[PhotoPredictions]) -> "PredictionRows":
        """Return those of several batches of one network, at least one, in their order."""
        foreign = [part.foreign for part in parts if part.foreign is not None]
        return cls(
            np.concatenate([part.embeddings for part in parts]),
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.assigned for part in parts]),
            np.concatenate([part.shares for part in parts]),
            np.concatenate([part.familiarity for part in parts]),
            np.concatenate(foreign) if foreign else None,
        )
