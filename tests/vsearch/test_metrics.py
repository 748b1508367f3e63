"""Each metric against an independent recomputation: plain loops over plain lists."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch import metrics


@pytest.fixture(params=range(5))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_accuracy_is_that_of_a_sort(rng: np.random.Generator, k: int) -> None:
    probabilities = rng.integers(0, 6, (200, 7)).astype(np.float32)  # full of ties
    labels = rng.integers(-1, 7, 200)
    right = 0
    for row, label in zip(probabilities.tolist(), labels.tolist(), strict=True):
        best = sorted(range(7), key=lambda column: (-row[column], column))[:k]
        right += label in best
    assert metrics.top_k_accuracy(probabilities, labels, k) == pytest.approx(right / 200)


def test_a_model_that_knows_nothing_is_right_for_the_first_label_only() -> None:
    uniform = np.full((4, 4), 0.25, np.float32)
    assert metrics.top_k_accuracy(uniform, np.arange(4), 1) == 0.25
    assert metrics.top_k_accuracy(uniform, np.arange(4), 4) == 1.0


def test_labels_count_once_in_the_macro_average(rng: np.random.Generator) -> None:
    labels = rng.choice(4, 300, p=[0.7, 0.2, 0.05, 0.05])
    predicted = np.where(rng.random(300) < 0.6, labels, rng.integers(0, 4, 300))
    shares = metrics.per_label_accuracy(predicted, labels)
    by_hand = {}
    for label in sorted(set(labels.tolist())):
        own = [p for p, t in zip(predicted.tolist(), labels.tolist(), strict=True) if t == label]
        by_hand[label] = (own.count(label) / len(own), len(own))
    assert shares == by_hand
    mean = sum(share for share, _ in by_hand.values()) / len(by_hand)
    assert metrics.macro_accuracy(predicted, labels) == pytest.approx(mean)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_recall_at_k(rng: np.random.Generator, k: int) -> None:
    relevant = rng.random((150, 10)) < 0.15
    found = sum(any(row[:k]) for row in relevant.tolist())
    assert metrics.recall_at_k(relevant, k) == pytest.approx(found / 150)


def _average_precision_at_r(relevant: list[bool], total: int) -> float:
    return sum(sum(relevant[:i]) / i for i in range(1, total + 1) if relevant[i - 1]) / total


def test_map_at_r(rng: np.random.Generator) -> None:
    relevant = rng.random((120, 30)) < 0.3
    totals = rng.integers(1, 31, 120)
    by_hand = [
        _average_precision_at_r(row, total)
        for row, total in zip(relevant.tolist(), totals.tolist(), strict=True)
    ]
    assert metrics.map_at_r(relevant, totals) == pytest.approx(np.mean(by_hand))


@pytest.mark.parametrize(
    ("relevant", "expected"),
    [  # table 1 of the paper's supplement in spirit: R = 10, one query
        ([1] * 10, 1.0),
        ([1] + [0] * 9, 0.1),
        ([0] * 9 + [1], 0.01),
        ([1, 1] + [0] * 8, 0.2),
        ([0] * 10, 0.0),
    ],
)
def test_map_at_r_of_known_rankings(relevant: list[int], expected: float) -> None:
    ranked = np.array([relevant], bool)
    assert metrics.map_at_r(ranked, np.array([10])) == pytest.approx(expected)


def test_results_beyond_r_do_not_count() -> None:
    ranked: NDArray[np.bool_] = np.array([[False, False, True, True]])
    assert metrics.map_at_r(ranked, np.array([2])) == 0.0


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error(rng: np.random.Generator, bins: int) -> None:
    confidences = rng.random(400).astype(np.float32)
    correct = rng.random(400) < confidences**2
    error = 0.0
    for b in range(bins):
        inside = [
            (c, hit)
            for c, hit in zip(confidences.tolist(), correct.tolist(), strict=True)
            if b / bins < c <= (b + 1) / bins
        ]
        if inside:
            mean = sum(c for c, _ in inside) / len(inside)
            accuracy = sum(hit for _, hit in inside) / len(inside)
            error += len(inside) / 400 * abs(mean - accuracy)
    assert metrics.expected_calibration_error(confidences, correct, bins) == pytest.approx(error)


def test_calibration_error_at_the_ends() -> None:
    sure = np.array([1.0, 1.0, 0.0], np.float32)
    assert metrics.expected_calibration_error(sure, np.array([True, True, False])) == 0.0
    assert metrics.expected_calibration_error(sure, np.array([False, False, True])) == 1.0


def test_nothing_to_average_is_an_error_and_not_zero() -> None:
    with pytest.raises(ValueError, match="no query"):
        metrics.recall_at_k(np.empty((0, 5), bool), 1)
    with pytest.raises(ValueError, match="3 queries but 2 answers"):
        metrics.top_k_accuracy(np.ones((2, 2), np.float32), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="needs 10 results"):
        metrics.recall_at_k(np.ones((2, 5), bool), 10)
    with pytest.raises(ValueError, match="R must be"):
        metrics.map_at_r(np.ones((2, 5), bool), np.array([0, 5]))
