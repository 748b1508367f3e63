"""Whether one of two models is worse on the same photos, or chance alone can look like that."""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import NDArray

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
    shortfall: Shortfall, photos: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """Return for each of k figures how often it is no lower where the photos are drawn again.

    The paired bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 16),
    for figures that are no share of photos.

    Args:
        shortfall: computes the differences; NaN where some photos cannot tell a figure.
        photos: how many there are, at least 1.
        resamples: how often they are drawn, with replacement.
        seed: decides what is drawn.

    Returns:
        Shape (k,) float64, within 0..1; never 0, because no sample can say that something never
        happens.
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([shortfall(rng.integers(0, photos, photos)) for _ in range(resamples)])
    told = np.isfinite(drawn).sum(axis=0)
    no_lower = np.nansum(drawn <= 0, axis=0)
    return np.asarray((no_lower + 1) / (told + 1), np.float64)
