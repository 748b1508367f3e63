"""The nearest rows of a selection, those of the version and those of the delta together.

However few rows a filter leaves, none of the nearest is missed: a few are gathered and searched by
themselves; where many of a range count, the range is searched for some more than are asked for, and
what counts is gathered only if too few of these do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.device_choice import MaskedSearch
from indexer.faiss_index import FaissIndex
from indexer.live_rows import LiveRows
from indexer.selection import Selection
from indexer.vector_index import Nearest, RowRange, empty_nearest
from indexer.versions import IndexVersion

# A row that is gathered takes about as long as so many that are scanned where they lie: of a
# million rows of 256 numbers, 100,000 took 20 ms, and all of them 52 to 84 ms.
GATHERED_COST = 4
_BLOCK = 1 << 14  # rows gathered at a time: 16 MB of 256 numbers
_WIDENING = 16
_SPARE = 16  # rows searched for beyond those that nearly always suffice


@dataclass(frozen=True)
class NearestRows:
    """The nearest rows of n queries, best first; where there are fewer, -inf and -1 fill up.

    Equal scores are in the order of the version's rows, then of the delta's.

    Attributes:
        scores: shape (n, k), float32.
        item_keys: shape (n, k), int64.
        photo_keys: shape (n, k), int64.
    """

    scores: NDArray[np.float32]
    item_keys: NDArray[np.int64]
    photo_keys: NDArray[np.int64]


def nearest_rows(
    version: IndexVersion,
    live: LiveRows,
    chosen: Selection,
    queries: NDArray[np.float32],
    k: int,
) -> NearestRows:
    """Return the `k` nearest rows of every query among those that are chosen.

    Args:
        version: the rows.
        live: which of them count, and the delta.
        chosen: which may be found.
        queries: shape (n, dim), float32, unit length.
        k: at least 1.
    """
    scores, rows = _of_version(version, chosen, queries, k)
    keys = np.where(rows < 0, -1, _taken(version.item_keys, rows))
    photos = np.where(rows < 0, -1, _taken(version.photo_keys, rows))
    if not len(chosen.delta):
        return NearestRows(scores, keys, photos)
    delta, some = live.delta.search(queries, k, chosen.delta)
    scores = np.concatenate([scores, delta], axis=1)
    keys = np.concatenate([keys, np.where(some < 0, -1, live.delta.item_keys[some])], axis=1)
    photos = np.concatenate([photos, np.where(some < 0, -1, live.delta.photo_keys[some])], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return NearestRows(
        np.take_along_axis(scores, order, 1),
        np.take_along_axis(keys, order, 1),
        np.take_along_axis(photos, order, 1),
    )


def _taken(values: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return values[np.maximum(rows, 0)] if len(values) else np.full(rows.shape, -1)


def _of_version(
    version: IndexVersion, chosen: Selection, queries: NDArray[np.float32], k: int
) -> Nearest:
    """Return scores and rows of the version, (n, k)."""
    if not chosen.count:
        return empty_nearest(len(queries), k)
    if chosen.mask is None:
        return version.index.search(queries, k, chosen.ranges)
    spans = [(0, len(chosen.mask))] if chosen.ranges is None else chosen.ranges
    total = sum(stop - start for start, stop in spans)
    # Where most rows count, a plain search of some more costs no mask.
    masked = _masked(version, chosen, queries, k) if 2 * chosen.count < total else None
    if masked is not None:
        return masked
    if chosen.count * GATHERED_COST <= total:
        return _gathered(version.vectors, _rows(chosen.mask, spans), queries, k)
    return _searched_wider(version, chosen, chosen.mask, queries, k)


def _gathered(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], queries: NDArray[np.float32], k: int
) -> Nearest:
    """Search some rows alone, (m,) ascending."""
    scores, found = empty_nearest(len(queries), k)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        told, places = FaissIndex(vectors[block]).search(queries, k)
        scores = np.concatenate([scores, told], axis=1)
        found = np.concatenate([found, np.where(places < 0, -1, block[places])], axis=1)
        # Blocks ascend, so equal scores stay in the order of the rows.
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores = np.take_along_axis(scores, order, 1)
        found = np.take_along_axis(found, order, 1)
    return scores, found


def _rows(mask: NDArray[np.bool_], spans: Sequence[RowRange]) -> NDArray[np.int64]:
    return np.concatenate([start + np.flatnonzero(mask[start:stop]) for start, stop in spans])


def _searched_wider(
    version: IndexVersion,
    chosen: Selection,
    mask: NDArray[np.bool_],
    queries: NDArray[np.float32],
    k: int,
) -> Nearest:
    """Search the ranges that hold the chosen rows for as many as should have `k` chosen ones."""
    spans = [(0, len(mask))] if chosen.ranges is None else chosen.ranges
    total = sum(stop - start for start, stop in spans)
    wanted = min(k, chosen.count)
    take = _SPARE + 2 * wanted * total // chosen.count
    scores, rows = empty_nearest(len(queries), k)
    pending = np.arange(len(queries))
    for wide in (take, _WIDENING * take):
        told, found = version.index.search(queries[pending], min(wide, total), chosen.ranges)
        short = []
        for i, line, places in zip(pending.tolist(), told, found, strict=True):
            kept = np.flatnonzero((places >= 0) & mask[np.maximum(places, 0)])[:k]
            scores[i, : len(kept)], rows[i, : len(kept)] = line[kept], places[kept]
            if len(kept) < wanted:
                short.append(i)
        pending = np.array(short, np.int64)
        if not short:
            return scores, rows
    # What lies near does not count, and nobody knows how much further to look.
    left = _masked(version, chosen, queries[pending], k)
    if left is None:
        left = _gathered(version.vectors, _rows(mask, spans), queries[pending], k)
    scores[pending], rows[pending] = left
    return scores, rows


def _masked(
    version: IndexVersion, chosen: Selection, queries: NDArray[np.float32], k: int
) -> Nearest | None:
    """Return what an index finds that searches under a mask by itself, None where none does."""
    if chosen.mask is None or not isinstance(version.index, MaskedSearch):
        return None
    return version.index.search_masked(queries, k, chosen.ranges, chosen.mask, chosen.count)
