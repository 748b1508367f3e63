"""Which rows a search may find: ranges where categories alone are asked for, else a bitmap.

Rows lie sorted by category, so a category and all below it are a few ranges. Attributes, and items
that have a further path within a category, are told by the catalogue's columns in memory. It is
always the items as they are now that decide.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.delta import Delta
from indexer.filter_syntax import CATEGORY, Field, Filter, fields_of, within
from indexer.item_columns import ItemColumns
from indexer.live_columns import LiveColumns
from indexer.live_rows import LiveRows
from indexer.moments import Moment
from indexer.vector_index import RowRange
from indexer.versions import IndexVersion
from vsearch.taxonomy import CategoryPath, is_within


@dataclass(frozen=True)
class Selection:
    """The rows that a search may find.

    Attributes:
        ranges: rows of the version that hold all of them; None: all rows.
        mask: shape (rows,), which of these count; None: all.
        count: how many rows of the version count.
        delta: places in the delta that count, ascending.
    """

    ranges: tuple[RowRange, ...] | None
    mask: NDArray[np.bool_] | None
    count: int
    delta: NDArray[np.int64]


def some_rows(among: NDArray[np.bool_], live: LiveRows) -> Selection:
    """Return the selection of some rows of the version, (rows,) bool, and none of the delta."""
    return _of_mask(among & live.alive, np.zeros(0, np.int64))


def rows_of_items(version: IndexVersion, keys: NDArray[np.int64], live: LiveRows) -> Selection:
    """Return the selection of all rows of some items."""
    places = live.delta.places
    delta = places[np.isin(live.delta.item_keys[places], keys)]
    return _of_mask(np.isin(version.item_keys, keys) & live.alive, delta)


def asked_fields(
    categories: Sequence[CategoryPath] = (), where: Filter | None = None
) -> frozenset[Field]:
    """Return the fields of items that a selection by these looks at."""
    wanted = within(categories, where)
    return frozenset() if wanted is None else frozenset(fields_of(wanted))


def _of_mask(mask: NDArray[np.bool_], delta: NDArray[np.int64]) -> Selection:
    count = int(np.count_nonzero(mask))
    # From the first to the last; each is found without looking at what lies between.
    hull = ((int(mask.argmax()), len(mask) - int(mask[::-1].argmax())),) if count else ()
    return Selection(hull, mask, count, delta)


class RowSelector:
    """Finds the rows of filters in one version; safe between threads."""

    def __init__(self, columns: LiveColumns, version: IndexVersion) -> None:
        self._columns = columns
        self._version = version
        self._lock = threading.Lock()
        self._placed: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._placed_delta: tuple[NDArray[np.int64], Delta, NDArray[np.int64]] | None = None

    def select(
        self, now: Moment, categories: Sequence[CategoryPath] = (), where: Filter | None = None
    ) -> Selection:
        """Return the rows of items within any of the categories for which a filter holds.

        Args:
            now: the moment, with the fields that `asked_fields` tells.
            categories: an item is within one by its primary or by a further path; none: all.
            where: the filter; None: none.
        """
        live = now.live
        if where is None and not categories:
            return self._alive(None, None, live, live.delta.places)
        wanted = within(categories, where)
        assert wanted is not None  # one of the two is asked for
        columns = now.columns
        assert columns is not None  # so its fields are there
        held = np.append(columns.mask(wanted), False)  # the last one for items that are gone
        delta = live.delta.places[held[self._delta_places(columns.keys, live.delta)]]
        ranges = tuple(self._version.ranges(categories, self._columns.category_paths()))
        if where is None and not self._has_further(columns, categories):
            return self._alive(ranges, None, live, delta)
        mask = held[self._item_places(columns.keys)][self._item_of_row]
        return self._alive(None, mask, live, delta)

    def matching(
        self, now: Moment, categories: Sequence[CategoryPath] = (), where: Filter | None = None
    ) -> Callable[[NDArray[np.int64]], NDArray[np.bool_]]:
        """Return what says for which of some items, by key, a filter holds."""
        wanted = within(categories, where)
        if wanted is None:
            return lambda keys: np.ones(len(keys), np.bool_)
        columns = now.columns
        assert columns is not None  # so its fields are there
        held = np.append(columns.mask(wanted), False)  # the last one for items that are gone
        return lambda keys: held[_places(columns.keys, keys)]

    def _alive(
        self,
        ranges: tuple[RowRange, ...] | None,
        mask: NDArray[np.bool_] | None,
        live: LiveRows,
        delta: NDArray[np.int64],
    ) -> Selection:
        """Return the selection without dead rows."""
        if mask is not None:
            return _of_mask(mask & live.alive, delta)
        spans = ranges if ranges is not None else ((0, self._version.manifest.rows),)
        rows = sum(stop - start for start, stop in spans)
        if not live.dead_rows:
            return Selection(ranges, None, rows, delta)
        dead = live.dead_rows
        if ranges is not None:
            dead = sum(int(np.count_nonzero(live.dead[start:stop])) for start, stop in spans)
        return Selection(ranges, live.alive, rows - dead, delta)

    def _has_further(self, columns: ItemColumns, categories: Sequence[CategoryPath]) -> bool:
        """Say whether an item may be within the categories by a further path alone."""
        entries = columns.columns[CATEGORY].entries
        return any(
            not any(is_within(primary, c) for c in categories)
            and any(is_within(path, c) for path in further for c in categories)
            for primary, *further in entries
        )

    @cached_property
    def _items(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        keys, places = np.unique(self._version.item_keys, return_inverse=True)
        return keys, places.reshape(-1)

    @property
    def _item_of_row(self) -> NDArray[np.int64]:
        """The place of each row's item among the version's items, (rows,)."""
        return self._items[1]

    def _item_places(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each of the version's items among those of the columns."""
        with self._lock:
            if self._placed is None or self._placed[0] is not keys:
                self._placed = (keys, self._placed_anew(keys))
            return self._placed[1]

    def _placed_anew(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places among later keys; new items come behind all others and move none."""
        before, places = self._placed if self._placed is not None else (keys[:0], None)
        if places is None or not np.array_equal(keys[: len(before)], before):
            return _places(keys, self._items[0])
        absent = np.flatnonzero(places < 0)
        later = _places(keys, self._items[0][absent])
        if (later < 0).all():
            return places
        places = places.copy()
        places[absent] = later
        return places

    def _delta_places(self, keys: NDArray[np.int64], delta: Delta) -> NDArray[np.int64]:
        """Return the place of the item of each row of the delta that counts among the columns'."""
        with self._lock:
            known = self._placed_delta
            if known is None or known[0] is not keys or known[1] is not delta:
                places = _places(keys, delta.item_keys[delta.places])
                self._placed_delta = known = (keys, delta, places)
            return known[2]


def _places(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the wanted items stand among ascending keys, -1 for those that are not there."""
    places = np.searchsorted(keys, wanted)
    there = np.append(keys, -1)[places] == wanted
    return np.where(there, places, -1)
