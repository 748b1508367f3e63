"""Whether an index version and the catalogue agree, recomputed without what answers searches.

Each row is compared with the photo and the item that it was made of; for each item it is counted
which of its views are rows, which the catalogue holds beside them, and which wait for an embedding.
"""

import sqlite3
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.versions import IndexVersion
from indexer.view_queries import is_view

_VIEW = np.dtype(
    [
        ("photo", "i8"),
        ("item", "i8"),
        ("category", "i8"),
        ("seq", "i8"),
        ("embedded", "?"),
        ("hash", "u1", 32),
    ]
)


@dataclass(frozen=True)
class RowCheck:
    """What the comparison has found.

    Attributes:
        alive: shape (rows,), bool: rows that are views of the catalogue still.
        explained: dead rows whose item was changed, or deleted, since the version was built.
        unexplained: dead rows that nothing explains.
        found: items in state ok all of whose views are rows, or have an embedding beside them.
        waiting: items that were changed since, with views that have no embedding.
        lost: items that the version should hold and does not; item keys.
    """

    alive: NDArray[np.bool_]
    explained: int
    unexplained: NDArray[np.int64]
    found: int
    waiting: int
    lost: NDArray[np.int64]


def check_rows(connection: sqlite3.Connection, version: IndexVersion) -> RowCheck:
    """Compare the rows of a version with the catalogue.

    Args:
        connection: to the catalogue, at one moment; not older than the version.
        version: the version.
    """
    views = _views(connection, version)
    place = np.searchsorted(views["photo"], version.photo_keys)
    place = np.minimum(place, max(0, len(views) - 1))
    alive = np.zeros(version.manifest.rows, np.bool_)
    if len(views):
        there = views[place]
        alive = (there["photo"] == version.photo_keys) & (there["item"] == version.item_keys)
        alive &= (there["hash"] == version.photo_hashes).all(axis=1)
        alive &= there["category"] == _categories(version)
    changed = _changed(connection, version.manifest.sequence)
    dead = ~alive
    explained = dead & np.isin(version.item_keys, changed)
    in_row = np.zeros(len(views), np.bool_)
    in_row[place[alive]] = True
    return RowCheck(
        alive,
        int(np.count_nonzero(explained)),
        np.flatnonzero(dead & ~explained),
        *_by_item(views, in_row, changed),
    )


def _views(connection: sqlite3.Connection, version: IndexVersion) -> NDArray[np.void]:
    """Return the views that the catalogue has now, by photo key."""
    rows = connection.execute(
        "SELECT photo_key, item_key, category_id, seq, EXISTS (SELECT 1 FROM embeddings "
        "WHERE embedding_fingerprint = ? AND embeddings.content_hash = photos.content_hash), "
        "photos.content_hash FROM photos JOIN items USING (item_key) "
        f"WHERE state = 'ok' AND {is_view(version.manifest.views)} ORDER BY photo_key",
        (version.embedding_fingerprint,),
    )
    return np.fromiter(map(_view, rows), _VIEW)


def _view(row: sqlite3.Row) -> tuple[object, ...]:
    *keys, content = row
    return (*keys, np.frombuffer(bytes.fromhex(content), np.uint8))


def _categories(version: IndexVersion) -> NDArray[np.int64]:
    """Return the category of each row, (rows,)."""
    numbers = np.array([part.category_id for part in version.categories], np.int64)
    return np.repeat(numbers, [part.stop - part.start for part in version.categories])


def _changed(connection: sqlite3.Connection, sequence: int) -> NDArray[np.int64]:
    """Return the items that were changed after a sequence number, deleted ones among them."""
    rows = connection.execute("SELECT DISTINCT item_key FROM changes WHERE seq > ?", (sequence,))
    return np.fromiter((key for (key,) in rows), np.int64)


def _by_item(
    views: NDArray[np.void], in_row: NDArray[np.bool_], changed: NDArray[np.int64]
) -> tuple[int, int, NDArray[np.int64]]:
    """Return how many items are found, how many wait, and the keys of those that are lost."""
    keys, item = np.unique(views["item"], return_inverse=True)
    without_row = np.bincount(item, ~in_row, len(keys)) > 0
    without_embedding = np.bincount(item, ~in_row & ~views["embedded"], len(keys)) > 0
    moved = np.isin(keys, changed)
    lost = without_row & ~moved
    waiting = without_embedding & moved
    found = len(keys) - np.count_nonzero(lost) - np.count_nonzero(waiting)
    return int(found), int(np.count_nonzero(waiting)), keys[lost]
