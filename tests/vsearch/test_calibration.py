import numpy as np
import pytest

from vsearch.calibration import (
    LOGIT_SCALES,
    best_f1_threshold,
    fit_bias,
    fit_platt,
    fit_scale,
    negative_log_likelihood,
    sigmoid,
    softmax,
)


def cosines_and_labels(scale: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines whose labels are drawn from their own softmax at `scale`."""
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, (n, 6)).astype(np.float32)
    probabilities = softmax(cosines * np.float32(scale)).astype(np.float64)
    cumulative = probabilities.cumsum(1)
    labels = (rng.random((n, 1)) * cumulative[:, -1:] > cumulative).sum(1)
    return cosines, labels


@pytest.mark.parametrize("scale", [2.0, 8.0, 30.0])
def test_the_scale_that_made_the_labels_is_found(scale: float) -> None:
    cosines, labels = cosines_and_labels(scale)
    assert fit_scale(cosines, labels) == pytest.approx(scale, rel=0.1)


def test_the_fitted_scale_is_the_best_of_many() -> None:
    cosines, labels = cosines_and_labels(8.0, n=200)
    best = negative_log_likelihood(cosines, labels, fit_scale(cosines, labels), 1 / 202)
    for scale in np.geomspace(1, 100, 50):
        assert best <= negative_log_likelihood(cosines, labels, scale, 1 / 202) + 1e-9


def test_a_few_photos_that_are_all_right_do_not_make_the_model_certain() -> None:
    cosines = np.full((30, 10), 0.1, np.float32)
    labels = np.arange(30) % 10
    cosines[np.arange(30), labels] = 0.6
    probabilities = softmax(cosines * np.float32(fit_scale(cosines, labels)))
    sure = probabilities[np.arange(30), labels]
    # Rule of succession: 1/32 of the weight is spread over the ten labels.
    np.testing.assert_allclose(sure, 1 - 0.9 / 32, atol=1e-3)


def test_likelihood_agrees_with_a_direct_recomputation() -> None:
    cosines, labels = cosines_and_labels(5.0, n=50)
    powers = np.exp(cosines.astype(np.float64) * 5)
    expected = -np.log(powers[np.arange(50), labels] / powers.sum(1)).mean()
    assert negative_log_likelihood(cosines, labels, 5.0) == pytest.approx(expected, rel=1e-9)
    smoothed = 0.9 * expected - 0.1 * np.log(powers / powers.sum(1, keepdims=True)).mean()
    assert negative_log_likelihood(cosines, labels, 5.0, 0.1) == pytest.approx(smoothed, rel=1e-9)


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]], np.float32)), [[0.5, 0.5, 0]])


@pytest.mark.parametrize("scale", [0.05, 1.0, 6.0])
def test_logits_are_scaled_within_their_own_range(scale: float) -> None:
    cosines, labels = cosines_and_labels(8.0)
    logits = np.asarray(cosines * (8.0 / scale), np.float32)
    assert fit_scale(logits, labels, LOGIT_SCALES) == pytest.approx(scale, rel=0.1)


def test_sigmoid_of_any_logit() -> None:
    logits = np.array([-1e4, -2.0, 0.0, 3.0, 1e4], np.float32)
    expected = [0, 1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-3), 1]
    np.testing.assert_allclose(sigmoid(logits), expected, rtol=1e-12)


def platt_loss(
    logits: np.ndarray, positive: np.ndarray, scale: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Return the loss of every pair of scale (s, 1) and bias (b,), recomputed as Platt has it."""
    yes, no = positive.sum(), (~positive).sum()
    targets = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    margin = logits.astype(np.float64) * scale[..., None] + bias[:, None]
    losses = targets * np.logaddexp(0, -margin) + (1 - targets) * np.logaddexp(0, margin)
    return np.asarray(losses.mean(-1))


@pytest.mark.parametrize("seed", range(4))
def test_platt_is_the_best_of_a_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = np.asarray(rng.normal(rng.uniform(-2, 2), rng.uniform(0.5, 4), 80), np.float32)
    positive = rng.random(80) < sigmoid(logits * rng.uniform(0.3, 2) + rng.uniform(-1, 1))
    scale, bias = fit_platt(logits, positive)
    best = platt_loss(logits, positive, np.array([[scale]]), np.array([bias]))[0, 0]
    grid = platt_loss(
        logits, positive, np.geomspace(*LOGIT_SCALES, 60)[:, None], np.linspace(-8, 8, 81)
    )
    assert LOGIT_SCALES[0] <= scale <= LOGIT_SCALES[1]
    assert best <= grid.min() + 1e-9
    assert grid.min() <= best + 0.02  # the grid is not so coarse that anything beats it


def test_platt_finds_what_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = np.asarray(rng.normal(0, 3, 20000), np.float32)
    positive = rng.random(20000) < sigmoid(0.5 * logits - 1.5)
    assert fit_platt(logits, positive) == pytest.approx((0.5, -1.5), rel=0.06)


def test_a_few_photos_that_are_all_right_make_platt_no_surer_than_his_targets() -> None:
    logits = np.array([5.0] * 10 + [-5.0] * 30, np.float32)
    scale, bias = fit_platt(logits, logits > 0)
    np.testing.assert_allclose(sigmoid(np.array([5.0, -5.0]) * scale + bias), [11 / 12, 1 / 32])


def test_logits_that_are_all_wrong_are_made_unsure_but_never_turned_round() -> None:
    logits = np.array([5.0] * 10 + [-5.0] * 30, np.float32)
    scale, bias = fit_platt(logits, logits < 0)
    assert scale == LOGIT_SCALES[0]
    found = platt_loss(logits, logits < 0, np.array([[scale]]), np.array([bias]))[0, 0]
    others = platt_loss(logits, logits < 0, np.array([[scale]]), np.linspace(-3, 3, 601))[0]
    assert found <= others.min() < found + 1e-4


def test_one_class_alone_leaves_logits_as_they_are() -> None:
    logits = np.array([1.0, 2.0], np.float32)
    for positive in (np.ones(2, bool), np.zeros(2, bool)):
        assert fit_platt(logits, positive) == (1.0, 0.0)


def test_logits_without_spread_give_the_share_of_positives() -> None:
    logits = np.full(100, 3.0, np.float32)
    scale, bias = fit_platt(logits, np.arange(100) < 20)
    expected = (20 * 21 / 22 + 80 * 1 / 82) / 100  # the mean of Platt's targets
    assert sigmoid(np.array([scale * 3.0 + bias]))[0] == pytest.approx(expected)


@pytest.mark.parametrize("spread", [0.0, 1.0, 1e4])
def test_the_bias_gives_the_mean_of_the_targets(spread: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(300, spread, 50)
    positive = np.arange(50) < 5
    found = sigmoid(logits + fit_bias(logits, positive)).mean()
    assert found == pytest.approx((5 * 6 / 7 + 45 / 47) / 50, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_better_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = np.asarray(rng.integers(0, 12, 40) / 12, np.float32)
    positive = rng.random(40) < 0.2 + 0.6 * probabilities

    def f1(threshold: float) -> float:
        given = probabilities.astype(np.float64) >= threshold
        return float(2 * (given & positive).sum() / (given.sum() + positive.sum()))

    best = f1(best_f1_threshold(probabilities, positive))
    assert best == pytest.approx(max(f1(t) for t in np.linspace(0, 1, 200)))


def test_a_threshold_lies_midway_in_the_gap() -> None:
    probabilities = np.array([0.75, 0.5, 0.125], np.float32)
    assert best_f1_threshold(probabilities, np.array([True, False, False])) == 0.625
    assert best_f1_threshold(probabilities, np.array([True, True, True])) == 0.0625
