"""The classifier: a CNN, its pooled features, the unit-length embedding, the objective's head.

The embedding is layer-normalised without affine and scaled to unit length (Zhai & Wu,
Classification is a Strong Baseline for Deep Metric Learning, BMVC 2019, arXiv:1811.12649), whatever
the objective: cosine search over it needs no more.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from vsearch.models.architectures import NetworkSpec
from vsearch.models.familiarity import Familiarity
from vsearch.models.layers import NO_VALUES
from vsearch.models.several_vectors import Vectors
from vsearch.models.unit_rows import EPSILON, unit_rows
from vsearch.objectives.base import Objective

FLOAT32 = jnp.dtype(jnp.float32)
BACKBONE = "trunk.backbone."  # what the names of its leaves begin with


class FeatureStatistic(nnx.Variable[jax.Array]):
    """Mean and spread of the pooled features over the training photos; not trained."""


class Projection(nnx.Module):
    """Pooled features → standardised features → unit-length embedding."""

    def __init__(self, features: int, dim: int, *, rngs: nnx.Rngs):
        self.feature_mean = FeatureStatistic(jnp.zeros(features))
        self.feature_spread = FeatureStatistic(jnp.ones(features))
        self.project = nnx.Linear(features, dim, use_bias=False, kernel_init=NO_VALUES, rngs=rngs)

    def standardise(self, features: jax.Array) -> jax.Array:
        """Return features (n, features) of any float dtype with mean 0 and spread 1, float32."""
        x = features.astype(jnp.float32)
        return (x - self.feature_mean[...][None]) / self.feature_spread[...][None]

    def coordinates(self, standardised: jax.Array) -> jax.Array:
        """Map standardised features (n, features) linearly to rows (n, dim) of mean 0, float32."""
        z = self.project(standardised)
        return z - z.mean(-1, keepdims=True)

    def embed(self, standardised: jax.Array) -> jax.Array:
        """Map standardised features (n, features) to unit rows (n, dim), float32."""
        return unit_rows(self.coordinates(standardised))


class Trunk(nnx.Module):
    """Photos to pooled features: normalisation, the CNN, statistics of the chosen stages."""

    def __init__(self, spec: NetworkSpec, compute: jnp.dtype = FLOAT32, *, rngs: nnx.Rngs):
        architecture = spec.architecture
        self.backbone = architecture.backbone(compute=compute, rngs=rngs)
        self.compute = compute
        self.pooled = architecture.pooled
        self.mean, self.std = spec.spec.mean, spec.spec.std
        self.channels = tuple(self.backbone.stage_channels[stage] for stage in self.pooled)
        self.size = 2 * sum(self.channels)

    def __call__(self, pixels: jax.Array, frozen: int = 0) -> jax.Array:
        """Map photos to pooled features (n, features) float32.

        Args:
            pixels: (n, size, size, 3), uint8 or float of 0..255.
            frozen: how many stages no gradient flows into; the network's work for them ends there.
        """
        return statistics_of(self.stages(pixels, frozen))

    def stages(self, pixels: jax.Array, frozen: int = 0) -> list[jax.Array]:
        """Map photos to the stages that are pooled, (n, h, w, channels) float32 each.

        Args:
            pixels: (n, size, size, 3), uint8 or float of 0..255.
            frozen: how many stages no gradient flows into.
        """
        mean, std = (jnp.asarray(v, jnp.float32) * 255 for v in (self.mean, self.std))
        x = (pixels.astype(jnp.float32) - mean[None, None, None]) / std[None, None, None]
        x = x.astype(self.compute)
        before: list[jax.Array] = []
        if frozen:
            before = [jax.lax.stop_gradient(y) for y in self.backbone.stages(x, 0, frozen)]
            x = before[-1]
        stages = before + self.backbone.stages(x, frozen)
        return [stages[index].astype(jnp.float32) for index in self.pooled]


def statistics_of(stages: Sequence[jax.Array]) -> jax.Array:
    """Return means and deviations over all positions of stages (n, h, w, c): (n, features)."""
    means = [y.mean((1, 2)) for y in stages]
    return jnp.concatenate([*means, *map(_deviation, stages)], axis=-1)


class TopLayers(nnx.Module):
    """What stands on pooled features: projection and head; the part that trains in seconds."""

    def __init__(
        self,
        features: int,
        dim: int,
        labels: int,
        objective: Objective,
        vectors: Vectors = (),
        *,
        rngs: nnx.Rngs,
    ):
        self.projection = Projection(features, dim, rngs=rngs)
        self.head = objective.head(features, dim, labels, vectors)

    def __call__(
        self, features: jax.Array, dropout: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """Map pooled features (n, features) to embeddings (n, dim) and logits (n, outputs).

        Args:
            features: any float dtype.
            dropout: factors of shape (n, features), as training draws them; none when serving.
        """
        x = self.projection.standardise(features)
        x = x if dropout is None else x * dropout
        embedding = self.projection.embed(x)
        logits: jax.Array = self.head(embedding, x)
        return embedding, logits


class Classifier(nnx.Module):
    """Trunk and what stands on it: one forward pass gives embedding and logits.

    Where it is `familiar`, it also knows how usual a photo's features are among those that it was
    trained on; that is found last, and nothing else depends on it.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        labels: int,
        objective: Objective,
        compute: jnp.dtype = FLOAT32,
        *,
        familiar: bool = False,
        vectors: Vectors = (),
        rngs: nnx.Rngs,
    ):
        self.trunk = Trunk(spec, compute, rngs=rngs)
        self.top = TopLayers(self.trunk.size, spec.dim, labels, objective, vectors, rngs=rngs)
        classes = (sum(vectors) or labels) if objective.exclusive else 0
        familiarity = Familiarity(self.trunk.channels, spec.dim, classes) if familiar else None
        self.familiarity = nnx.data(familiarity)

    def stage_of(self, leaf: str) -> int:
        """Return the backbone's stage of a leaf; one past the last for projection and head."""
        backbone = self.trunk.backbone
        if not leaf.startswith(BACKBONE):
            return len(backbone.stage_channels)
        return backbone.stage_of(leaf.removeprefix(BACKBONE))

    def __call__(self, pixels: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map photos (n, size, size, 3) uint8 to embeddings (n, dim) and logits (n, outputs)."""
        return self.top(self.trunk(pixels))

    def judged(self, pixels: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Map photos to embeddings (n, dim), logits (n, outputs) and familiarity (n, 0 to 2)."""
        features = self.trunk(pixels)
        if self.familiarity is None:
            return *self.top(features), jnp.zeros((len(pixels), 0))
        usual = self.familiarity(self.top.projection.standardise(features))
        return *self.top(features), usual


def _deviation(y: jax.Array) -> jax.Array:
    # The square root's slope is infinite at zero, where a ReLU leaves a channel dark.
    return jnp.sqrt(y.var((1, 2)) + EPSILON)


def abstract_classifier(
    spec: NetworkSpec,
    labels: int,
    objective: Objective,
    compute: jnp.dtype = FLOAT32,
    *,
    familiar: bool = False,
    vectors: Vectors = (),
) -> Classifier:
    """Return the classifier's shapes without values: filling them beats initialising them twice."""
    return nnx.eval_shape(
        lambda: Classifier(
            spec,
            labels,
            objective,
            compute,
            familiar=familiar,
            vectors=vectors,
            rngs=nnx.Rngs(0),
        )
    )


def abstract_trunk(spec: NetworkSpec, compute: jnp.dtype = FLOAT32) -> Trunk:
    """Return the trunk's shapes without values."""
    return nnx.eval_shape(lambda: Trunk(spec, compute, rngs=nnx.Rngs(0)))


def abstract_top(
    features: int, dim: int, labels: int, objective: Objective, vectors: Vectors = ()
) -> TopLayers:
    """Return the shapes of projection and head without values."""
    return nnx.eval_shape(
        lambda: TopLayers(features, dim, labels, objective, vectors, rngs=nnx.Rngs(0))
    )
