"""Which rows of an index version a filter leaves: as a bitmap, as ranges, and counted.

Rows lie sorted by category, so a filter on categories makes a few long ranges, one on attributes
many short ones. Both come out of the same bitmap, and it is the items as they are now that decide,
not where their rows lie: an item with a further path within a category is found outside the
category's range, and one that has left the category is not found within it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from indexer.filter_syntax import CATEGORY, Filter, Predicate, all_of
from indexer.vector_index import RowRange
from vsearch.taxonomy import CategoryPath


class ItemSource(Protocol):
    """Knows which items a filter holds for: `LiveColumns`, `ItemColumns` or the catalogue."""

    def matching_keys(self, wanted: Filter) -> NDArray[np.int64]:
        """Return the keys of the items in state ok that a filter holds for, ascending."""


@dataclass(frozen=True)
class RowMask:
    """Some rows of an index version.

    Attributes:
        mask: shape (rows,), bool.
    """

    mask: NDArray[np.bool_]

    @classmethod
    def of_items(cls, item_keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> Self:
        """Return the rows of some items.

        Args:
            item_keys: shape (rows,), int64: the item of each row.
            wanted: shape (items,), int64: keys of items, which need not have rows.
        """
        return cls(np.isin(item_keys, wanted))

    @classmethod
    def of_ranges(cls, rows: int, ranges: Iterable[RowRange]) -> Self:
        """Return the rows within any of the ranges, which may overlap and come in any order."""
        mask = np.zeros(rows, np.bool_)
        for start, stop in ranges:
            mask[start:stop] = True
        return cls(mask)

    def __and__(self, other: "RowMask") -> "RowMask":
        """Return the rows that are in both."""
        return RowMask(self.mask & other.mask)

    def __or__(self, other: "RowMask") -> "RowMask":
        """Return the rows that are in either."""
        return RowMask(self.mask | other.mask)

    @cached_property
    def count(self) -> int:
        """How many rows there are."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Where each run of rows starts and stops: shape (runs, 2), int64, ascending."""
        edges = np.flatnonzero(np.diff(self.mask, prepend=False, append=False))
        return edges.astype(np.int64, copy=False).reshape(-1, 2)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows' positions, ascending: shape (count,), int64."""
        return np.flatnonzero(self.mask).astype(np.int64, copy=False)

    def ranges(self) -> list[RowRange]:
        """Return the runs of rows as an index takes them: sorted, disjoint, none empty."""
        return [(start, stop) for start, stop in self.bounds.tolist()]


def within(subtrees: Iterable[CategoryPath], wanted: Filter | None = None) -> Filter | None:
    """Return the filter that also asks for items within any of the subtrees; none: no further ask.

    Args:
        subtrees: paths of categories; an item is found by its primary and by its further paths.
        wanted: what else is asked for.
    """
    paths = tuple(subtrees)
    if not paths:
        return wanted
    inside = Predicate(CATEGORY, "within", paths)
    return inside if wanted is None else all_of(inside, wanted)


def filtered_rows(
    items: ItemSource, item_keys: NDArray[np.int64], wanted: Filter | None = None
) -> RowMask:
    """Return exactly the rows of a version whose items a filter holds for now.

    Args:
        items: who knows.
        item_keys: shape (rows,), int64: the item of each row of the version.
        wanted: the filter; None: all rows, those of items that are gone since included.
    """
    if wanted is None:
        return RowMask.of_ranges(len(item_keys), [(0, len(item_keys))])
    return RowMask.of_items(item_keys, items.matching_keys(wanted))
