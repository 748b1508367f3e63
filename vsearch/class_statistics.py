"""What a model knows of its classes' embeddings: a mean each, and a covariance that all share.

With it, labels are added without the photos of the ones before. It is Fisher's linear discriminant
(The Use of Multiple Measurements in Taxonomic Problems, 1936): Gaussians of one covariance, whose
log-densities differ by a function that is linear in the embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from vsearch.models.arrivals import NO_EVIDENCE
from vsearch.models.several_vectors import Vectors, rows_of

STATISTICS = "statistics."
MEANS, WITHIN, COUNTS = STATISTICS + "means", STATISTICS + "within", STATISTICS + "counts"
Weights = dict[str, NDArray[np.float32]]

# Chosen on val photos of fashion-catalogue, four times six of its types held back (BENCHMARKS.md).
NEW_WEIGHT = 5.0  # photos that the embedding was not trained on show how wide classes really are
SHRINKAGE = 0.01  # of the covariance towards a multiple of the identity
SHRINKAGE_OF_ONE = 0.6  # the same for classes of one photo; with ten there is hardly more to gain
TEMPER, TEMPER_PHOTOS = 0.2, 8.0  # how far evidence is believed, and with how many photos half
OFFSET, OFFSET_PHOTOS = 2.0, 5.0  # what a class that came later is given in advance, likewise
MOST_LOST = 0.02  # the share of the others' val photos that may be taken for them
_BREADTH = 1e-2  # of a margin: leaves and logits are rounded to float32 before they are compared
_PRIOR_PHOTOS = 1.0  # what these are worth when val photos say otherwise
_ROUNDS = 120


def statistics_of(
    embeddings: NDArray[np.float32], labels: Sequence[int] | NDArray[np.int64], classes: int
) -> Weights:
    """Return what is known of classes by their training photos.

    Args:
        embeddings: (n, dim) float32, unit rows.
        labels: the class of each.
        classes: how many there are; one without a photo has no mean, which is told as zeros.

    Returns:
        Leaves of a bundle: means (classes, dim), within (2, dim, dim), the products of deviations
        from the means summed up over the photos that were trained on and over those of classes that
        came later, and counts (classes + 2,): of the photos of each class, and the degrees of
        freedom of both sums.
    """
    own, rows = np.asarray(labels, np.int64), embeddings.astype(np.float64)
    counts = np.bincount(own, minlength=classes)
    means = np.zeros((classes, rows.shape[1]))
    np.add.at(means, own, rows)
    means /= np.maximum(counts, 1)[:, None]
    apart = rows - means[own]
    within = np.stack([apart.T @ apart, np.zeros((rows.shape[1],) * 2)])
    free = len(rows) - np.count_nonzero(counts)
    return _told(means, within, np.concatenate([counts, [free, 0]]))


def with_classes(statistics: Weights, added: Weights) -> Weights:
    """Return the statistics of a model with those of classes that came later, both by class."""
    means, within, counts, degrees = parts(statistics)
    new_means, new_within, new_counts, new_degrees = parts(added)
    within = within + np.stack([np.zeros_like(within[0]), new_within.sum(axis=0)])
    degrees = degrees + np.array([0.0, new_degrees.sum()])
    means = np.concatenate([means, new_means])
    return _told(means, within, np.concatenate([counts, new_counts, degrees]))


def regrouped(statistics: Weights, chosen: NDArray[np.int64], *, late: bool) -> Weights:
    """Return the statistics of some class vectors, in this order.

    Args:
        statistics: of all.
        chosen: which, (n,) int64.
        late: whether any of them came later; if not, nothing is kept of photos of such classes.
    """
    means, within, counts, degrees = parts(statistics)
    if not late:
        within[1], degrees[1] = 0, 0
    return _told(means[chosen], within, np.concatenate([counts[chosen], degrees]))


def parts(
    statistics: Weights,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return means, sums of products, photos of each class, and degrees of freedom, float64."""
    means, within, counts = (
        statistics[name].astype(np.float64) for name in (MEANS, WITHIN, COUNTS)
    )
    return means, within, counts[:-2], counts[-2:]


def statistic_shapes(rows: int, dim: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the leaves for so many class vectors."""
    return {MEANS: (rows, dim), WITHIN: (2, dim, dim), COUNTS: (rows + 2,)}


def evidence_of(
    statistics: Weights, photos: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (rows, dim) and biases (rows,) of the log-density of each class.

    Up to what is common to all classes. The covariance is that of both kinds of photos together,
    shrunk; `NO_EVIDENCE` is the bias of a class without photos. A mean of few photos is off in all
    directions alike, and counts for more the tighter the classes are there: the fewer there are,
    the further the covariance is shrunk.

    Args:
        statistics: of all classes.
        photos: how many photos each class that came later has.
    """
    means, within, counts, degrees = parts(statistics)
    weighed = np.array([1.0, NEW_WEIGHT])
    free = float(weighed @ degrees)
    covariance = (within * weighed[:, None, None]).sum(axis=0) / max(free, 1.0)
    level = max(float(np.trace(covariance)) / len(covariance), 1e-6)
    # With few photos the rest is taken for granted to be alike in all directions.
    unknown = len(covariance) / (len(covariance) + 10 * free)
    shrinkage = max(SHRINKAGE, SHRINKAGE_OF_ONE / _middle(photos) ** 1.5, unknown)
    covariance = (1 - shrinkage) * covariance + shrinkage * level * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, means.T).T
    biases = -0.5 * np.einsum("rd,rd->r", weights, means)
    known = counts > 0
    return weights * known[:, None], np.where(known, biases, NO_EVIDENCE)


