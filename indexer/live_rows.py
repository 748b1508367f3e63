"""What the catalogue has changed since an index version was built, as rows that come and go.

A version never changes. Rows of photos that are no longer views, or whose item has moved to another
category, are dead; views that the version has not, but whose embedding the catalogue holds, are the
delta. Together they show every change as soon as it is committed, whichever process has made it. A
change of title, price or any attribute moves no row.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogue
from indexer.delta import Delta, DeltaView, GrowingDelta
from indexer.versions import IndexVersion

_BLOCK = 4096  # items looked up at a time


@dataclass(frozen=True)
class LiveRows:
    """The rows that count at one moment.

    Attributes:
        marks: the changes and the embeddings up to these are in; see `ViewQueries.marks`.
        dead: shape (rows,), bool: rows of the version that count no longer.
        dead_rows: how many they are.
        delta: the views of changed items that the version has not.
    """

    marks: tuple[int, int]
    dead: NDArray[np.bool_]
    dead_rows: int
    delta: Delta

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """Rows of the version that count, (rows,) bool."""
        return ~self.dead


class RowFollower:
    """Follows a catalogue's changes for one version; safe between threads.

    Asking costs one look at the catalogue's marks; what it costs to catch up grows with what has
    changed since it was last asked.
    """

    def __init__(self, catalogue: Catalogue, version: IndexVersion) -> None:
        self.catalogue = catalogue
        self._version = version
        self._lock = threading.Lock()
        none = np.zeros(version.manifest.rows, np.bool_)
        # What the version has taken in was embedded before; the rest is in the change log.
        marks = (version.manifest.sequence, catalogue.marks()[1])
        self._delta = GrowingDelta(version.manifest.dim)
        self._rows = LiveRows(marks, none, 0, self._delta.now())

    def current(self) -> LiveRows:
        """Return the rows that count, with all changes that are committed by now."""
        while True:
            seen = self.marks
            with self.catalogue.moment():
                if (rows := self.at_this_moment(seen)) is not None:
                    return rows

    @property
    def marks(self) -> tuple[int, int]:
        """What was taken in so far, by whichever thread."""
        return self._rows.marks

    def at_this_moment(self, seen: tuple[int, int]) -> LiveRows | None:
        """Return the rows that count at the moment that this thread has open (see `Database`).

        None where another thread has asked at a later one already.

        Args:
            seen: `marks`, looked up before the moment was opened.

        Raises:
            ShopError: the catalogue is older than it was.
        """
        now = self.catalogue.marks()
        if self._rows.marks == now:
            return self._rows
        with self._lock:
            before = self._rows.marks
            if before[0] > now[0] or before[1] > now[1]:
                if before != seen:
                    return None
                self.catalogue.check_not_older(before[0], now[0])
            if before != now:
                _, changed = self.catalogue.changed_since(before[0], self._held)
                embedded = self.catalogue.embedded_since(
                    before[1], self._version.embedding_fingerprint
                )
                self._rows = self._caught_up(now, list({*changed, *embedded}))
            return self._rows

    def _held(self) -> NDArray[np.int64]:
        """Return the items that have rows here."""
        return np.concatenate([self._version.item_keys, self._rows.delta.item_keys])

    def _caught_up(self, marks: tuple[int, int], changed: Sequence[int]) -> LiveRows:
        dead = self._rows.dead.copy()
        dead_rows = self._rows.dead_rows
        for start in range(0, len(changed), _BLOCK):
            keys = changed[start : start + _BLOCK]
            rows_of = self._rows_of(keys)
            views = self.catalogue.embedded_views(
                keys, self._version.manifest.views, self._version.embedding_fingerprint
            )
            new = {}
            for key in keys:
                rows, own = rows_of[key], views.get(key, {})
                photos = self._version.photo_keys[rows].tolist()
                places = self._category_ids[rows].tolist()
                alive = [
                    photo in own and own[photo].category_id == place
                    for photo, place in zip(photos, places, strict=True)
                ]
                dead_rows += len(rows) - sum(alive) - int(np.count_nonzero(dead[rows]))
                dead[rows] = ~np.array(alive, np.bool_)
                standing = {photo for photo, lives in zip(photos, alive, strict=True) if lives}
                new[key] = [
                    DeltaView(photo, view.vector)
                    for photo, view in own.items()
                    if photo not in standing and view.vector is not None
                ]
            # Should a later block fail, the same items are put once more, which changes nothing.
            self._delta.put(new.items())
        return LiveRows(marks, dead, dead_rows, self._delta.now())

    def _rows_of(self, keys: Sequence[int]) -> dict[int, NDArray[np.int64]]:
        """Return the rows that the version has of each item."""
        order, ordered = self._by_item
        starts = np.searchsorted(ordered, keys, side="left")
        stops = np.searchsorted(ordered, keys, side="right")
        return {
            key: order[start:stop] for key, start, stop in zip(keys, starts, stops, strict=True)
        }

    @cached_property
    def _by_item(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows in the order of their items, and these items."""
        order = np.argsort(self._version.item_keys, kind="stable")
        return order.astype(np.int64, copy=False), self._version.item_keys[order]

    @cached_property
    def _category_ids(self) -> NDArray[np.int64]:
        """Return the category of each row, (rows,)."""
        parts = self._version.categories
        lengths = [part.stop - part.start for part in parts]
        return np.repeat(np.array([part.category_id for part in parts], np.int64), lengths)
