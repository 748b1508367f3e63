"""What a network says of a photo, as an answer tells it: labels, categories of all levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoPredictions
from indexer.unknown import UNKNOWN_FROM
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath, format_path, rolled_up

MOST = 20  # labels that an answer names, beside those that the photo is given
# Less probable categories are left out. They are what would make the answer of a large shop long,
# and what is told adds up without them.
LEAST = 1e-6


class LabelProbability(NamedTuple):
    """A class of the model, how probable it is, and whether the photo is given it."""

    name: str
    path: CategoryPath
    probability: float
    assigned: bool

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "name": self.name,
            "path": format_path(self.path),
            "probability": self.probability,
            "assigned": self.assigned,
        }


class CategoryProbability(NamedTuple):
    """A category of any level, with the probability of all labels within it."""

    path: CategoryPath
    probability: float

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {"path": format_path(self.path), "probability": self.probability}


@dataclass(frozen=True)
class Classes:
    """What a photo shows.

    Attributes:
        labels: the classes, best first: the `MOST` most probable, and all that the photo is given.
        categories: the categories of all levels, best first. The children of a category add up to
            it, and the top level to 1, wherever the labels stand for places at the tree's ends.
        unknown: whether the shop sells nothing of the kind; None where nothing judges that.
        unknown_score: how foreign the photo looks, within 0..1: unknown from .5 on; None likewise.
    """

    labels: tuple[LabelProbability, ...]
    categories: tuple[CategoryProbability, ...]
    unknown: bool | None
    unknown_score: float | None

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "labels": [label.to_json() for label in self.labels],
            "categories": [category.to_json() for category in self.categories],
            "unknown": self.unknown,
            "unknown_score": self.unknown_score,
        }


def classes_of(
    labels: Sequence[Label],
    predictions: PhotoPredictions,
    foreign: NDArray[np.float32] | None = None,
) -> Iterator[Classes]:
    """Yield what each of the photos shows.

    Args:
        labels: of the network that was asked.
        predictions: what it answered.
        foreign: (n,), how foreign each looks; None: as the network says, if it says so.
    """
    foreign = predictions.foreign if foreign is None else foreign
    scores = [None] * len(predictions.embeddings) if foreign is None else foreign.tolist()
    named = _best_labels(labels, predictions.probabilities, predictions.assigned)
    categories = _best_categories(labels, predictions.shares)
    for own, within, score in zip(named, categories, scores, strict=True):
        yield Classes(own, within, None if score is None else score >= UNKNOWN_FROM, score)


def _best_labels(
    labels: Sequence[Label], probabilities: NDArray[np.float32], assigned: NDArray[np.bool_]
) -> Iterator[tuple[LabelProbability, ...]]:
    """Yield the most probable labels of each photo, and all that it is given, best first.

    Args:
        labels: the classes.
        probabilities: shape (n, labels).
        assigned: shape (n, labels), which of them each photo is given.
    """
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    for places, own, given in zip(ranked, probabilities, assigned, strict=True):
        further = places[MOST:]
        best = np.concatenate([places[:MOST], further[given[further]]])
        told = zip(best.tolist(), own[best].tolist(), given[best].tolist(), strict=True)
        yield tuple(
            LabelProbability(labels[i].name, labels[i].path, probability, is_given)
            for i, probability, is_given in told
        )


def _best_categories(
    labels: Sequence[Label], shares: NDArray[np.float32]
) -> Iterator[tuple[CategoryProbability, ...]]:
    """Yield the categories of all levels of each photo, best first.

    Args:
        labels: the classes.
        shares: shape (n, labels), what rolls up the category tree.
    """
    paths, sums = rolled_up(shares, [label.path for label in labels])
    # A parent with the same probability as its only child comes first: so the paths are sorted.
    ranked = np.argsort(-sums, axis=1, kind="stable")
    for places, own in zip(ranked, sums, strict=True):
        best = places[: np.count_nonzero(own >= LEAST)]
        told = zip(best.tolist(), np.minimum(own[best], 1).tolist(), strict=True)
        yield tuple(CategoryProbability(paths[i], probability) for i, probability in told)