def usual_balance(photos: NDArray[np.float64]) -> tuple[float, float]:
    """Return temper and offset of the evidence without val photos.

    Args:
        photos: how many photos each class that came later has.
    """
    middle = _middle(photos)
    temper = TEMPER * middle / (middle + TEMPER_PHOTOS)
    return temper, OFFSET * OFFSET_PHOTOS / (middle + OFFSET_PHOTOS)


@dataclass(frozen=True)
class Calls:
    """What a model says of val photos, class vector by class vector.

    Attributes:
        level: log-probabilities of the trained class vectors by the trained head, (n, rows), -inf
            for the others.
        evidence: log-densities, (n, rows).
        rounds: (rows,) int64, when each class vector came: 0 with the training, then 1, 2, ….
        labels: of the photos, (n,).
        vectors: how many class vectors each label has.
    """

    level: NDArray[np.float64]
    evidence: NDArray[np.float64]
    rounds: NDArray[np.int64]
    labels: NDArray[np.int64]
    vectors: Vectors

    @property
    def came(self) -> NDArray[np.int64]:
        """When each photo's label came, with the first of its vectors, (n,)."""
        own = [self.rounds[rows].min() for rows in rows_of(self.vectors)]
        return np.array(own, np.int64)[self.labels]

    def logits(self, temper: float, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the head would say, (n, rows), with an offset for each round."""
        scaled = temper * self.evidence
        against = logsumexp(scaled[:, self.rounds == 0], axis=1, keepdims=True)
        beyond = scaled - against + np.concatenate([[0.0], offsets])[self.rounds][None]
        return np.where(self.rounds[None] > 0, beyond, self.level)

    def by_label(self, logits: NDArray[np.float64], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the greatest logit of each label's vectors among some, (n, labels)."""
        starts = [own[0] for own in rows_of(self.vectors)]
        return np.maximum.reduceat(np.where(rows[None], logits, -np.inf), starts, axis=1)


def fitted_balance(
    calls: Calls, usual: tuple[float, float], most_lost: float
) -> tuple[float, NDArray[np.float64]]:
    """Return the temper, and an offset a round, that make val most likely; see `usual_balance`.

    The usual ones count as one photo. But no more than `most_lost` of the photos of labels that
    were there before are lost to those of a round: a shop that adds a label must not pay with those
    that it has, nor an earlier addition for a later one.

    Args:
        calls: what the model says of val photos.
        usual: what `usual_balance` returned.
        most_lost: a share.

    Returns:
        The temper, and shape (rounds,).
    """
    many, photos = int(calls.rounds.max()), np.arange(len(calls.labels))
    every = np.ones(len(calls.rounds), bool)

    def loss(values: NDArray[np.float64]) -> float:
        best = calls.by_label(calls.logits(float(np.exp(values[0])), values[1:]), every)
        right = best[photos, calls.labels]
        from_usual = (values[0] - np.log(usual[0])) ** 2 + ((values[1:] - usual[1]) ** 2).sum()
        total = (logsumexp(best, axis=1) - right).sum() + _PRIOR_PHOTOS * from_usual
        return float(total) / len(photos)

    start = np.array([np.log(usual[0]), *[usual[1]] * many])
    options = {"maxiter": _ROUNDS * many, "adaptive": many > 1}
    found = minimize(loss, start, method="Nelder-Mead", options=options).x
    temper, offsets = float(np.exp(found[0])), found[1:].copy()
    for place in range(many):
        offsets[place] = min(
            offsets[place], _greatest_offset(calls, temper, offsets, place + 1, most_lost)
        )
    return temper, offsets


def _greatest_offset(
    calls: Calls,
    temper: float,
    offsets: NDArray[np.float64],
    number: int,
    most_lost: float,
) -> float:
    """Return how far a round may be favoured so that enough photos of others stay right.

    Args:
        calls: what the model says of val photos.
        temper: of the evidence.
        offsets: those of earlier rounds are settled.
        number: of the round.
        most_lost: a share.
    """
    old = calls.came < number
    logits = calls.logits(temper, offsets)
    best = calls.by_label(logits, calls.rounds < number)[old]
    new = np.where(calls.rounds[None] == number, logits, -np.inf)[old].max(axis=1)
    right = best.argmax(axis=1) == calls.labels[old]
    # Up to its margin a photo that is right stays so; those with the least are lost first.
    margins = np.sort(best.max(axis=1)[right] - new[right]) + offsets[number - 1]
    allowed = int(most_lost * old.sum())
    return float(margins[allowed]) - _BREADTH if len(margins) > allowed else np.inf


def _middle(photos: NDArray[np.float64]) -> float:
    return max(1.0, float(np.median(photos))) if len(photos) else 1.0


def _told(
    means: NDArray[np.float64], within: NDArray[np.float64], counts: NDArray[np.float64]
) -> Weights:
    leaves = {MEANS: means, WITHIN: within, COUNTS: counts}
    return {name: np.asarray(leaf, np.float32) for name, leaf in leaves.items()}
