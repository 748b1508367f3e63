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
    best = negative_log_likelihood(cosines, labels, fit_scale(cosines, labels))
    for scale in np.geomspace(1, 100, 50):
        assert best <= negative_log_likelihood(cosines, labels, scale) + 1e-9


def test_likelihood_and_loss_agree_with_a_direct_recomputation() -> None:
    cosines, labels = cosines_and_labels(5.0, n=50)
    powers = np.exp(cosines.astype(np.float64) * 5)
    expected = -np.log(powers[np.arange(50), labels] / powers.sum(1)).mean()
    assert negative_log_likelihood(cosines, labels, 5.0) == pytest.approx(expected, rel=1e-9)
    loss = normalised_softmax(jnp.asarray(cosines), jnp.asarray(labels), 5.0)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]], np.float32)), [[0.5, 0.5, 0]])
