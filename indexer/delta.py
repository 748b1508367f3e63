"""The delta: views that an index version has not, kept so that a change costs what it changes.

Rows are appended to one array, those that count no longer are masked. When the array is full, what
counts is copied to a new one, twice as large, in the order of the items: at most two rows are
copied for each that is added, on average. Nothing that was given out is ever written again: a
search goes on in what it has while the next change is taken in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.faiss_index import FaissIndex
from indexer.vector_index import Nearest, empty_nearest

_SPARE = 16  # rows searched for beyond those that nearly always suffice
_GATHERED_COST = 4  # see `nearest_rows`
_FEWEST = 256  # rows that there is room for at first


@dataclass(frozen=True)
class DeltaView:
    """A view that the version has not: its photo, and its embedding (dim,) float32."""

    photo_key: int
    vector: NDArray[np.float32]


@dataclass(frozen=True)
class Delta:
    """The delta at one moment.

    Rows that count no longer stand between the others; `places` are those that do. The rows of one
    item lie together, in the order of its photos.

    Attributes:
        vectors: shape (rows, dim), float32, unit length.
        item_keys: shape (rows,), int64.
        photo_keys: shape (rows,), int64.
        alive: shape (rows,), bool: the rows that count.
    """

    vectors: NDArray[np.float32]
    item_keys: NDArray[np.int64]
    photo_keys: NDArray[np.int64]
    alive: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The rows that count, ascending."""
        return np.flatnonzero(self.alive).astype(np.int64, copy=False)

    @cached_property
    def _index(self) -> FaissIndex:
        return FaissIndex(self.vectors)

    def search(
        self, queries: NDArray[np.float32], k: int, places: NDArray[np.int64] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query, exactly.

        Args:
            queries: shape (n, dim), float32, unit length.
            k: at least 1.
            places: only these rows, ascending, all of which count; None: all that count.

        Returns:
            Scores (n, k) float32, descending, and rows (n, k); equal scores in the order of items
            and their photos, -inf and -1 where there are fewer.
        """
        chosen = self.places if places is None else places
        nearest = empty_nearest(len(queries), k)
        pending = np.arange(len(queries)) if len(chosen) else np.arange(0)
        if len(chosen) * _GATHERED_COST > len(self.vectors):
            pending = self._scanned(queries, k, chosen, nearest)
        if len(pending):
            # In the order of ties, which FAISS leaves as it is.
            ordered = chosen[np.lexsort((chosen, self.item_keys[chosen]))]
            scores, found = FaissIndex(self.vectors[ordered]).search(queries[pending], k)
            nearest[0][pending] = scores
            nearest[1][pending] = np.where(found < 0, -1, ordered[found])
        return nearest

    def _scanned(
        self,
        queries: NDArray[np.float32],
        k: int,
        chosen: NDArray[np.int64],
        nearest: Nearest,
    ) -> NDArray[np.int64]:
        """Search all rows for somewhat more than are asked for; return the queries left over.

        Those are queries with too few rows among them that are chosen, or with rows further on that
        might be as near as the last one.
        """
        counts = np.zeros(len(self.vectors), np.bool_)
        counts[chosen] = True
        wanted, total = min(k, len(chosen)), len(self.vectors)
        take = min(total, _SPARE + wanted + 2 * wanted * (total - len(chosen)) // len(chosen))
        scores, rows = self._index.search(queries, take)
        left = []
        for i, (line, found) in enumerate(zip(scores, rows, strict=True)):
            kept = np.flatnonzero(counts[found])
            order = np.lexsort((found[kept], self.item_keys[found[kept]], -line[kept]))
            best = kept[order[:wanted]]
            # The last of all rows that were taken is no better than any that were not.
            if take < total and (len(best) < wanted or line[best[-1]] <= line[-1]):
                left.append(i)
                continue
            nearest[0][i, :wanted], nearest[1][i, :wanted] = line[best], found[best]
        return np.array(left, np.int64)


class GrowingDelta:
    """The delta as it grows; one thread at a time changes it.

    Args:
        dim: the length of a vector.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._rows: dict[int, range] = {}  # of each item
        self._used = 0
        self._make_room(_FEWEST)

    def put(self, views: Iterable[tuple[int, Sequence[DeltaView]]]) -> None:
        """Let items have these views in place of those that they had.

        Args:
            views: pairs of an item's key and its views, in the order of its photos; none: no more.
        """
        for key, own in views:
            before = self._rows.pop(key, range(0))
            self._alive[before.start : before.stop] = False
            if not own:
                continue
            if self._used + len(own) > len(self._alive):
                self._restack(more=len(own))
            rows = range(self._used, self._used + len(own))
            self._vectors[rows.start : rows.stop] = [view.vector for view in own]
            self._photo_keys[rows.start : rows.stop] = [view.photo_key for view in own]
            self._item_keys[rows.start : rows.stop] = key
            self._alive[rows.start : rows.stop] = True
            self._rows[key] = rows
            self._used = rows.stop

    def now(self) -> Delta:
        """Return the delta as it is."""
        used = self._used
        # What was given out keeps its own marks; its other rows are never written again.
        return Delta(
            self._vectors[:used],
            self._item_keys[:used],
            self._photo_keys[:used],
            self._alive[:used].copy(),
        )

    def _restack(self, more: int) -> None:
        """Copy what counts to new arrays with room for as much again."""
        before = Delta(self._vectors, self._item_keys, self._photo_keys, self._alive)
        kept = before.places[np.argsort(before.item_keys[before.places], kind="stable")]
        self._make_room(max(_FEWEST, 2 * (len(kept) + more)))
        self._used = len(kept)
        self._vectors[: self._used] = before.vectors[kept]
        self._item_keys[: self._used] = before.item_keys[kept]
        self._photo_keys[: self._used] = before.photo_keys[kept]
        self._alive[: self._used] = True
        keys, starts = np.unique(before.item_keys[kept], return_index=True)
        stops = np.append(starts, len(kept))[1:]
        self._rows = {
            key: range(start, stop)
            for key, start, stop in zip(keys.tolist(), starts.tolist(), stops.tolist(), strict=True)
        }

    def _make_room(self, rows: int) -> None:
        self._vectors = np.zeros((rows, self._dim), np.float32)
        self._item_keys = np.zeros(rows, np.int64)
        self._photo_keys = np.zeros(rows, np.int64)
        self._alive = np.zeros(rows, np.bool_)
