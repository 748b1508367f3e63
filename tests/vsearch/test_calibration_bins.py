"""The bins of a reliability diagram against plain loops; what they say in sum is tested as ECE."""

import numpy as np
import pytest

from vsearch.metrics import (
    CALIBRATION_BINS,
    CalibrationBin,
    calibration_bins,
    calibration_error,
    expected_calibration_error,
)


@pytest.mark.parametrize("bins", [1, 4, CALIBRATION_BINS])
@pytest.mark.parametrize("seed", range(3))
def test_bins_are_those_of_a_plain_loop(bins: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidences = rng.random(300).astype(np.float32) ** 3
    correct = rng.random(300) < confidences
    expected = []
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [i for i, told in enumerate(confidences.tolist()) if low < told <= high]
        if inside:
            told = sum(confidences.tolist()[i] for i in inside) / len(inside)
            right = sum(correct.tolist()[i] for i in inside) / len(inside)
            expected.append((low, high, len(inside), told, right))
    found = calibration_bins(confidences, correct, bins)
    assert [(one.low, one.high, one.queries) for one in found] == [row[:3] for row in expected]
    assert [one.confidence for one in found] == pytest.approx([row[3] for row in expected])
    assert [one.accuracy for one in found] == pytest.approx([row[4] for row in expected])
    assert sum(one.queries for one in found) == 300
    assert calibration_error(found) == expected_calibration_error(confidences, correct, bins)


def test_bins_are_closed_above_and_hold_both_ends() -> None:
    edges = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 0.2500001], np.float32)
    found = calibration_bins(edges, np.ones(6, bool), 4)
    assert [(one.low, one.queries) for one in found] == [(0, 2), (0.25, 2), (0.5, 1), (0.75, 1)]


def test_bins_without_a_query_are_left_out() -> None:
    found = calibration_bins(np.array([0.9, 0.95], np.float32), np.array([True, False]), 10)
    assert len(found) == 2
    (sure,) = calibration_bins(np.full(7, 0.75, np.float32), np.arange(7) < 5, 10)
    assert sure == CalibrationBin(0.7, 0.8, 7, 0.75, 5 / 7)


def test_the_error_weighs_bins_by_their_queries() -> None:
    few = CalibrationBin(0.0, 0.5, 1, 0.4, 1.0)
    many = CalibrationBin(0.5, 1.0, 9, 0.8, 0.7)
    assert calibration_error([few, many]) == pytest.approx((1 * 0.6 + 9 * 0.1) / 10)


def test_no_query_has_no_bins() -> None:
    with pytest.raises(ValueError, match="no query"):
        calibration_bins(np.zeros(0, np.float32), np.zeros(0, bool))
    with pytest.raises(ValueError, match="2 queries but 3 answers"):
        calibration_bins(np.zeros(2, np.float32), np.zeros(3, bool))
