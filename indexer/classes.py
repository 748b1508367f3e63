"""What a network says of a photo, as an answer tells it: labels, categories of all levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoPredictions
from indexer.unknown import UNKNOWN_FROM
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath, format_path, roll_up

MOST = 20  # labels that an answer names, beside those that the photo is given
# Less probable categories are left out. They are what would make the answer of a large shop long,
# and what is told adds up without them.
LEAST = 1e-6


@dataclass(frozen=True)
class LabelProbability:
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


@dataclass(frozen=True)
class CategoryProbability:
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
    answers = zip(predictions.probabilities, predictions.shares, predictions.assigned, strict=True)
    for (probabilities, shares, assigned), score in zip(answers, scores, strict=True):
        named, categories = best_classes(labels, probabilities, shares, assigned)
        yield Classes(named, categories, None if score is None else score >= UNKNOWN_FROM, score)


def best_classes(
    labels: Sequence[Label],
    probabilities: NDArray[np.float32],
    shares: NDArray[np.float32],
    assigned: NDArray[np.bool_],
) -> tuple[tuple[LabelProbability, ...], tuple[CategoryProbability, ...]]:
    """Return the most probable labels and the categories of all levels, best first.

    Args:
        labels: the classes.
        probabilities: shape (labels,).
        shares: shape (labels,), what rolls up the category tree.
        assigned: shape (labels,), which labels the photo is given.
    """
    ranked = np.argsort(-probabilities, kind="stable")
    best = [i for rank, i in enumerate(ranked.tolist()) if rank < MOST or assigned[i]]
    named = (
        LabelProbability(labels[i].name, labels[i].path, float(probabilities[i]), bool(assigned[i]))
        for i in best
    )
    sums = roll_up(shares[None], [label.path for label in labels])
    told = [path for path in sums if sums[path][0] >= LEAST]
    # A parent with the same probability as its only child comes first.
    paths = sorted(told, key=lambda path: (-sums[path][0], len(path), path))
    return tuple(named), tuple(CategoryProbability(p, min(float(sums[p][0]), 1.0)) for p in paths)
