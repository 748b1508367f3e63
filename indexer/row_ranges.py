"""Sets of rows as ranges that are sorted, disjoint and not empty."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import RowRange

Ranges = Sequence[RowRange]


def size_of(ranges: Ranges) -> int:
    """Return how many rows the ranges hold."""
    return sum(stop - start for start, stop in ranges)


def merged(ranges: Iterable[RowRange]) -> tuple[RowRange, ...]:
    """Return the same rows in as few ranges as can be."""
    found: list[RowRange] = []
    for start, stop in ranges:
        touches = found and found[-1][1] == start
        found.append((found.pop()[0], stop) if touches else (start, stop))
    return tuple(found)


def holds(ranges: Ranges, part: Ranges) -> bool:
    """Say whether every range of `part` lies within one of the ranges."""
    if not ranges or not part:
        return not part
    (starts, stops), (first, last) = _bounds(ranges), _bounds(part)
    places = np.searchsorted(starts, first, side="right") - 1
    return bool(places[0] >= 0 and (stops[places] >= last).all())


def without(ranges: Ranges, part: Ranges) -> tuple[RowRange, ...]:
    """Return the ranges without a part that they hold."""
    if not part:
        return tuple(ranges)
    (starts, stops), (first, last) = _bounds(ranges), _bounds(part)
    # Where a part begins a rest ends, and where it ends the next begins.
    begins, ends = np.sort(np.append(starts, last)), np.sort(np.append(stops, first))
    rest = zip(begins.tolist(), ends.tolist(), strict=True)
    return tuple((begin, end) for begin, end in rest if begin < end)


def _bounds(ranges: Ranges) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    bounds = np.array(ranges, np.int64)
    return bounds[:, 0], bounds[:, 1]
