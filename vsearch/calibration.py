"""Honest probabilities: one scale for all cosines, fitted on val.

Temperature scaling, Guo et al., On Calibration of Modern Neural Networks, ICML 2017
(arXiv:1706.04599). It changes no ranking, only how sure the classifier says it is.
"""

import numpy as np
from numpy.typing import NDArray

SCALES = (1.0, 100.0)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax over the last axis, float32."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def negative_log_likelihood(
    cosines: NDArray[np.float32],
    labels: NDArray[np.int64],
    scale: float,
    smoothing: float = 0.0,
) -> float:
    """Return the mean -log p of the right label, in nats.

    Args:
        cosines: (n, labels) float32.
        labels: (n,) int64.
        scale: what a cosine is multiplied by before the softmax.
        smoothing: the share of each photo's weight that is spread over all labels.
    """
    logits = cosines.astype(np.float64) * scale
    peak = logits.max(-1)
    log_sum = peak + np.log(np.exp(logits - peak[:, None]).sum(-1))
    right = logits[np.arange(len(labels)), labels]
    return float((log_sum - (1 - smoothing) * right - smoothing * logits.mean(-1)).mean())


def fit_scale(cosines: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the scale that makes the val labels most likely.

    Where few val photos are all right, the likeliest scale would be infinite and every answer 100 %
    sure. Hence Platt's targets (Probabilistic Outputs for Support Vector Machines, 1999): n photos
    are never believed further than the rule of succession, 1 - 1 / (n + 2).

    The objective is convex in the scale, so a golden-section search over its logarithm ends at the
    one best value within `SCALES`.

    Args:
        cosines: (n, labels) float32, n ≥ 1.
        labels: (n,) int64.
    """
    smoothing = 1 / (len(labels) + 2)

    def loss(log_scale: float) -> float:
        return negative_log_likelihood(cosines, labels, float(np.exp(log_scale)), smoothing)

    low, high = (float(np.log(scale)) for scale in SCALES)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
