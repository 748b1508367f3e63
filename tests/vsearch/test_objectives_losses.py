"""Each loss against float64 NumPy, at the extremes, and on labels that are not equally common."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsearch.objectives import LossOptions, objective_named

Loss = Callable[[np.ndarray, np.ndarray, LossOptions], float]
OPTIONS = (
    LossOptions(),
    LossOptions(smoothing=0.2),
    LossOptions(0.1, tuple(np.log([0.7, 0.3]).tolist())),
    LossOptions(0.0, tuple(np.log([0.9, 0.1]).tolist())),
)


def prior(options: LossOptions) -> np.ndarray:
    return np.exp(options.log_prior) if options.log_prior is not None else np.array([0.5, 0.5])


def softmax_loss(logits: np.ndarray, targets: np.ndarray, options: LossOptions) -> float:
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        powers = np.exp(row) * prior(options)
        wanted = (1 - options.smoothing) * target + options.smoothing * target.mean()
        total -= (wanted * np.log(powers / powers.sum())).sum()
    return total / len(logits)


def normalised_loss(logits: np.ndarray, targets: np.ndarray, options: LossOptions) -> float:
    return softmax_loss(logits / 0.1, targets, options)


def binary_loss(logits: np.ndarray, targets: np.ndarray, options: LossOptions) -> float:
    both = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return softmax_loss(both, targets, options)


def multi_label_loss(logits: np.ndarray, targets: np.ndarray, options: LossOptions) -> float:
    share = prior(options)
    odds = np.exp(logits) * (share / (1 - share))[None]
    yes = odds / (1 + odds)
    wanted = (1 - options.smoothing) * targets + options.smoothing * targets.mean(1, keepdims=True)
    return float(-(wanted * np.log(yes) + (1 - wanted) * np.log(1 - yes)).mean())


LOSSES: dict[str, Loss] = {
    "softmax": softmax_loss,
    "normalised-softmax": normalised_loss,
    "binary": binary_loss,
    "multi-label": multi_label_loss,
}


@functools.cache
def compiled(name: str) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Return (logits, targets, options) → (loss, gradient), compiled once for all tests."""
    return jax.jit(jax.value_and_grad(objective_named(name).loss), static_argnums=2)


def batch(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.uniform(-1, 1, (6, 1 if name == "binary" else 2)).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1, 0]]
    if name == "multi-label":
        targets = (rng.random((6, 2)) < 0.4).astype(np.float32)
    return logits, targets


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("options", OPTIONS)
def test_a_loss_and_its_gradient_are_what_numpy_says(name: str, options: LossOptions) -> None:
    logits, targets = batch(name)
    value, slope = compiled(name)(logits, targets, options)
    assert (value.shape, str(value.dtype)) == ((), "float32")
    wide, step = logits.astype(np.float64), 1e-5
    assert float(value) == pytest.approx(LOSSES[name](wide, targets, options), rel=1e-5)
    for index in np.ndindex(wide.shape):
        up, down = wide.copy(), wide.copy()
        up[index] += step
        down[index] -= step
        rise = LOSSES[name](up, targets, options) - LOSSES[name](down, targets, options)
        assert float(slope[index]) == pytest.approx(rise / (2 * step), abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("options", OPTIONS)
def test_no_logit_is_too_large(name: str, options: LossOptions) -> None:
    logits, targets = batch(name)
    for extreme in (1e4, -1e4):
        far = np.where(np.arange(logits.shape[1]) == 0, extreme, -extreme) * np.ones_like(logits)
        value, slope = compiled(name)(np.asarray(far, np.float32), targets, options)
        assert np.isfinite(float(value))
        assert float(value) > 1  # it is wrong for some photos
        assert np.isfinite(np.asarray(slope)).all()


def test_a_label_that_all_photos_have_does_not_break_the_adjustment() -> None:
    options = LossOptions(0.0, (0.0, float(np.log(0.5))))
    logits, targets = batch("multi-label")
    value, slope = compiled("multi-label")(logits, targets, options)
    assert np.isfinite(float(value))
    assert np.isfinite(np.asarray(slope)).all()


def recalls(name: str, options: LossOptions, skewed: tuple[np.ndarray, np.ndarray]) -> list[float]:
    """Fit a linear map to photos as they come; return each label's recall on as many of each."""
    points, labels = skewed
    objective = objective_named(name)
    outputs = 1 if name == "binary" else 2
    targets = jnp.asarray(np.eye(2, dtype=np.float32)[labels])
    inputs = jnp.asarray(np.concatenate([points, np.ones((len(points), 1))], 1), jnp.float32)

    @jax.jit
    def descend(weights: jax.Array) -> jax.Array:
        slope = jax.grad(lambda w: objective.loss(inputs @ w, targets, options))(weights)
        return jnp.asarray(weights - (0.02 if name == "normalised-softmax" else 1.0) * slope)

    weights = jnp.zeros((3, outputs))
    for _ in range(300):
        weights = descend(weights)
    even, own = skewed_points(np.random.default_rng(9), (500, 500))
    logits = np.concatenate([even, np.ones((1000, 1))], 1) @ np.asarray(weights)
    given = (logits[:, 0] > 0).astype(int) if outputs == 1 else logits.argmax(1)
    return [float((given[own == label] == label).mean()) for label in (0, 1)]


def skewed_points(
    rng: np.random.Generator, counts: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([0, 1], counts)
    return rng.normal(0, 1, (len(labels), 2)) + 1.5 * labels[:, None], labels


@pytest.mark.parametrize("name", ["softmax", "normalised-softmax", "binary", "multi-label"])
def test_logit_adjustment_finds_more_of_the_rare_label(name: str) -> None:
    counts = (950, 50)
    skewed = skewed_points(np.random.default_rng(0), counts)
    share = tuple(np.log(np.array(counts) / sum(counts)).tolist())
    plain, adjusted = (
        recalls(name, options, skewed) for options in (LossOptions(), LossOptions(0.0, share))
    )
    assert plain[1] < 0.65
    assert adjusted[1] > plain[1] + 0.15
    assert np.mean(adjusted) > np.mean(plain) + 0.05
