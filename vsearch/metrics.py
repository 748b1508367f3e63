"""Figures of quality, on NumPy arrays: classification, retrieval, calibration.

All are fractions in 0..1 over queries; all raise ValueError where there is no query to average,
because a figure of nothing is not 0.
"""

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
    _need(len(confidences), len(correct))
    wide = confidences.astype(np.float64)
    place = np.clip(np.ceil(wide * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=wide - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(wide))


def _need(queries: int, answers: int) -> None:
    if queries != answers:
        raise ValueError(f"{queries} queries but {answers} answers")
    if not queries:
        raise ValueError("no query to average over")
