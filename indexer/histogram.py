"""Histograms between round bounds, exact for numbers of any size."""

import math
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_EXACT = 2**53  # from here on a float is a whole number
_WHOLE = 2**64  # more than the catalogue's whole numbers
_LARGEST = Fraction(sys.float_info.max)


@dataclass(frozen=True)
class Bucket:
    """How many numbers lie in `low` ≤ number < `high`; the last bucket holds its `high` too."""

    low: int | float
    high: int | float
    count: int


def histogram(
    values: Sequence[int | float], counts: NDArray[np.int64], most: int
) -> tuple[Bucket, ...]:
    """Count numbers in buckets of equal width.

    Args:
        values: distinct, ascending, finite.
        counts: shape (values,), int64: how often each occurs, at least once.
        most: how many buckets at most; two at least, as round bounds may have zero between them.
    """
    if not values:
        return ()
    whole = all(isinstance(value, int) for value in values)
    edges = _round_edges(values[0], values[-1], most, whole=whole)
    sums = [0, *np.cumsum(counts).tolist()]
    places = [*(bisect_left(values, edge) for edge in edges[:-1]), len(values)]
    return tuple(
        Bucket(low, high, sums[stop] - sums[start])
        for (low, high), (start, stop) in zip(pairwise(edges), pairwise(places), strict=True)
    )


def _round_edges(
    low: int | float, high: int | float, most: int, *, whole: bool
) -> list[int | float]:
    """Return bounds from `low` or below to `high` or above, multiples of 1, 2 or 5 times 10**n.

    The distance is the least of these that needs at most `most` buckets, and at least 1 between
    whole numbers. One number alone is its own bucket.
    """
    if low == high:
        return [low, high]
    first, last = _fraction(low), _fraction(high)
    whole = whole or max(abs(first), abs(last)) >= _EXACT
    for step in _steps((last - first) / most):
        begin, end = math.floor(first / step), math.ceil(last / step)
        if end - begin <= most and (step >= 1 or not whole):
            break
    edges = (_number(place * step) for place in range(begin, end + 1))
    return list(dict.fromkeys(edges))  # floats next to one another may round to one


def _steps(least: Fraction) -> Iterator[Fraction]:
    """Yield 1, 2 and 5 times powers of ten in ascending order, from below `least` on."""
    exponent = math.floor(math.log10(least.numerator) - math.log10(least.denominator)) - 1
    while True:
        for factor in (1, 2, 5):
            yield factor * Fraction(10) ** exponent
        exponent += 1


def _fraction(value: int | float) -> Fraction:
    """Return a number by its decimal digits: 0.4 as a float is a little more than four tenths.

    Where bounds are whole numbers that no float may equal, only the exact one will do.
    """
    return Fraction(value) if _EXACT <= abs(value) < _WHOLE else Fraction(str(value))


def _number(edge: Fraction) -> int | float:
    if edge.denominator == 1 and abs(edge) < _WHOLE:
        return int(edge)
    return float(max(-_LARGEST, min(_LARGEST, edge)))
