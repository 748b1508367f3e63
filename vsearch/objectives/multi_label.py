"""Multi-label: every photo has any number of labels, such as a type and a colour.

A sigmoid a label, on the scaled cosine with its class vector plus a bias of its own. The scale is
that of the normalised softmax, so that, as there, training moves embeddings of photos that share
labels closer in cosine. A bias is needed here: no other label competes, so where “yes” begins has
to be learned. It starts at a rare label's log-odds, without which the first steps would be spent on
turning all labels off (Lin et al., Focal Loss for Dense Object Detection, 2017, arXiv:1708.02002).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.calibration import best_f1_threshold, fit_bias, fit_platt, sigmoid, softmax
from vsearch.metrics import macro_f1, mean_average_precision, micro_f1
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
PRIOR_LOGIT = -4.6  # a share of .01
RAREST = 1e-6
# A label with fewer val photos shares bias and threshold with all labels.
LEAST_TO_CHOOSE = 3


class LabelVectors(nnx.Module):
    """Unit class vectors and biases; a logit is cosine / temperature + bias, at its largest."""

    def __init__(self, dim: int, labels: int, vectors: Vectors = ()):
        rows = sum(vectors) or labels
        self.class_vectors = nnx.Param(jnp.zeros((rows, dim)))
        self.label_biases = nnx.Param(jnp.zeros(rows))
        self.vectors = vectors

    def __call__(self, embedding: jax.Array, _features: jax.Array) -> jax.Array:
        """Map unit rows (n, dim) to log-odds (n, labels) float32."""
        cosines = embedding @ unit_rows(self.class_vectors[...]).T
        logits = cosines / TEMPERATURE + (self.label_biases[...] + PRIOR_LOGIT)[None]
        return best_of(logits, self.vectors)


class MultiLabel(Objective):
    """Any number of labels a photo; each has a probability and a threshold of its own."""

    name = "multi-label"
    exclusive = False
    vector_axes: ClassVar[Mapping[str, int]] = {"class_vectors": 0, "label_biases": 0}

    def head(self, features: int, dim: int, labels: int, vectors: Vectors = ()) -> nnx.Module:
        """Return class vectors and biases."""
        return LabelVectors(dim, labels, vectors)

    def imprint(self, head: Leaves, vectors: NDArray[np.float32]) -> Leaves:
        """Return the vectors with the mean bias of the trained ones.

        Where “yes” begins for the new labels is for calibration to say.
        """
        biases = np.full(len(vectors), head["label_biases"].mean(), np.float32)
        return {"class_vectors": vectors, "label_biases": biases}

    def carried(self, calibration: Calibration, origins: Sequence[Sequence[int]]) -> Calibration:
        """Return the calibration with the biases and thresholds of the labels that there are now.

        A label made of several has the mean of their biases and the lowest of their thresholds, so
        that it is given to no fewer photos; a new one has the mean bias and the middle threshold.
        """
        biases = np.asarray(calibration["biases"], np.float64)
        thresholds = np.asarray(calibration["thresholds"], np.float64)
        new = float(biases.mean()), float(np.median(thresholds))
        told = [
            (float(biases[list(own)].mean()), float(thresholds[list(own)].min())) if own else new
            for own in origins
        ]
        return {
            "scale": calibration["scale"],
            "biases": [bias for bias, _ in told],
            "thresholds": [threshold for _, threshold in told],
        }

    def loss(self, logits: jax.Array, targets: jax.Array, options: LossOptions) -> jax.Array:
        """Return the logistic loss, averaged over photos and labels.

        Smoothing spreads a share of a photo's labels over all labels, so it keeps their number;
        logit adjustment adds the log-odds of each label's share.
        """
        if options.log_prior is not None:
            share = np.clip(np.exp(np.asarray(options.log_prior)), RAREST, 1 - RAREST)
            odds = np.log(share) - np.log1p(-share)
            logits = logits + jnp.asarray(odds, jnp.float32)[None]
        spread = options.smoothing * targets.mean(-1, keepdims=True)
        smooth = targets * (1 - options.smoothing) + spread
        return (jax.nn.softplus(logits) - smooth * logits).mean()

    def quality(self, logits: Logits, targets: Targets) -> tuple[float, ...]:
        """Return mAP (0 where no photo has a label), then likelihood."""
        ranked = mean_average_precision(logits, targets) if targets.any() else 0.0
        signed = np.where(targets, logits, -logits).astype(np.float64)
        return ranked, -float(np.logaddexp(0.0, -signed).mean())

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Return one scale for all labels, and of each label a bias and a threshold.

        The scale is Platt's over all labels at once, and so is the bias of a label that too few
        photos have. Other labels have a bias of their own: balanced batches and logit adjustment
        make rare labels look common in training, each in its own measure. A threshold is the one
        with the best F1 of its label, or of all labels for one that too few photos have.
        """
        scale, bias = fit_platt(logits.ravel(), targets.ravel()) if len(logits) else (1.0, 0.0)
        positive = targets.sum(axis=0)
        own = (positive >= LEAST_TO_CHOOSE) & (positive < len(targets))
        scaled = logits.astype(np.float64) * scale
        biases = [
            fit_bias(scaled[:, i], targets[:, i]) if own[i] else bias for i in range(len(own))
        ]
        fitted = sigmoid(scaled + np.array(biases)[None]).astype(np.float32)
        enough = positive.sum() >= LEAST_TO_CHOOSE
        shared = best_f1_threshold(fitted.ravel(), targets.ravel()) if enough else 0.5
        thresholds = [
            best_f1_threshold(fitted[:, i], targets[:, i]) if own[i] else shared
            for i in range(len(own))
        ]
        return {"scale": scale, "biases": biases, "thresholds": thresholds}

    def probabilities(self, logits: Logits, calibration: Calibration) -> NDArray[np.float32]:
        """Return the sigmoid of the scaled and shifted logits."""
        return sigmoid(self._log_odds(logits, calibration)).astype(np.float32)

    def assigned(
        self, probabilities: NDArray[np.float32], calibration: Calibration
    ) -> NDArray[np.bool_]:
        """Return the labels whose probability reaches their threshold; there may be none."""
        return probabilities.astype(np.float64) >= np.asarray(calibration["thresholds"])[None]

    def shares(
        self, logits: Logits, calibration: Calibration, tree: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return the probabilities of the tree's labels, given that just one of them holds.

        Of independent labels with odds o, label i alone holds with probability
        o_i × ∏ (1 - p), where the product is the same for all i: given that there is one, the
        shares are o_i / Σ o, which is the softmax of the log-odds.
        """
        found = np.zeros(logits.shape, np.float32)
        if tree.any():
            found[:, tree] = softmax(self._log_odds(logits, calibration)[:, tree])
        return found

    def metrics(
        self, probabilities: NDArray[np.float32], targets: Targets, calibration: Calibration
    ) -> dict[str, float]:
        """Return nll in nats a label; top1, mAP and F1 where any photo has a label.

        top1 is how often the most probable label is one of the photo's own.
        """
        right = np.where(targets, probabilities, 1 - probabilities.astype(np.float64))
        found = {"nll": float(-np.log(np.maximum(right, 1e-12)).mean())}
        if not targets.any():
            return found
        best = probabilities.argmax(axis=1)[:, None]
        given = self.assigned(probabilities, calibration)
        return found | {
            "top1": float(np.take_along_axis(targets, best, axis=1).mean()),
            "map": mean_average_precision(probabilities, targets),
            "micro_f1": micro_f1(given, targets),
            "macro_f1": macro_f1(given, targets),
        }

    def _log_odds(self, logits: Logits, calibration: Calibration) -> NDArray[np.float32]:
        biases = np.asarray(calibration["biases"], np.float32)
        return logits * np.float32(calibration["scale"]) + biases[None]


OBJECTIVE = MultiLabel()
