"""Figures of quality, on NumPy arrays: classification, detection, retrieval, calibration.

All are fractions in 0..1 over queries; all raise ValueError where there is no query to average,
because a figure of nothing is not 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15


def top_k_accuracy(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], k: int = 1
) -> float:
    """Return the share of queries whose own label is among the `k` most probable.

    Args:
        probabilities: shape (n, labels); any scores that rise with confidence will do.
        labels: shape (n,), the true column; -1 for a label that the model lacks, which is wrong.
        k: at least 1.
    """
    _need(len(labels), probabilities.shape[0])
    own = np.take_along_axis(probabilities, np.maximum(labels, 0)[:, None], axis=1)
    columns = np.arange(probabilities.shape[1])
    # Equal probabilities rank by column, so a model that knows nothing is not right by luck.
    ahead = (probabilities > own) | ((probabilities == own) & (columns < labels[:, None]))
    return float(np.mean((labels >= 0) & (ahead.sum(axis=1) < k)))


def per_label_accuracy(
    predicted: NDArray[np.int64], labels: NDArray[np.int64]
) -> dict[int, tuple[float, int]]:
    """Return for each label among the queries its accuracy and its number of queries.

    Args:
        predicted: shape (n,), the most probable column.
        labels: shape (n,), the true column.
    """
    _need(len(labels), len(predicted))
    present = np.unique(labels)
    return {
        int(label): (
            float(np.mean(predicted[labels == label] == label)),
            int(np.sum(labels == label)),
        )
        for label in present
    }


def macro_accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the mean of the labels' accuracies, each label counting once."""
    return float(np.mean([share for share, _ in per_label_accuracy(predicted, labels).values()]))


