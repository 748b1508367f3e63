"""Train projection and head on cached features of a frozen trunk: seconds on two CPU cores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.bundle import load_weights
from vsearch.data import (
    BalancedSampler,
    LabelledPhoto,
    NaturalSampler,
    TrainingData,
    readable,
    targets_of,
)
from vsearch.features import PhotoFeatures
from vsearch.fit import Batch, Check, Fitted, Quality, Task, fit
from vsearch.models.classifier import TopLayers, abstract_top
from vsearch.models.initialise import initialise
from vsearch.objectives import LossOptions, Objective
from vsearch.precision import PRECISIONS
from vsearch.progress import Progress, silent
from vsearch.recipe import Recipe

EMBEDDED_AT_ONCE = 4096  # photos; standardised features take 23 KB each


@dataclass(frozen=True)
class HeadConfig(Recipe):
    """How the head is trained; chosen on the val photos of grocery-store (see BENCHMARKS.md)."""

    steps: int = 2000
    batch: int = 128
    learning_rate: float = 1e-2
    warmup: float = 0.025
    dropout: float = 0.5


@dataclass(frozen=True)
class LabelledFeatures:
    """Features (photos, renderings, features) float16; rendering 0 is the plain photo."""

    photos: tuple[LabelledPhoto, ...]
    values: NDArray[np.float16]


@dataclass(frozen=True)
class HeadData:
    """What a head is trained on, and by what it is chosen."""

    train: LabelledFeatures
    val: LabelledFeatures
    labels: int
    balanced: bool = True
    options: LossOptions = field(default_factory=LossOptions)
    before: "Before | None" = None


class Before(Protocol):
    """A head that knows some of the labels already, for one that goes on from it."""

    def start(self) -> Mapping[str, NDArray[np.float32]]:
        """Return the values that projection and head start from, by dotted name."""

    def soften(
        self, features: NDArray[np.float16], targets: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return targets (n, labels) with a share of what that head says of features (n, …)."""


def labelled_features(
    data: TrainingData, train: PhotoFeatures, val: PhotoFeatures
) -> tuple[TrainingData, LabelledFeatures, LabelledFeatures]:
    """Return the data of the photos that have features, and these; labels without one drop out.

    Args:
        data: all labelled photos.
        train: the features of those of its train photos that could be read.
        val: the same of val.
    """
    data = readable(data, train.photos, val.photos)
    left = {label for photo in train.photos for label in photo.labels}
    kept = [i for i, photo in enumerate(val.photos) if left.intersection(photo.labels)]
    return (
        data,
        LabelledFeatures(data.train, train.values),
        LabelledFeatures(data.val, val.values[kept]),
    )


def fit_head(
    data: HeadData,
    objective: Objective,
    config: HeadConfig,
    *,
    dim: int,
    seed: int,
    progress: Progress = silent,
) -> Fitted:
    """Fit projection and head; keep the state that is best on val.

    Raises:
        DataError: the loss is no longer finite; names the step.
    """
    values = data.train.values
    top = abstract_top(values.shape[-1], dim, data.labels, objective)
    if data.before is not None:
        load_weights(top, dict(data.before.start()))
    else:
        initialise(top, seed)
        if objective.closed_form:
            objective.fit(top, values)
            return Fitted(top, 0, (), 0, None)
        standardise(top, values)
    task = Task(
        name="train head",
        network=top,
        logits=lambda top, inputs, key: top(inputs, dropout_factors(key, inputs, config))[1],
        loss=lambda logits, targets: objective.loss(logits, targets, data.options),
        batches=lambda first: _batches(data, config, seed, first),
        judge=(lambda top: _judge(top, data, objective)) if data.val.photos else None,
    )
    return fit(task, config, config.steps, PRECISIONS["fp32"], seed=seed, progress=progress)


def standardise(top: TopLayers, values: NDArray[np.float16]) -> None:
    """Set the projection's mean and spread from features (photos, renderings, features)."""
    flat = values.reshape(-1, values.shape[-1])
    projection = top.projection
    projection.feature_mean[...] = jnp.asarray(flat.mean(0, dtype=np.float64), jnp.float32)
    # Float16 sums overflow; float64 of a 10 000-photo catalogue would not fit, so by columns.
    spread = np.array([flat[:, i].std(dtype=np.float64) for i in range(flat.shape[1])])
    # A channel that stays dark in all these photos would drown the others once a photo lights it.
    least = max(0.01 * float(np.median(spread)), 1e-5)
    projection.feature_spread[...] = jnp.asarray(np.maximum(spread, least), jnp.float32)


def dropout_factors(key: jax.Array, features: jax.Array, recipe: Recipe) -> jax.Array | None:
    """Return what features are multiplied by in training; None where nothing is dropped."""
    if not recipe.dropout:
        return None
    kept = jax.random.bernoulli(key, 1 - recipe.dropout, features.shape)
    return kept.astype(jnp.float32) / (1 - recipe.dropout)


def sampler_of(
    photos: tuple[LabelledPhoto, ...], labels: int, recipe: Recipe, balanced: bool
) -> BalancedSampler | NaturalSampler:
    """Return what draws the photos of a batch."""
    if balanced:
        return BalancedSampler(photos, labels, recipe.catalogue_share)
    return NaturalSampler(photos)


def _batches(data: HeadData, config: HeadConfig, seed: int, first: int) -> Iterator[Batch]:
    sampler = sampler_of(data.train.photos, data.labels, config, data.balanced)
    photos, values = data.train.photos, data.train.values
    for step in range(first, config.steps):
        rng = np.random.default_rng((seed, step))
        chosen = sampler.draw(config.batch, rng)
        renderings = rng.integers(values.shape[1], size=config.batch)
        # Of this batch alone: with a label an item, those of all photos would fill the memory.
        targets = targets_of([photos[index] for index in chosen], data.labels).astype(np.float32)
        inputs = values[chosen, renderings]
        yield inputs, targets if data.before is None else data.before.soften(inputs, targets)


def _judge(top: TopLayers, data: HeadData, objective: Objective) -> tuple[Quality, Check]:
    logits = head_logits(top, data.val.values[:, 0])
    quality = objective.quality(logits, targets_of(data.val.photos, data.labels))
    return quality, {"val": quality[0]}


def head_logits(top: TopLayers, features: NDArray[Any]) -> NDArray[np.float32]:
    """Return the logits (n, outputs) float32 of features (n, features)."""
    return np.asarray(_logits(top, jnp.asarray(features)))


def head_embeddings(top: TopLayers, features: NDArray[Any]) -> NDArray[np.float32]:
    """Return the embeddings (n, dim) float32 of features (n, features), n ≥ 1."""
    parts = np.array_split(features, -(-len(features) // EMBEDDED_AT_ONCE))
    return np.concatenate([np.asarray(_embeddings(top, jnp.asarray(part))) for part in parts])


@nnx.jit
def _embeddings(top: TopLayers, features: jax.Array) -> jax.Array:
    return top.projection.embed(top.projection.standardise(features))


@nnx.jit
def _logits(top: TopLayers, features: jax.Array) -> jax.Array:
    return top(features)[1]
