"""The nearest rows of a selection, those of the version and those of the delta together.

However few rows a filter leaves, none of the nearest is missed: few are scored one by one; among
many, the search over all rows of their ranges goes wider until enough of what it finds counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.live_rows import LiveRows
from indexer.selection import Selection
from indexer.vector_index import RowRange, best_of, scores_of
from indexer.versions import IndexVersion

# Up to so many rows of a bitmap are scored one by one: about as long as the search over the ranges
# that hold them takes to start.
FEW_ROWS = 20_000
_WIDENING = 4


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
    delta = np.stack([scores_of(query, live.vectors, chosen.delta) for query in queries])
    some = np.tile(chosen.delta, (len(queries), 1))
    scores = np.concatenate([scores, delta], axis=1)
    keys = np.concatenate([keys, live.item_keys[some]], axis=1)
    photos = np.concatenate([photos, live.photo_keys[some]], axis=1)
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
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return scores and rows of the version, (n, k)."""
    if not chosen.count:
        return np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1)
    if chosen.mask is None:
        return version.index.search(queries, k, chosen.ranges)
    if chosen.count <= FEW_ROWS:
        return _scored(version, chosen, queries, k)
    return _searched_wider(version, chosen, chosen.mask, queries, k)


def _scored(
    version: IndexVersion, chosen: Selection, queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Score the chosen rows one by one."""
    assert chosen.mask is not None  # or the ranges are searched
    candidates = _rows(chosen.mask, chosen.ranges)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    for i, query in enumerate(queries):
        found = best_of(scores_of(query, version.vectors, candidates), candidates, k)
        scores[i, : len(found[0])], rows[i, : len(found[1])] = found
    return scores, rows


def _rows(mask: NDArray[np.bool_], ranges: Sequence[RowRange] | None) -> NDArray[np.int64]:
    spans = [(0, len(mask))] if ranges is None else ranges
    return np.concatenate([start + np.flatnonzero(mask[start:stop]) for start, stop in spans])


def _searched_wider(
    version: IndexVersion,
    chosen: Selection,
    mask: NDArray[np.bool_],
    queries: NDArray[np.float32],
    k: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Search the ranges that hold the chosen rows, wider until `k` of these are found."""
    spans = [(0, len(mask))] if chosen.ranges is None else chosen.ranges
    total = sum(stop - start for start, stop in spans)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    wanted = min(k, chosen.count)
    take = min(total, 16 + 2 * wanted * total // chosen.count)
    pending = np.arange(len(queries))
    while len(pending):
        told, found = version.index.search(queries[pending], take, chosen.ranges)
        short = []
        for i, line, places in zip(pending.tolist(), told, found, strict=True):
            kept = np.flatnonzero((places >= 0) & mask[np.maximum(places, 0)])[:k]
            scores[i, : len(kept)], rows[i, : len(kept)] = line[kept], places[kept]
            if len(kept) < wanted and take < total:
                short.append(i)
        pending = np.array(short, np.int64)
        take = min(total, _WIDENING * take)
    return scores, rows
