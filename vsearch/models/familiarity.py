"""How familiar a photo's features are to a model: as such, and as those of one of its classes.

A likelihood tells photos of anything else: principal components of the training photos' features
(see `likelihood`). It leaves out the last stage, which keeps little but what tells the shop's own
labels apart. Photos that are like those of the shop and yet of none of its labels are told by the
relative Mahalanobis distance (Ren et al., A Simple Fix to Mahalanobis Distance for Improving
Near-OOD Detection, 2021, arXiv:2106.09022): that to the nearest class, whose covariance all share,
less that to the photos as a whole, so that what is common to all photos cancels out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.gaussian import Gaussian, sample_rows
from vsearch.models.likelihood import Likelihood, Statistic, fill, likelihood_values

SHRINKAGE = 0.1  # of covariances towards a multiple of the identity
LEAST_VARIANCE = 1e-4
_BLOCK = 4096  # photos standardised at a time


class Familiarity(nnx.Module):
    """Standardised features to how usual they are and, for labels that exclude, how typical.

    Args:
        channels: of each pooled stage; features are a mean of each channel, then a deviation.
        dim: length of an embedding, and number of principal axes.
        labels: how many classes, or their vectors where some have several: each has a mean; 0
            where a photo may have several labels.
    """

    def __init__(self, channels: Sequence[int], dim: int, labels: int):
        self.early = early_features(channels)
        self.likelihood = Likelihood(len(self.early), dim)
        self.axes = Statistic(jnp.zeros((2 * sum(channels), dim)))
        self.spread = Statistic(jnp.ones(dim))
        self.whitening = Statistic(jnp.zeros((dim, dim)))
        self.class_means = Statistic(jnp.zeros((labels, dim)))

    def __call__(self, features: jax.Array) -> jax.Array:
        """Map standardised features (n, features) to (n, 2) float32, or (n, 1) without classes.

        The first column is the likelihood's logit; the second is minus the relative Mahalanobis
        distance an axis. Both are higher where a photo is more familiar.
        """
        usual = self.likelihood(features[:, np.array(self.early)])
        means = self.class_means[...]
        if not len(means):
            return usual
        along = jnp.matmul(features, self.axes[...], precision="highest")
        white = jnp.matmul(along, self.whitening[...], precision="highest")
        # Not by way of squares: they would be differences of large numbers.
        near = jax.lax.map(lambda one: jnp.square(one[None] - means).sum(-1).min(), white)
        whole = jnp.square(along / self.spread[...][None]).sum(-1)
        typical = (whole - near) / white.shape[1]
        return jnp.concatenate([usual, typical[:, None]], axis=1)


@dataclass(frozen=True)
class FamiliarPhotos:
    """The training photos that a model is to be familiar with.

    Attributes:
        features: (photos, features) float16.
        labels: the class of each photo; None where a photo may have several.
        classes: how many there are.
        mean: what features are standardised by, (features,).
        spread: likewise.
    """

    features: NDArray[np.float16]
    labels: Sequence[int] | None
    classes: int
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    def of(self, columns: NDArray[np.int64]) -> "FamiliarPhotos":
        """Return some of their features."""
        return FamiliarPhotos(
            self.features[:, columns],
            self.labels,
            self.classes,
            self.mean[columns],
            self.spread[columns],
        )

    def along(self, axes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the standardised features along some axes (features, axes), (photos, axes)."""
        parts = np.array_split(self.features, -(-len(self.features) // _BLOCK))
        found = [((part.astype(np.float32) - self.mean) / self.spread) @ axes for part in parts]
        return np.concatenate(found).astype(np.float64)


def early_features(channels: Sequence[int]) -> tuple[int, ...]:
    """Return the columns of features of all pooled stages but the last; of the only one if so."""
    total = sum(channels)
    kept = total - channels[-1] or total
    return (*range(kept), *range(total, total + kept))


def fitted_familiarity(
    photos: FamiliarPhotos, channels: Sequence[int], dim: int, seed: int
) -> Familiarity:
    """Return what tells photos like these.

    Args:
        photos: what is familiar; at least `gaussian`'s few.
        channels: of each pooled stage.
        dim: length of an embedding.
        seed: draws which photos are held out, and which are used where there are many.
    """
    rng = np.random.default_rng(seed)
    early = photos.of(np.array(early_features(channels)))
    one_rendering = early.features[:, None]
    likelihood = likelihood_values(
        one_rendering, sample_rows(one_rendering, rng), early.mean, early.spread, dim, rng
    )
    rows = (sample_rows(photos.features[:, None], rng) - photos.mean) / photos.spread
    axes, _, _ = Gaussian.of(rows, dim).padded(0, dim)
    labels = photos.labels
    values = {f"likelihood.{name}": value for name, value in likelihood.items()} | {"axes": axes}
    values |= _class_values(photos.along(axes), labels, photos.classes if labels else 0)
    familiarity: Familiarity = nnx.eval_shape(
        lambda: Familiarity(channels, dim, photos.classes if labels else 0)
    )
    fill(familiarity, values)
    return familiarity


def _class_values(
    along: NDArray[np.float64], labels: Sequence[int] | None, classes: int
) -> Mapping[str, NDArray[np.floating]]:
    """Return the leaves that tell classes apart, of photos (n, dim) along the principal axes."""
    dim = along.shape[1]
    whole = np.square(along).mean(axis=0)
    whole = (1 - SHRINKAGE) * whole + SHRINKAGE * whole.mean()
    own = np.asarray(labels or [0] * len(along))
    means = np.zeros((max(classes, 1), dim))
    np.add.at(means, own, along)
    means /= np.maximum(np.bincount(own, minlength=len(means)), 1)[:, None]
    within = along - means[own]
    covariance = within.T @ within / len(own)
    level = np.trace(covariance) / dim
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(dim)
    variances, vectors = np.linalg.eigh(covariance)
    whitening = vectors / np.sqrt(np.maximum(variances, LEAST_VARIANCE))[None]
    return {
        "spread": np.sqrt(np.maximum(whole, LEAST_VARIANCE)),
        "whitening": whitening,
        "class_means": (means @ whitening)[:classes],
    }
