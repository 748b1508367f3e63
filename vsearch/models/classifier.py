"""The classifier: a CNN, its pooled features, the unit-length embedding, the objective's head.

The embedding is layer-normalised without affine and scaled to unit length (Zhai & Wu,
Classification is a Strong Baseline for Deep Metric Learning, BMVC 2019, arXiv:1811.12649), whatever
the objective: cosine search over it needs no more.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from vsearch.models.architectures import NetworkSpec
from vsearch.models.layers import NO_VALUES
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

    def embed(self, standardised: jax.Array) -> jax.Array:
        """Map standardised features (n, features) to unit rows (n, dim), float32."""
        z = self.project(standardised)
        return unit_rows(z - z.mean(-1, keepdims=True))


class Trunk(nnx.Module):
    """Photos to pooled features: normalisation, the CNN, statistics of the chosen stages."""

    def __init__(self, spec: NetworkSpec, compute: jnp.dtype = FLOAT32, *, rngs: nnx.Rngs):
        architecture = spec.architecture
        self.backbone = architecture.backbone(compute=compute, rngs=rngs)
        self.compute = compute
        self.pooled = architecture.pooled
        self.mean, self.std = spec.spec.mean, spec.spec.std
        self.size = 2 * sum(self.backbone.stage_channels[stage] for stage in self.pooled)

    def __call__(self, pixels: jax.Array, frozen: int = 0) -> jax.Array:
        """Map photos to pooled features (n, features) float32.

        Args:
            pixels: (n, size, size, 3), uint8 or float of 0..255.
            frozen: how many stages no gradient flows into; the network's work for them ends there.
        """
        mean, std = (jnp.asarray(v, jnp.float32) * 255 for v in (self.mean, self.std))
        x = (pixels.astype(jnp.float32) - mean[None, None, None]) / std[None, None, None]
        x = x.astype(self.compute)
        before: list[jax.Array] = []
        if frozen:
            before = [jax.lax.stop_gradient(y) for y in self.backbone.stages(x, 0, frozen)]
            x = before[-1]
        stages = before + self.backbone.stages(x, frozen)
        chosen = [stages[index].astype(jnp.float32) for index in self.pooled]
        return jnp.concatenate(
            [*(y.mean((1, 2)) for y in chosen), *(_deviation(y) for y in chosen)], axis=-1
        )


class TopLayers(nnx.Module):
    """What stands on pooled features: projection and head; the part that trains in seconds."""

    def __init__(
        self, features: int, dim: int, labels: int, objective: Objective, *, rngs: nnx.Rngs
    ):
        self.projection = Projection(features, dim, rngs=rngs)
        self.head = objective.head(features, dim, labels)

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
    """Trunk and what stands on it: one forward pass gives embedding and logits."""

    def __init__(
        self,
        spec: NetworkSpec,
        labels: int,
        objective: Objective,
        compute: jnp.dtype = FLOAT32,
        *,
        rngs: nnx.Rngs,
    ):
        self.trunk = Trunk(spec, compute, rngs=rngs)
        self.top = TopLayers(self.trunk.size, spec.dim, labels, objective, rngs=rngs)

    def stage_of(self, leaf: str) -> int:
        """Return the backbone's stage of a leaf; one past the last for projection and head."""
        backbone = self.trunk.backbone
        if not leaf.startswith(BACKBONE):
            return len(backbone.stage_channels)
        return backbone.stage_of(leaf.removeprefix(BACKBONE))

    def __call__(self, pixels: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map photos (n, size, size, 3) uint8 to embeddings (n, dim) and logits (n, outputs)."""
        return self.top(self.trunk(pixels))


def _deviation(y: jax.Array) -> jax.Array:
    # The square root's slope is infinite at zero, where a ReLU leaves a channel dark.
    return jnp.sqrt(y.var((1, 2)) + EPSILON)


def abstract_classifier(
    spec: NetworkSpec, labels: int, objective: Objective, compute: jnp.dtype = FLOAT32
) -> Classifier:
    """Return the classifier's shapes without values: filling them beats initialising them twice."""
    return nnx.eval_shape(lambda: Classifier(spec, labels, objective, compute, rngs=nnx.Rngs(0)))


def abstract_trunk(spec: NetworkSpec, compute: jnp.dtype = FLOAT32) -> Trunk:
    """Return the trunk's shapes without values."""
    return nnx.eval_shape(lambda: Trunk(spec, compute, rngs=nnx.Rngs(0)))


def abstract_top(features: int, dim: int, labels: int, objective: Objective) -> TopLayers:
    """Return the shapes of projection and head without values."""
    return nnx.eval_shape(lambda: TopLayers(features, dim, labels, objective, rngs=nnx.Rngs(0)))