def average_precision(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the area below precision over recall, as a sum of steps without interpolation.

    Photos of equal score are chosen together, so their order does not matter.

    Args:
        scores: shape (n,), higher where more sure.
        positive: shape (n,); at least one is.
    """
    _need(len(scores), len(positive))
    _need_some(positive, "positive")
    _, hits, chosen = cuts(scores, positive)
    return float((np.diff(hits, prepend=0) * hits / chosen).sum() / positive.sum())


def mean_average_precision(scores: NDArray[np.floating], targets: NDArray[np.bool_]) -> float:
    """Return the mean over labels of `average_precision`; labels that no photo has do not count.

    Args:
        scores: shape (n, labels), higher where more sure.
        targets: shape (n, labels), which labels each photo has.
    """
    _need(len(scores), len(targets))
    _need_some(targets, "labelled")
    present = np.flatnonzero(targets.any(axis=0))
    return float(np.mean([average_precision(scores[:, i], targets[:, i]) for i in present]))


def micro_f1(assigned: NDArray[np.bool_], targets: NDArray[np.bool_]) -> float:
    """Return the harmonic mean of precision and recall over all photos and labels at once.

    Args:
        assigned: any shape, such as (n, labels): what was given.
        targets: the same shape: what is right.
    """
    _need(len(assigned), len(targets))
    _need_some(targets, "labelled")
    return float(2 * (assigned & targets).sum() / (assigned.sum() + targets.sum()))


def macro_f1(assigned: NDArray[np.bool_], targets: NDArray[np.bool_]) -> float:
    """Return the mean F1 of the labels, (n, labels) each; labels that no photo has do not count."""
    _need(len(assigned), len(targets))
    _need_some(targets, "labelled")
    present = np.flatnonzero(targets.any(axis=0))
    return float(np.mean([micro_f1(assigned[:, i], targets[:, i]) for i in present]))


def auroc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return how often a positive photo has a higher score than a negative one; ties count half.

    Args:
        scores: shape (n,), higher where more sure.
        positive: shape (n,); at least one is, and at least one is not.
    """
    _need(len(scores), len(positive))
    _need_some(positive, "positive")
    _need_some(~positive, "negative")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # from 1; the mean rank where tied
    yes, no = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def reject_rate(
    own: NDArray[np.floating], foreign: NDArray[np.floating], false_alarm: float
) -> float:
    """Return the share of foreign photos that are rejected at a false-alarm rate.

    Rejected is what scores below a threshold: the highest one that rejects no more than the share
    `false_alarm` of the own photos.

    Args:
        own: shape (n,), scores of photos that should be accepted, higher where more at home.
        foreign: shape (m,), scores of photos that should be rejected.
        false_alarm: 0 ≤ false_alarm < 1.
    """
    _need(len(own), len(own))
    _need(len(foreign), len(foreign))
    if not 0 <= false_alarm < 1:
        raise ValueError(f"a false-alarm rate is at least 0 and less than 1, not {false_alarm}")
    # The tiny part keeps .29 * 100 = 28.999999999999996 from losing a photo.
    threshold = np.sort(own)[int(false_alarm * len(own) + 1e-9)]
    return float(np.mean(foreign < threshold))


def recall_at_k(relevant: NDArray[np.bool_], k: int) -> float:
    """Return the share of queries with a relevant result among the first `k`.

    Args:
        relevant: shape (n, at least k), results best first; whether each is what was sought.
        k: at least 1.
    """
    _need(len(relevant), len(relevant))
    if relevant.shape[1] < k:
        raise ValueError(f"recall@{k} needs {k} results a query, not {relevant.shape[1]}")
    return float(np.mean(relevant[:, :k].any(axis=1)))


def map_at_r(relevant: NDArray[np.bool_], totals: NDArray[np.int64]) -> float:
    """Return the mean average precision at R.

    Musgrave, Belongie and Lim, A Metric Learning Reality Check (2020), section 3.2: for a query
    with R relevant references, the precision at each relevant rank i ≤ R, summed and divided by R.
    It is 1 exactly where the first R results are the relevant ones.

    Args:
        relevant: shape (n, at least the greatest R), results best first.
        totals: shape (n,), R of each query, at least 1.
    """
    _need(len(totals), len(relevant))
    if totals.min() < 1 or totals.max() > relevant.shape[1]:
        raise ValueError(
            f"R must be 1..{relevant.shape[1]} (the results given), not "
            f"{totals.min()}..{totals.max()}"
        )
    ranks = np.arange(1, relevant.shape[1] + 1)
    counted = relevant & (ranks <= totals[:, None])
    precision = np.cumsum(counted, axis=1) / ranks
    return float(np.mean((precision * counted).sum(axis=1) / totals))


def expected_calibration_error(
    confidences: NDArray[np.float32], correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Return how far confidence and accuracy lie apart, averaged over bins of confidence.

    Guo et al., On Calibration of Modern Neural Networks (2017), equation 3: equal-width bins,
    open on the left, weighted by their number of queries.

    Args:
        confidences: shape (n,), probability of the predicted label, 0..1.
        correct: shape (n,), whether the prediction is right.
        bins: number of bins.
    """
    return calibration_error(calibration_bins(confidences, correct, bins))


@dataclass(frozen=True)
class CalibrationBin:
    """The queries whose confidence lies in (low, high]: their mean confidence and accuracy."""

    low: float
    high: float
    queries: int
    confidence: float
    accuracy: float


def calibration_bins(
    confidences: NDArray[np.float32], correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Return the equal-width bins of a reliability diagram; those without a query are left out.

    Args:
        confidences: shape (n,), n ≥ 1, probability of the predicted label, 0..1.
        correct: shape (n,), whether the prediction is right.
        bins: number of bins.
    """
    _need(len(confidences), len(correct))
    wide = confidences.astype(np.float64)
    place = np.clip(np.ceil(wide * bins).astype(np.int64) - 1, 0, bins - 1)
    found = []
    for number in np.unique(place).tolist():
        own = place == number
        told, right = float(wide[own].mean()), float(correct[own].mean())
        found.append(
            CalibrationBin(number / bins, (number + 1) / bins, int(own.sum()), told, right)
        )
    return tuple(found)


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Return how far confidence and accuracy lie apart, averaged over the queries of all bins."""
    gaps = (one.queries * abs(one.confidence - one.accuracy) for one in bins)
    return sum(gaps) / sum(one.queries for one in bins)


def cuts(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return what choosing all photos down to each distinct score means, the highest first.

    Returns:
        The distinct scores (float64, falling); how many positive photos reach each, and how many
        photos in all (int64).
    """
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    ranked = scores[order].astype(np.float64)
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits = np.cumsum(positive[order], dtype=np.int64)
    return ranked[ends], hits[ends], np.asarray(ends + 1, np.int64)


def _need_some(chosen: NDArray[np.bool_], kind: str) -> None:
    if not chosen.any():
        raise ValueError(f"no {kind} query to average over")


def _need(queries: int, answers: int) -> None:
    if queries != answers:
        raise ValueError(f"{queries} queries but {answers} answers")
    if not queries:
        raise ValueError("no query to average over")
