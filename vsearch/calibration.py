"""Honest probabilities and the thresholds on them, fitted on val.

Softmax: one scale for all logits (temperature scaling, Guo et al., On Calibration of Modern Neural
Networks, ICML 2017, arXiv:1706.04599). Sigmoid: a scale and a bias (Platt, Probabilistic Outputs
for Support Vector Machines, 1999). Scales are greater than 0, so neither changes a ranking, only
how sure the classifier says it is.
"""

import numpy as np
from numpy.typing import NDArray

from vsearch.metrics import cuts

SCALES = (1.0, 100.0)  # of cosines
LOGIT_SCALES = (0.01, 10.0)  # of logits that are already as large as they should be
NEWTON_STEPS, BISECTIONS = 100, 64


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax over the last axis, float32."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logits)) of any shape, float64; no logit is too large."""
    powers = np.exp(-np.abs(logits.astype(np.float64)))
    return np.where(logits >= 0, 1.0, powers) / (1.0 + powers)


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


def fit_scale(
    cosines: NDArray[np.float32],
    labels: NDArray[np.int64],
    scales: tuple[float, float] = SCALES,
) -> float:
    """Return the scale that makes the val labels most likely.

    Where few val photos are all right, the likeliest scale would be infinite and every answer 100 %
    sure. Hence Platt's targets (Probabilistic Outputs for Support Vector Machines, 1999): n photos
    are never believed further than the rule of succession, 1 - 1 / (n + 2).

    The objective is convex in the scale, so a golden-section search over its logarithm ends at the
    one best value within `scales`.

    Args:
        cosines: (n, labels) float32, n ≥ 1; or logits, with `LOGIT_SCALES`.
        labels: (n,) int64.
        scales: the least and the greatest scale.
    """
    smoothing = 1 / (len(labels) + 2)

    def loss(log_scale: float) -> float:
        return negative_log_likelihood(cosines, labels, float(np.exp(log_scale)), smoothing)

    low, high = (float(np.log(scale)) for scale in scales)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def fit_platt(
    logits: NDArray[np.float32],
    positive: NDArray[np.bool_],
    scales: tuple[float, float] = LOGIT_SCALES,
) -> tuple[float, float]:
    """Return the scale and the bias of a sigmoid that make val most likely.

    Platt's targets keep a few photos that are all right from making the model certain. The loss is
    convex, so where the best scale of all lies outside `scales`, the nearer end is the best within.
    Photos of one class alone say nothing of where the classes part: they leave logits as they are.

    Args:
        logits: (n,) float32.
        positive: (n,) bool.
        scales: the least and the greatest scale.
    """
    if positive.all() or not positive.any():
        return 1.0, 0.0
    wide = logits.astype(np.float64)
    unit = float(wide.std())
    if unit == 0.0:
        return 1.0, fit_bias(wide, positive)
    design = np.stack([wide / unit, np.ones_like(wide)], axis=1)
    slope, bias = _logistic_fit(design, _platt_targets(positive))
    scale = float(np.clip(slope / unit, *scales))
    return scale, float(bias) if scale == slope / unit else fit_bias(scale * wide, positive)


def fit_bias(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return what to add to logits so that their sigmoid makes val most likely.

    There, the mean probability is the mean of Platt's targets. It rises with the bias, so bisection
    finds it, however far the logits lie apart.

    Args:
        logits: (n,), already scaled, n ≥ 1.
        positive: (n,) bool.
    """
    wanted = _platt_targets(positive).mean()
    margin = np.log(len(logits) + 2) + 1  # far enough: no target is beyond 1 / (n + 2)
    low, high = -float(logits.max()) - margin, -float(logits.min()) + margin
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if sigmoid(logits + middle).mean() < wanted:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def best_f1_threshold(probabilities: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the threshold whose F1 on val is best: positive where the probability reaches it.

    It lies midway to the next lower probability (or to 0); of equally good ones it is the highest.

    Args:
        probabilities: (n,), n ≥ 1.
        positive: (n,) bool; at least one is.
    """
    values, hits, chosen = cuts(probabilities, positive)
    best = int(np.argmax(hits / (chosen + positive.sum())))  # F1 = 2 hits / (chosen + positive)
    return float((values[best] + np.append(values, 0.0)[best + 1]) / 2)


def _platt_targets(positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    yes, no = int(positive.sum()), int((~positive).sum())
    return np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))


def _logistic_fit(design: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of a logistic regression, by Newton's method with a line search.

    Lin, Lin & Weng, A Note on Platt's Probabilistic Outputs for Support Vector Machines (2007).
    """

    def loss(weights: NDArray[np.float64]) -> float:
        margin = design @ weights
        return float((np.logaddexp(0.0, margin) - targets * margin).sum())

    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        found = sigmoid(design @ weights)
        slope = design.T @ (found - targets)
        curve = (design.T * (found * (1 - found))) @ design + 1e-12 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        size, fall = 1.0, float(slope @ step)
        while size > 1e-10 and loss(weights - size * step) > loss(weights) - 1e-4 * size * fall:
            size /= 2
        weights = weights - size * step
        if fall < 1e-12 * len(targets):
            break
    return weights
