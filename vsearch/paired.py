"""Whether one of two models is worse on the same photos, or chance alone can look like that."""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

RESAMPLES = 200

Shortfall = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""By how much figures of some photos, given by number, are lower with the second model, (k,)."""


def chance_of_losing(lost: int, gained: int) -> float:
    """Return how likely at least so many photos are lost where neither model is the better one.

    The one-sided exact form of McNemar's test (Note on the sampling error of the difference between
    correlated proportions or percentages, 1947): photos that both models get right or wrong tell
    nothing, and of the others each is lost or gained with the same probability.

    Args:
        lost: photos that the first model alone gets right.
        gained: photos that the second one alone gets right.
    """
    told = lost + gained
    return float(sum(comb(told, n) for n in range(lost, told + 1)) / 2**told)


def chances_of_shortfall(
    shortfall: Shortfall,
    photos: int,
    counts: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return for each of k figures how likely chance alone brings such a difference.

    For figures that are no share of photos: Student's test of the difference, with the deviation of
    the paired bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

    Args:
        shortfall: computes the differences; NaN where some photos cannot tell a figure.
        photos: how many there are, at least 1.
        counts: of how many photos each figure really is, (k,) int64; its degrees of freedom.
        resamples: how often photos are drawn, with replacement.
        seed: decides what is drawn.

    Returns:
        Shape (k,) float64, within 0..1; 1 where there is no difference.
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([shortfall(rng.integers(0, photos, photos)) for _ in range(resamples)])
    found = shortfall(np.arange(photos))
    told = np.isfinite(drawn)
    means = np.where(told, drawn, 0).sum(axis=0) / np.maximum(told.sum(axis=0), 1)
    squares = np.where(told, drawn - means[None], 0) ** 2
    spread = np.sqrt(squares.sum(axis=0) / np.maximum(told.sum(axis=0) - 1, 1))
    # Where all samples agree the deviation is rounding: still finite, and the chance next to none.
    ratios = found / np.maximum(spread, np.finfo(np.float32).eps)
    chances = stdtr(np.maximum(counts - 1, 1), -ratios)
    return np.asarray(np.where(np.isfinite(found) & (found != 0), chances, 1.0), np.float64)
