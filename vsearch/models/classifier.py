"""The classifier: a CNN, its pooled features, the unit-length embedding, the class scores.

Normalised softmax (Zhai & Wu, Classification is a Strong Baseline for Deep Metric Learning, BMVC
2019, arXiv:1811.12649): the embedding is layer-normalised without affine and scaled to unit length,
class vectors are unit vectors, and a logit is their cosine times a scale. What the classifier
learns to tell apart is thus just what cosine search over embeddings tells apart.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from vsearch.models.architectures import NetworkSpec
from vsearch.models.layers import NO_VALUES

EPSILON = 1e-6
FLOAT32 = jnp.dtype(jnp.float32)


class FeatureStatistic(nnx.Variable[jax.Array]):
    """Mean and spread of the pooled features over the training photos; not trained."""


class Head(nnx.Module):
    """Pooled features → unit-length embedding → cosines with the class vectors."""

    def __init__(self, features: int, dim: int, labels: int, *, rngs: nnx.Rngs):
        self.feature_mean = FeatureStatistic(jnp.zeros(features))
        self.feature_spread = FeatureStatistic(jnp.ones(features))
        self.project = nnx.Linear(features, dim, use_bias=False, kernel_init=NO_VALUES, rngs=rngs)
        self.class_vectors = nnx.Param(jnp.zeros((labels, dim)))

    def embedding(self, features: jax.Array, dropout: jax.Array | None = None) -> jax.Array:
        """Map features (n, features) to unit rows (n, dim), float32.

        Args:
            features: pooled features, any float dtype.
            dropout: factors of shape (n, features), as training draws them; none when serving.
        """
        x = features.astype(jnp.float32)
        x = (x - self.feature_mean[...][None]) / self.feature_spread[...][None]
        z = self.project(x if dropout is None else x * dropout)
        return unit_rows(z - z.mean(-1, keepdims=True))

    def cosines(self, embedding: jax.Array) -> jax.Array:
        """Return the cosine of every embedding with every class vector, (n, labels) float32."""
        return embedding @ unit_rows(self.class_vectors[...]).T


class Trunk(nnx.Module):
    """Photos to pooled features: normalisation, the CNN, statistics of the chosen stages."""

    def __init__(self, spec: NetworkSpec, compute: jnp.dtype = FLOAT32, *, rngs: nnx.Rngs):
        architecture = spec.architecture
        self.backbone = architecture.backbone(compute=compute, rngs=rngs)
        self.compute = compute
        self.pooled = architecture.pooled
        self.mean, self.std = spec.spec.mean, spec.spec.std
        self.size = 2 * sum(self.backbone.stage_channels[stage] for stage in self.pooled)

    def __call__(self, pixels: jax.Array) -> jax.Array:
        """Map photos (n, size, size, 3) uint8 to pooled features (n, features) float32."""
        mean, std = (jnp.asarray(v, jnp.float32) * 255 for v in (self.mean, self.std))
        x = (pixels.astype(jnp.float32) - mean[None, None, None]) / std[None, None, None]
        stages = self.backbone.stages(x.astype(self.compute))
        chosen = [stages[index].astype(jnp.float32) for index in self.pooled]
        return jnp.concatenate(
            [*(y.mean((1, 2)) for y in chosen), *(_deviation(y) for y in chosen)], axis=-1
        )


class Classifier(nnx.Module):
    """Trunk and head: one forward pass gives embedding and cosines."""

    def __init__(
        self, spec: NetworkSpec, labels: int, compute: jnp.dtype = FLOAT32, *, rngs: nnx.Rngs
    ):
        self.trunk = Trunk(spec, compute, rngs=rngs)
        self.head = Head(self.trunk.size, spec.dim, labels, rngs=rngs)

    def __call__(self, pixels: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map photos (n, size, size, 3) uint8 to embeddings (n, dim) and cosines (n, labels)."""
        embedding = self.head.embedding(self.trunk(pixels))
        return embedding, self.head.cosines(embedding)


def _deviation(y: jax.Array) -> jax.Array:
    # The square root's slope is infinite at zero, where a ReLU leaves a channel dark.
    return jnp.sqrt(y.var((1, 2)) + EPSILON)


def unit_rows(x: jax.Array) -> jax.Array:
    """Scale rows to unit length; a zero row stays zero."""
    return x * jax.lax.rsqrt(jnp.square(x).sum(-1, keepdims=True) + EPSILON**2)


def abstract_classifier(spec: NetworkSpec, labels: int, compute: jnp.dtype = FLOAT32) -> Classifier:
    """Return the classifier's shapes without values: filling them beats initialising them twice."""
    return nnx.eval_shape(lambda: Classifier(spec, labels, compute, rngs=nnx.Rngs(0)))


def abstract_trunk(spec: NetworkSpec, compute: jnp.dtype = FLOAT32) -> Trunk:
    """Return the trunk's shapes without values."""
    return nnx.eval_shape(lambda: Trunk(spec, compute, rngs=nnx.Rngs(0)))


def abstract_head(features: int, dim: int, labels: int) -> Head:
    """Return the head's shapes without values."""
    return nnx.eval_shape(lambda: Head(features, dim, labels, rngs=nnx.Rngs(0)))
