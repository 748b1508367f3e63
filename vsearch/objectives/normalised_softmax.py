"""Normalised softmax: one label a photo, by the cosine with a class vector. The default.

Zhai & Wu, Classification is a Strong Baseline for Deep Metric Learning, BMVC 2019
(arXiv:1811.12649): what the classifier learns to tell apart is just what cosine search over
embeddings tells apart.
"""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.calibration import SCALES, fit_scale, negative_log_likelihood, softmax
from vsearch.metrics import top_k_accuracy
from vsearch.models.arrivals import ARRIVAL_AXES, Arrivals
from vsearch.models.several_vectors import Vectors, best_of
from vsearch.models.unit_rows import unit_rows
from vsearch.objectives.base import (
    Calibration,
    Leaves,
    Logits,
    LossOptions,
    Objective,
    Targets,
)

TEMPERATURE = 0.1


class ClassVectors(nnx.Module):
    """Unit class vectors; a logit is the cosine with the nearest of a class.

    Where the number of `vectors` is told, some classes may have come later (see `Arrivals`).
    """

    def __init__(self, dim: int, labels: int, vectors: Vectors = ()):
        rows = sum(vectors) or labels
        self.class_vectors = nnx.Param(jnp.zeros((rows, dim)))
        self.vectors = vectors
        self.arrivals = nnx.data(Arrivals(dim, rows) if vectors else None)

    def __call__(self, embedding: jax.Array, _features: jax.Array) -> jax.Array:
        """Map unit rows (n, dim) to cosines (n, labels) float32."""
        cosines = embedding @ unit_rows(self.class_vectors[...]).T
        if self.arrivals is not None:
            cosines = self.arrivals(cosines, embedding)
        return best_of(cosines, self.vectors)

    def plain(self, embedding: jax.Array, _features: jax.Array) -> jax.Array:
        """Map rows (n, dim) to the cosines with the nearest vector of every class (n, labels)."""
        return best_of(embedding @ unit_rows(self.class_vectors[...]).T, self.vectors)


def cross_entropy(logits: jax.Array, targets: jax.Array, options: LossOptions) -> jax.Array:
    """Return the mean cross-entropy of softmax(logits) and targets, a float32 scalar.

    Args:
        logits: (n, labels) float32, already scaled.
        targets: (n, labels) float32, rows that sum to 1.
        options: smoothing, and the log prior that is added to the logits.
    """
    if options.log_prior is not None:
        logits = logits + jnp.asarray(options.log_prior, jnp.float32)[None]
    smooth = targets * (1 - options.smoothing) + options.smoothing / targets.shape[-1]
    return -(smooth * jax.nn.log_softmax(logits, axis=-1)).sum(-1).mean()


def mean_log_loss(probabilities: NDArray[np.float32], targets: Targets) -> float:
    """Return the mean -log p of the one right label, in nats; (n, labels) each."""
    own = np.take_along_axis(probabilities, targets.argmax(axis=1)[:, None], axis=1)
    return float(-np.log(np.maximum(own, 1e-12)).mean())


def exclusive_metrics(probabilities: NDArray[np.float32], targets: Targets) -> dict[str, float]:
    """Return top-1, top-5 and the mean negative log-likelihood of n ≥ 1 photos."""
    labels = targets.argmax(axis=1)
    return {
        "top1": top_k_accuracy(probabilities, labels, 1),
        "top5": top_k_accuracy(probabilities, labels, 5),
        "nll": mean_log_loss(probabilities, targets),
    }


class NormalisedSoftmax(Objective):
    """One label a photo; probabilities are the softmax of scaled cosines.

    Attributes:
        temperature: what logits are divided by in training, and without val photos when serving.
        scales: between which calibration looks for what they are multiplied by.
    """

    name = "normalised-softmax"
    vector_axes: ClassVar[Mapping[str, int]] = {"class_vectors": 0, **ARRIVAL_AXES}
    temperature: ClassVar[float] = TEMPERATURE
    scales: ClassVar[tuple[float, float]] = SCALES

    def head(self, features: int, dim: int, labels: int, vectors: Vectors = ()) -> nnx.Module:
        """Return the class vectors."""
        return ClassVectors(dim, labels, vectors)

    def imprint(self, head: Leaves, vectors: NDArray[np.float32]) -> Leaves:
        """Return the vectors as they are: of a class vector the direction alone counts."""
        return {"class_vectors": vectors}

    def loss(self, logits: jax.Array, targets: jax.Array, options: LossOptions) -> jax.Array:
        """Return the cross-entropy of the softmax over logits / temperature."""
        return cross_entropy(logits / self.temperature, targets, options)

    def quality(self, logits: Logits, targets: Targets) -> tuple[float, ...]:
        """Return top-1 accuracy, then likelihood."""
        labels = targets.argmax(axis=1)
        likelihood = -negative_log_likelihood(logits, labels, 1 / self.temperature)
        return top_k_accuracy(logits, labels), likelihood

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Return the scale of the logits that makes the right labels most likely."""
        if not len(logits):
            return {"scale": 1 / self.temperature}
        return {"scale": fit_scale(logits, targets.argmax(axis=1), self.scales)}

    def probabilities(self, logits: Logits, calibration: Calibration) -> NDArray[np.float32]:
        """Return the softmax of the scaled logits."""
        return softmax(logits * np.float32(calibration["scale"]))

    def metrics(
        self, probabilities: NDArray[np.float32], targets: Targets, calibration: Calibration
    ) -> dict[str, float]:
        """Return top-1, top-5 and the mean negative log-likelihood in nats."""
        return exclusive_metrics(probabilities, targets)


OBJECTIVE = NormalisedSoftmax()
