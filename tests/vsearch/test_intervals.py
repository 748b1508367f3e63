"""Intervals: known values, honest coverage, and the figure always inside."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch import metrics
from vsearch.intervals import auroc_interval, bootstrap, wilson


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_agrees_with_newcombe(right: int, count: int, expected: tuple[float, float]) -> None:
    assert wilson(right / count, count) == pytest.approx(expected, abs=1e-4)


def test_a_share_of_all_or_none_has_a_width_and_stays_within_0_and_1() -> None:
    assert wilson(1.0, 48) == pytest.approx((0.9259, 1.0), abs=1e-4)
    assert wilson(0.0, 48) == pytest.approx((0.0, 0.0741), abs=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.01, 1 / 3, 0.5, 0.999, 1.0])
def test_more_queries_make_a_narrower_interval_around_the_share(share: float) -> None:
    widths = []
    for count in (1, 10, 100, 10_000):
        low, high = wilson(share, count)
        assert 0 <= low <= share <= high <= 1
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.03


def test_an_area_of_1_has_a_width_and_chance_lies_in_the_middle() -> None:
    low, high = auroc_interval(1.0, 50, 50)
    assert 0.9 < low < 0.97
    assert high == 1.0
    low, high = auroc_interval(0.5, 80, 80)
    assert low == pytest.approx(1 - high, abs=1e-6)
    # Hanley & McNeil: a standard error of sqrt((.25 + 2 * 79 * (1/3 - .25)) / 6400) = .0456
    assert high - low == pytest.approx(2 * 1.96 * 0.0456, rel=0.05)


def test_the_intervals_of_an_area_hold_the_true_one_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        scores = np.concatenate([rng.normal(1.5, 1, 40), rng.normal(0, 1, 60)])
        low, high = auroc_interval(metrics.auroc(scores, np.arange(100) < 40), 40, 60)
        held += low <= 0.8556 <= high  # Φ(1.5 / √2)
    assert 0.92 <= held / 300 <= 0.99


def test_the_bootstrap_of_a_mean_is_near_the_normal_interval_and_reproducible() -> None:
    values = np.random.default_rng(0).normal(0.4, 0.1, 400)

    def mean(rows: NDArray[np.int64]) -> float:
        return float(values[rows].mean())

    low, high = bootstrap(mean, 400)
    reach = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.002)
    assert bootstrap(mean, 400) == (low, high)
    assert bootstrap(mean, 400, seed=1) != (low, high)


def calibration(queries: int, too_sure: float, seed: int) -> Callable[[NDArray[np.int64]], float]:
    """Return what computes the calibration error of some of the queries of a made-up model."""
    rng = np.random.default_rng(seed)
    confidences = rng.beta(8, 1, queries).astype(np.float32)
    right = rng.uniform(size=queries) < confidences - too_sure
    return lambda rows: metrics.expected_calibration_error(confidences[rows], right[rows])


def test_intervals_hold_a_calibration_error_that_noise_raises() -> None:
    true = calibration(200_000, 0.1, seed=99)(np.arange(200_000))
    held = 0
    for seed in range(50):
        error = calibration(200, 0.1, seed)
        low, high = bootstrap(error, 200, resamples=100, noise_raises=True)
        assert low <= error(np.arange(200)) <= high
        held += low <= true <= high
    assert held >= 45


def test_a_calibrated_model_may_be_as_good_as_it_looks_or_better() -> None:
    error = calibration(480, 0.0, seed=0)
    low, _ = bootstrap(error, 480, resamples=200, noise_raises=True)
    assert low < 0.5 * error(np.arange(480))
    assert bootstrap(error, 480, resamples=200)[0] > low  # percentiles would rule it out


def test_a_figure_that_is_better_than_in_every_sample_is_the_end_of_its_interval() -> None:
    right = np.arange(100) < 80

    def error(rows: NDArray[np.int64]) -> float:
        return abs(0.8 - float(right[rows].mean()))

    low, high = bootstrap(error, 100)
    assert low == error(np.arange(100)) == pytest.approx(0, abs=1e-12)
    assert 0 < high < 0.1


def test_samples_that_cannot_tell_a_figure_take_no_part() -> None:
    yes = np.arange(6) == 0

    def share_of_yes(rows: NDArray[np.int64]) -> float:
        return float(yes[rows].mean()) if yes[rows].any() else float("nan")

    low, high = bootstrap(share_of_yes, 6)
    assert 0 < low <= 1 / 6 < high


def test_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="no query"):
        wilson(0.5, 0)
    with pytest.raises(ValueError, match="no query"):
        bootstrap(lambda rows: float(rows.sum()), 0)
    with pytest.raises(ValueError, match="no interval"):
        bootstrap(lambda rows: float("nan"), 3)
    with pytest.raises(ValueError, match="both kinds"):
        auroc_interval(0.5, 0, 3)
