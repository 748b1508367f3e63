"""Binary: one yes-or-no question a photo, such as “is it a pair?”.

The labels are in order: index 0 is “no”, index 1 is “yes”, the one whose average precision, F1 and
threshold are told. Who makes the training data sees to that (true, yes, on or 1 comes last).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch.calibration import best_f1_threshold, fit_platt, sigmoid
from vsearch.metrics import auroc, average_precision, micro_f1, top_k_accuracy
from vsearch.models.several_vectors import Vectors
from vsearch.objectives.base import Calibration, Logits, LossOptions, Objective, Targets
from vsearch.objectives.normalised_softmax import mean_log_loss
from vsearch.objectives.softmax import LinearHead

# So few positive or negative val photos cannot choose a threshold.
LEAST_TO_CHOOSE = 3


class Binary(Objective):
    """One logit a photo: the log-odds that it is of label 1 rather than label 0."""

    name = "binary"
    most_labels = 2

    def head(self, features: int, dim: int, labels: int, vectors: Vectors = ()) -> nnx.Module:
        """Return a linear head with one output."""
        return LinearHead(dim, 1)

    def loss(self, logits: jax.Array, targets: jax.Array, options: LossOptions) -> jax.Array:
        """Return the logistic loss.

        It is the cross-entropy of the softmax over (0, logit), so the log prior of label 1 less
        that of label 0 is what adjusts the logit.
        """
        if options.log_prior is not None:
            logits = logits + jnp.float32(options.log_prior[1] - options.log_prior[0])
        smooth = targets[:, 1:] * (1 - options.smoothing) + options.smoothing / 2
        return (jax.nn.softplus(logits) - smooth * logits).mean()

    def quality(self, logits: Logits, targets: Targets) -> tuple[float, ...]:
        """Return accuracy, then likelihood."""
        signed = np.where(targets[:, 1:], logits, -logits).astype(np.float64)
        return float((signed > 0).mean()), -float(np.logaddexp(0.0, -signed).mean())

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Return Platt's scale and bias, and the threshold of label 1 with the best F1."""
        positive = targets[:, 1]
        scale, bias = fit_platt(logits[:, 0], positive) if len(logits) else (1.0, 0.0)
        threshold = 0.5
        if min(positive.sum(), (~positive).sum()) >= LEAST_TO_CHOOSE:
            fitted = self.probabilities(logits, {"scale": scale, "bias": bias})
            threshold = best_f1_threshold(fitted[:, 1], positive)
        return {"scale": scale, "bias": bias, "threshold": threshold}

    def probabilities(self, logits: Logits, calibration: Calibration) -> NDArray[np.float32]:
        """Return the probabilities of “no” and “yes”, which sum to 1."""
        fitted = logits * np.float32(calibration["scale"]) + np.float32(calibration["bias"])
        return sigmoid(np.concatenate([-fitted, fitted], axis=1)).astype(np.float32)

    def assigned(
        self, probabilities: NDArray[np.float32], calibration: Calibration
    ) -> NDArray[np.bool_]:
        """Return label 1 where its probability reaches the threshold, label 0 elsewhere."""
        yes = probabilities[:, 1].astype(np.float64) >= calibration["threshold"]
        return np.stack([~yes, yes], axis=1)

    def metrics(
        self, probabilities: NDArray[np.float32], targets: Targets, calibration: Calibration
    ) -> dict[str, float]:
        """Return accuracy (top1), nll in nats; AUROC, AP and F1 of label 1 where val has both.

        top1 is of the most probable label, F1 of the label that the threshold assigns.
        """
        positive = targets[:, 1]
        found = {
            "top1": top_k_accuracy(probabilities, targets.argmax(axis=1)),
            "nll": mean_log_loss(probabilities, targets),
        }
        if positive.all() or not positive.any():
            return found
        return found | {
            "auroc": auroc(probabilities[:, 1], positive),
            "average_precision": average_precision(probabilities[:, 1], positive),
            "f1": micro_f1(self.assigned(probabilities, calibration)[:, 1], positive),
        }


OBJECTIVE = Binary()
