"""A model's labels as their categories are called now, while the model that follows is not open.

Edits of the category tree are followed by models of their own, which a process takes over after a
moment. Until then, and where an older model was gone back to, what it says is told in the names of
now: labels that were merged add up, and those that are sold no more leave their share to the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogue
from indexer.embedding import ModelBundle, PhotoPredictions
from indexer.prediction_rows import PredictionRows
from vsearch.data import Label

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LabelsNow:
    """The labels of a model as they are called now.

    Attributes:
        labels: each once.
        places: shape (labels before,), the place of each among these, -1 of one that is gone; None
            where they are the labels of the model itself.
        exclusive: whether a photo has exactly one label.
    """

    labels: tuple[Label, ...]
    places: NDArray[np.int64] | None
    exclusive: bool

    def shares(self, told: Floats) -> Floats:
        """Return shares (n, labels before) float32 of these labels; rows sum to as much as then."""
        if self.places is None:
            return told
        columns = np.zeros((len(self.labels), len(told)), np.float32)
        there = self.places >= 0
        np.add.at(columns, self.places[there], told[:, there].T)
        joined = columns.T
        total, left = told.sum(axis=1), joined.sum(axis=1)
        factor = np.divide(total, left, out=np.zeros_like(total), where=left > 0)
        return np.asarray(joined * factor[:, None], np.float32)

    def predictions(self, told: PhotoPredictions) -> PhotoPredictions:
        """Return what a network says of photos, in terms of these labels."""
        if self.places is None:
            return told
        if self.exclusive:
            probabilities = self.shares(told.probabilities)
            assigned = np.zeros(probabilities.shape, np.bool_)
            assigned[np.arange(len(assigned)), probabilities.argmax(axis=1)] = True
        else:
            probabilities = self._largest(told.probabilities)
            assigned = self._largest(told.assigned.astype(np.float32)) > 0
        return PredictionRows(
            told.embeddings,
            told.logits,
            probabilities,
            assigned,
            self.shares(told.shares),
            told.familiarity,
            told.foreign,
        )

    def _largest(self, told: Floats) -> Floats:
        assert self.places is not None  # asked by the one caller
        columns = np.zeros((len(self.labels), len(told)), np.float32)
        there = self.places >= 0
        np.maximum.at(columns, self.places[there], told[:, there].T)
        return columns.T


class LiveLabels:
    """Follows the edits of the category tree for one model; safe between threads.

    Args:
        catalogue: it must stay open.
        bundle: the model's description.
        exclusive: whether a photo has exactly one label.
    """

    def __init__(self, catalogue: Catalogue, bundle: ModelBundle, *, exclusive: bool) -> None:
        self._catalogue = catalogue
        self._columns = tuple(bundle.label_columns)
        self._own = LabelsNow(tuple(bundle.labels), None, exclusive)
        self._known: tuple[int, LabelsNow] = (0, self._own)

    def current(self) -> LabelsNow:
        """Return the labels as of all edits that are committed by now."""
        sequence = self._catalogue.tree_seq()
        if self._known[0] != sequence:
            self._known = sequence, self._looked_up()
        return self._known[1]

    def _looked_up(self) -> LabelsNow:
        edits = self._catalogue.edited_paths()
        now = [edits.label(label, self._columns) for label in self._own.labels]
        if now == list(self._own.labels) or not any(now):
            return self._own  # without any label nothing could be told at all
        return _joined(now, exclusive=self._own.exclusive)


def _joined(now: Sequence[Label | None], *, exclusive: bool) -> LabelsNow:
    place: dict[Label, int] = {}
    places = [-1 if label is None else place.setdefault(label, len(place)) for label in now]
    return LabelsNow(tuple(place), np.array(places, np.int64), exclusive)
