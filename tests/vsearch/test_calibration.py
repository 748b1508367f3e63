import jax.numpy as jnp
import numpy as np
import pytest

from vsearch.calibration import fit_scale, negative_log_likelihood, softmax
from vsearch.objectives import normalised_softmax


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


def test_likelihood_and_loss_agree_with_a_direct_recomputation() -> None:
    cosines, labels = cosines_and_labels(5.0, n=50)
    powers = np.exp(cosines.astype(np.float64) * 5)
    expected = -np.log(powers[np.arange(50), labels] / powers.sum(1)).mean()
    assert negative_log_likelihood(cosines, labels, 5.0) == pytest.approx(expected, rel=1e-9)
    smoothed = 0.9 * expected - 0.1 * np.log(powers / powers.sum(1, keepdims=True)).mean()
    assert negative_log_likelihood(cosines, labels, 5.0, 0.1) == pytest.approx(smoothed, rel=1e-9)
    loss = normalised_softmax(jnp.asarray(cosines), jnp.asarray(labels), 5.0)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]], np.float32)), [[0.5, 0.5, 0]])
