"""Which labels are doubtful, from predictions of models that have not seen the photos: NumPy alone.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels (JAIR 2021,
arXiv:1911.00068). A label's threshold is the mean probability that photos with that label have of
it. A photo is flagged where the most probable of the labels that reach their thresholds is not its
own: it is counted off the diagonal of the confident joint.

The order is by another measure. 5 % of grocery-store's training labels were changed to another
item, any or one of the same category; average precision of the wrong ones among 3,017 photos, one
seed:

    the best other label against the own, p / (p + own)   .990   .922   (the one taken)
    own probability (self-confidence)                     .991   .908
    own less best other (normalised margin)               .912   .901
    entropy over own probability                          .980   .748

The one taken does not change its order with the temperature of the probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CANDIDATES = 16  # labels kept a photo: one with less than a sixteenth decides nothing


@dataclass(frozen=True)
class Candidates:
    """What is kept of the out-of-fold probabilities of n photos, whatever the number of labels.

    Attributes:
        own: shape (n,), float64, the probability of the given label.
        labels: shape (n, k), int64, the most probable labels, best first.
        probabilities: shape (n, k), float64, theirs.
    """

    own: NDArray[np.float64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], given: NDArray[np.int64]) -> "Candidates":
        """Keep the most probable labels.

        Args:
            probabilities: shape (n, labels), at least two labels; rows need not sum to 1.
            given: shape (n,), the label that each photo has.
        """
        wide = probabilities.astype(np.float64)
        kept = min(CANDIDATES, wide.shape[1])
        best = np.argpartition(-wide, kept - 1, axis=1)[:, :kept]
        found = np.take_along_axis(wide, best, axis=1)
        # By falling probability, equal ones by label.
        order = np.lexsort((best, -found), axis=1)
        return cls(
            wide[np.arange(len(wide)), given],
            np.take_along_axis(best, order, axis=1).astype(np.int64),
            np.take_along_axis(found, order, axis=1),
        )

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """Return the candidates of all parts, in their order."""
        return cls(
            np.concatenate([part.own for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
        )


@dataclass(frozen=True)
class Doubts:
    """How doubtful the labels of n photos are.

    Attributes:
        suggested: shape (n,), int64, the most probable label other than the given one.
        values: shape (n,), float64, 0..1: of the suggested label and the given one, how probable
            is the suggested; above .5 it is the more probable of the two.
        flagged: shape (n,), bool, whether confident learning takes the label for wrong.
    """

    suggested: NDArray[np.int64]
    values: NDArray[np.float64]
    flagged: NDArray[np.bool_]


def doubts_of(
    candidates: Candidates,
    given: NDArray[np.int64],
    labels: int,
    usual: NDArray[np.bool_] | None = None,
) -> Doubts:
    """Judge the labels of n photos by their out-of-fold candidates.

    Args:
        candidates: of all photos that can be judged.
        given: shape (n,), the label that each photo has.
        labels: how many labels there are.
        usual: shape (n,), the photos that set thresholds and may be flagged; None: all.
    """
    counted = np.ones(len(given), bool) if usual is None else usual
    found, probabilities = candidates.labels, candidates.probabilities
    first = (found == given[:, None]).argmin(axis=1)[:, None]  # the best that is not the own
    other = np.take_along_axis(probabilities, first, axis=1)[:, 0]
    total = other + candidates.own
    # Both probabilities are 0 only where they are too small for a float: nobody knows.
    values = np.divide(other, total, out=np.full(len(given), 0.5), where=total > 0)
    least = thresholds(candidates.own[counted], given[counted], labels)
    flagged = (confident_labels(candidates, given, least) != given) & counted
    return Doubts(np.take_along_axis(found, first, axis=1)[:, 0], values, flagged)


def thresholds(
    own: NDArray[np.float64], given: NDArray[np.int64], labels: int
) -> NDArray[np.float64]:
    """Return the mean self-confidence of each label, shape (labels,); infinite without photos."""
    counts = np.bincount(given, minlength=labels)
    sums = np.bincount(given, weights=own, minlength=labels)
    return np.asarray(np.divide(sums, counts, out=np.full(labels, np.inf), where=counts > 0))


def confident_labels(
    candidates: Candidates, given: NDArray[np.int64], least: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the most probable label that reaches its threshold, the given one where none does.

    Args:
        candidates: of n photos.
        given: shape (n,).
        least: shape (labels,), the thresholds.
    """
    reached = candidates.probabilities >= least[candidates.labels]
    first = reached.argmax(axis=1)[:, None]
    confident = np.take_along_axis(candidates.labels, first, axis=1)[:, 0]
    return np.where(reached.any(axis=1), confident, given)
