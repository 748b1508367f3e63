"""Train the head on cached features of a frozen backbone: seconds on two CPU cores."""

from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from vsearch.calibration import negative_log_likelihood
from vsearch.data import BalancedSampler, LabelledPhoto
from vsearch.errors import DataError
from vsearch.models.classifier import Head, abstract_head
from vsearch.models.initialise import initialise
from vsearch.objectives import normalised_softmax
from vsearch.progress import Progress, silent

Parameters = nnx.State[Any, Any]


@dataclass(frozen=True)
class HeadConfig:
    """How the head is trained; chosen on the val photos of grocery-store (see BENCHMARKS.md)."""

    steps: int = 2000
    batch: int = 128
    learning_rate: float = 1e-2
    weight_decay: float = 1e-4
    dropout: float = 0.5
    temperature: float = 0.1
    catalogue_share: float = 0.125
    checks: int = 10


@dataclass(frozen=True)
class LabelledFeatures:
    """Features (photos, renderings, features) float16; rendering 0 is the plain photo."""

    photos: tuple[LabelledPhoto, ...]
    values: NDArray[np.float16]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return the label of every photo, (photos,) int64."""
        return np.array([photo.label for photo in self.photos], np.int64)


@dataclass(frozen=True)
class FittedHead:
    """The head at its best step, with its cosines on val (None without val photos)."""

    head: Head
    step: int
    val_cosines: NDArray[np.float32] | None


def fit_head(
    train: LabelledFeatures,
    val: LabelledFeatures,
    labels: int,
    config: HeadConfig,
    *,
    dim: int,
    seed: int,
    progress: Progress = silent,
) -> FittedHead:
    """Fit projection and class vectors; keep the step with the best top-1 on val.

    Raises:
        DataError: the loss is no longer finite; names the step.
    """
    head = abstract_head(train.values.shape[-1], dim, labels)
    initialise(head, seed)
    _standardise(head, train.values)
    optimizer = nnx.Optimizer(head, _optimizer(config), wrt=nnx.Param)
    sampler = BalancedSampler(train.photos, labels, config.catalogue_share)
    rng, key = np.random.default_rng(seed), jax.random.key(seed)
    label_of, renderings = train.labels, train.values.shape[1]
    best: tuple[tuple[float, float], FittedHead] | None = None
    check_every = max(1, config.steps // config.checks)
    progress("train head", 0, config.steps)
    for step in range(1, config.steps + 1):
        chosen = sampler.draw(config.batch, rng)
        batch = train.values[chosen, rng.integers(renderings, size=config.batch)]
        loss = _step(
            head,
            optimizer,
            jnp.asarray(batch),
            jnp.asarray(label_of[chosen]),
            jax.random.fold_in(key, step),
            config.dropout,
            1 / config.temperature,
        )
        if step % check_every == 0 or step == config.steps:
            _check_finite(float(loss), step)
            candidate = _judge(head, val, step, 1 / config.temperature)
            if best is None or candidate[0] >= best[0]:
                best = candidate
        progress("train head", step, config.steps)
    if best is None:
        raise DataError(f"a head needs at least one training step, steps is {config.steps}")
    return best[1]


def _standardise(head: Head, values: NDArray[np.float16]) -> None:
    flat = values.reshape(-1, values.shape[-1])
    head.feature_mean[...] = jnp.asarray(flat.mean(0, dtype=np.float64), jnp.float32)
    # Float16 sums overflow; float64 of a 10 000-photo catalogue would not fit, so by columns.
    spread = np.array([flat[:, i].std(dtype=np.float64) for i in range(flat.shape[1])])
    head.feature_spread[...] = jnp.asarray(np.maximum(spread, 1e-5), jnp.float32)


def _optimizer(config: HeadConfig) -> optax.GradientTransformation:
    warmup = min(50, config.steps // 10)
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, warmup, max(config.steps, warmup + 1)
    )
    # A class vector counts by its direction alone, so decay would only change its learning rate.
    return optax.adamw(schedule, weight_decay=config.weight_decay, mask=_is_projection)


def _is_projection(params: Parameters) -> Parameters:
    def decays(path: tuple[object, ...], _leaf: jax.Array) -> bool:
        return "project" in jax.tree_util.keystr(path)

    return cast(Parameters, jax.tree.map_with_path(decays, params))


@nnx.jit(static_argnames=("dropout", "scale"))
def _step(
    head: Head,
    optimizer: nnx.Optimizer[Head],
    features: jax.Array,
    labels: jax.Array,
    key: jax.Array,
    dropout: float,
    scale: float,
) -> jax.Array:
    kept = jax.random.bernoulli(key, 1 - dropout, features.shape)

    def loss(head: Head) -> jax.Array:
        embedding = head.embedding(features, kept.astype(jnp.float32) / (1 - dropout))
        return normalised_softmax(head.cosines(embedding), labels, scale)

    value: jax.Array
    value, gradients = nnx.value_and_grad(loss)(head)
    optimizer.update(head, gradients)
    return value


def _check_finite(loss: float, step: int) -> None:
    if not np.isfinite(loss):
        raise DataError(f"the loss is {loss} at step {step}: lower the learning rate")


def _judge(
    head: Head, val: LabelledFeatures, step: int, scale: float
) -> tuple[tuple[float, float], FittedHead]:
    """Return how good the head is on val (top-1, then likelihood) and a copy of it."""
    copy = nnx.clone(head)
    if not val.photos:
        return (0.0, 0.0), FittedHead(copy, step, None)
    cosines = np.asarray(_cosines(head, jnp.asarray(val.values[:, 0])))
    top1 = float((cosines.argmax(-1) == val.labels).mean())
    likelihood = -negative_log_likelihood(cosines, val.labels, scale)
    return (top1, likelihood), FittedHead(copy, step, cosines)


@nnx.jit
def _cosines(head: Head, features: jax.Array) -> jax.Array:
    return head.cosines(head.embedding(features))
