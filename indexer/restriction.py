"""Soft restriction: search within the categories that a photo is likely to show, if it is clear.

The likely categories are the fewest that together hold the probability `SURE`; probabilities are
calibrated, so the right category is among them about that often (conformal prediction calls such a
set of classes a prediction set: Romano, Sesia & Candès, Classification with Valid and Adaptive
Coverage, 2020, arXiv:2006.02544).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsearch.data import Label
from vsearch.taxonomy import CategoryPath, format_path

SURE = 0.95
MOST = 5  # categories; where more are needed the photo is not clear


@dataclass(frozen=True)
class Restriction:
    """Where a search looked first, and whether it looked further.

    Attributes:
        categories: the likely categories, the most probable first; none where none was clear, and
            the search was not restricted.
        probability: of all of them together, with those that hold no item and are not named; where
            none was clear, of as many as there may be.
        widened: why the search was not restricted; None where it was.
        beyond: how many of the hits lie beyond them, because they hold too few items.
    """

    categories: tuple[CategoryPath, ...]
    probability: float
    widened: str | None
    beyond: int = 0

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "categories": [format_path(path) for path in self.categories],
            "probability": self.probability,
            "widened": self.widened,
            "beyond": self.beyond,
        }


def likely_categories(labels: Sequence[Label], shares: NDArray[np.float32]) -> Restriction:
    """Return the categories that a photo is likely to show.

    Args:
        labels: the classes of the model.
        shares: shape (labels,), what rolls up the category tree.
    """
    sums: dict[CategoryPath, float] = {}
    for label, share in zip(labels, shares.tolist(), strict=True):
        if label.path:
            sums[label.path] = sums.get(label.path, 0.0) + share
    if not sum(sums.values()):
        return Restriction((), 0.0, "the model does not tell categories")
    ranked = sorted(sums, key=lambda path: (-sums[path], path))
    reached = np.cumsum([sums[path] for path in ranked])
    count = int(np.searchsorted(reached, SURE)) + 1
    most = min(MOST, len(ranked))  # labels without a category may hold the rest
    if count > most:
        likeliest = f"{most} likeliest categories are" if most > 1 else "likeliest category is"
        told = f"the {likeliest} {reached[most - 1]:.0%} probable"
        return Restriction((), float(reached[most - 1]), f"{told}{' together' * (most > 1)}")
    return Restriction(tuple(ranked[:count]), min(float(reached[count - 1]), 1.0), None)
