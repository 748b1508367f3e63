"""How sure a figure is: intervals that hold the true value 95 times in 100.

The queries are a sample of the photos that customers will take. Another sample would have given
another figure, and these intervals say how far away. A plain share has Wilson's interval, an area
under a ROC curve the inversion of its standard error, all else is drawn again (bootstrap).
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 1000

Interval = tuple[float, float]
"""The lower and the upper end."""

_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf((1 + LEVEL) / 2)
_BISECTIONS = 50


def wilson(share: float, count: int) -> Interval:
    """Return the interval of a share of independent queries.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927). Unlike the
    bootstrap it has a width where all or none are right.

    Args:
        share: the share found, 0..1.
        count: of how many queries.

    Raises:
        ValueError: there is no query.
    """
    if count < 1:
        raise ValueError("no query to tell an interval from")
    spread = _Z * _Z / count
    middle = share + spread / 2
    reach = _Z * math.sqrt((share * (1 - share) + spread / 4) / count)
    return _around(share, (middle - reach) / (1 + spread), (middle + reach) / (1 + spread))


def auroc_interval(auroc: float, positive: int, negative: int) -> Interval:
    """Return the interval of an area under a ROC curve.

    All areas whose standard error (Hanley and McNeil, The Meaning and Use of the Area under a ROC
    Curve, 1982) does not rule out the one found: inverted at both ends as Newcombe (Confidence
    intervals for an effect size measure based on the Mann-Whitney statistic, part 2, 2006) does,
    so that an area of 1 has a width too.

    Args:
        auroc: the area found, 0..1.
        positive: photos that should score high, at least 1.
        negative: photos that should score low, at least 1.

    Raises:
        ValueError: there is no photo of a kind.
    """
    if min(positive, negative) < 1:
        raise ValueError("an area under a ROC curve needs photos of both kinds")

    def ruled_out(area: float) -> bool:
        spread = area * (1 - area)
        alike = (positive - 1) * spread * (1 - area) / (2 - area)
        alike += (negative - 1) * spread * area / (1 + area)
        return abs(auroc - area) > _Z * math.sqrt((spread + alike) / (positive * negative))

    return _around(auroc, _edge(ruled_out, auroc, 0.0), _edge(ruled_out, auroc, 1.0))


def _edge(ruled_out: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return where, between the two, an area becomes ruled out."""
    if not ruled_out(outside):
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if ruled_out(middle) else (middle, outside)
    return inside


def bootstrap(
    figure: Callable[[NDArray[np.int64]], float],
    queries: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    noise_raises: bool = False,
) -> Interval:
    """Return the interval of any figure by drawing the queries again, with replacement.

    The bias-corrected percentiles of Efron (Nonparametric standard errors and confidence intervals,
    1981). A figure that noise alone raises, such as a calibration error, is above the true one as
    the samples of the sample are above it: its lower end is reversed around the figure (the basic
    bootstrap of Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 5.2),
    its upper end, for caution, is the percentile. Simulated for calibration errors of .03 and .15
    and 100 to 2,485 queries, that held the true one 91 to 98 times in 100, percentiles 2 to 98
    times; an error of exactly 0, which is an end of what is possible, about 70 times against none.

    Args:
        figure: computes the figure of some of the queries, given by number, (n,) int64, some of
            them more than once; NaN where these cannot tell it.
        queries: how many there are.
        resamples: how often they are drawn.
        seed: decides what is drawn; the same seed gives the same interval.
        noise_raises: the figure is at least 0, and is raised by having few queries.

    Raises:
        ValueError: there is no query, or the figure of all of them is not finite.
    """
    if queries < 1:
        raise ValueError("no query to tell an interval from")
    found = figure(np.arange(queries))
    if not np.isfinite(found):
        raise ValueError(f"a figure of {found} has no interval")
    rng = np.random.default_rng(seed)
    drawn = np.array([figure(rng.integers(0, queries, queries)) for _ in range(resamples)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return found, found
    if noise_raises:
        high = float(np.quantile(drawn, (1 + LEVEL) / 2))
        return _around(found, max(0.0, 2 * found - high), high)
    low, high = np.quantile(drawn, _percentiles(drawn, found))
    return _around(found, low, high)


def _percentiles(drawn: NDArray[np.float64], found: float) -> tuple[float, float]:
    """Return which shares of the drawn figures lie below the two ends."""
    below = (np.sum(drawn < found) + np.sum(drawn == found) / 2) / len(drawn)
    half = 0.5 / len(drawn)  # no sample can say that something never happens
    bias = _NORMAL.inv_cdf(float(np.clip(below, half, 1 - half)))
    return _NORMAL.cdf(2 * bias - _Z), _NORMAL.cdf(2 * bias + _Z)


def _around(found: float, low: float, high: float) -> Interval:
    """Return the ends, never past the figure itself, which rounding and few samples could do."""
    return min(float(low), found), max(float(high), found)
