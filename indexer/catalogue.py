"""The catalogue of a shop: items, their photos, what changed, what was rejected, embeddings."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from indexer import upsert
from indexer.decisions import Decisions
from indexer.embedding_cache import EmbeddingCache
from indexer.import_notes import ImportNotes, insert_rejects
from indexer.look_cache import LookCache
from indexer.records import (
    Counts,
    FurtherOutcome,
    Item,
    ItemRow,
    Photo,
    PhotoFile,
    PhotoRow,
    Reject,
    UpsertCounts,
)
from indexer.removal import Removals
from indexer.shown_photos import ShownPhotos
from indexer.text_queries import TextQueries
from indexer.view_queries import ViewQueries, is_view
from vsearch.taxonomy import CategoryPath

__all__ = [
    "Catalogue",
    "Counts",
    "FurtherOutcome",
    "Item",
    "ItemRow",
    "Photo",
    "PhotoFile",
    "PhotoRow",
    "Reject",
    "UpsertCounts",
]

_ITEM = "items.*, categories.path AS category"
_FROM_ITEMS = "FROM items LEFT JOIN categories USING (category_id)"
_ORDER = "ORDER BY items.category_id, items.item_key, photos.position, photos.photo_key"


class Catalogue(
    ImportNotes,
    Removals,
    EmbeddingCache,
    LookCache,
    Decisions,
    ViewQueries,
    TextQueries,
    ShownPhotos,
):
    """All that a shop knows of its items; safe to share between threads and processes."""

    def upsert_items(self, rows: Iterable[ItemRow], *, live: bool = False) -> UpsertCounts:
        """Insert or update items with all their catalogue photos, in one transaction.

        A row equal to what is stored changes nothing, not even the change sequence. A row with
        a `reason`, without category or without photos makes a rejected item, or leaves an item
        that is fine as it was.

        Args:
            rows: the items.
            live: they are told by themselves, not by a manifest that is to name all items.
        """
        with self.transaction() as connection:
            return upsert.write_items(connection, self.root, rows, live=live)

    def upsert_further(self, item_key: int, photo: PhotoRow) -> FurtherOutcome:
        """Insert or update a further labelled photo of an item.

        The same bytes keep one split in the whole shop: a val or test photo that is also a
        train or catalogue photo, or was listed under the other of the two, is refused; one that
        comes in for training stops being val or test (`released`).
        """
        with self.transaction() as connection:
            return upsert.write_further(connection, self.root, item_key, photo)

    def get_many(self, keys: Sequence[int]) -> dict[int, Item]:
        """Return the items of these keys; keys without an item are absent."""
        rows = self._rows(
            f"SELECT {_ITEM} {_FROM_ITEMS} WHERE item_key IN (SELECT value FROM json_each(?))",
            json.dumps([int(key) for key in keys]),
        )
        return {row["item_key"]: _item(row) for row in rows}

    def get(self, item_id: str) -> Item | None:
        """Return the item that the shop knows by this id."""
        row = self._row(f"SELECT {_ITEM} {_FROM_ITEMS} WHERE item_id = ?", item_id)
        return _item(row) if row else None

    def item_keys(self, item_ids: Collection[str]) -> dict[str, int]:
        """Return the keys of the items that exist among these ids."""
        rows = self._rows(
            "SELECT item_id, item_key FROM items WHERE item_id IN (SELECT value FROM json_each(?))",
            json.dumps(list(item_ids)),
        )
        return {row["item_id"]: row["item_key"] for row in rows}

    def items(self, state: Literal["ok", "rejected"] = "ok") -> Iterator[Item]:
        """Yield the items of a state, ordered by key."""
        for row in self._snapshot(
            f"SELECT {_ITEM} {_FROM_ITEMS} WHERE state = ? ORDER BY item_key", state
        ):
            yield _item(row)

    def photos_of(self, item_key: int) -> list[Photo]:
        """Return all photos of an item, catalogue photos first, in order."""
        rows = self._rows(
            "SELECT * FROM photos WHERE item_key = ? ORDER BY role, position, photo_key", item_key
        )
        return [self._photo(row) for row in rows]

    def photos(
        self, *, role: str | None = None, splits: Collection[str] | None = None
    ) -> Iterator[tuple[Item, Photo]]:
        """Yield photos of items in state ok, by (category_id, item_key, position, photo_key).

        Args:
            role: only "catalogue" or only "further" photos.
            splits: only photos of these splits.
        """
        return self._item_photos(
            "(?1 IS NULL OR role = ?1) "
            "AND (?2 IS NULL OR split IN (SELECT value FROM json_each(?2)))",
            role,
            None if splits is None else json.dumps(sorted(splits)),
        )

    def views(self, views: Literal["catalogue", "all"]) -> list[tuple[Item, Photo]]:
        """Return the photos that are indexed, in the order of `photos`.

        Catalogue photos, and with "all" further photos of split train as well.
        """
        return list(self._item_photos(is_view(views)))

    def _item_photos(self, condition: str, *values: object) -> Iterator[tuple[Item, Photo]]:
        item: Item | None = None
        for row in self._snapshot(
            f"SELECT {_ITEM}, photos.* {_FROM_ITEMS} JOIN photos USING (item_key) "
            f"WHERE state = 'ok' AND {condition} {_ORDER}",
            *values,
        ):
            if item is None or item.key != row["item_key"]:
                item = _item(row)
            yield item, self._photo(row)

    def photos_by_key(self, keys: Sequence[int]) -> dict[int, Photo]:
        """Return the photos of these keys; keys without a photo are absent."""
        rows = self._rows(
            "SELECT * FROM photos WHERE photo_key IN (SELECT value FROM json_each(?))",
            json.dumps([int(key) for key in keys]),
        )
        return {row["photo_key"]: self._photo(row) for row in rows}

    def seq(self) -> int:
        """Return the sequence number of the last change, 0 before any."""
        row = self._mark("SELECT coalesce(max(seq), 0) AS seq FROM changes")
        return int(row["seq"]) if row else 0

    def counts(
        self,
        index_seq: int,
        fingerprint: str = "",
        views: Literal["catalogue", "all"] = "catalogue",
    ) -> Counts:
        """Count items.

        An item that was changed since the index was built is found all the same once its views have
        embeddings; until then it waits, as far as the catalogue alone can tell (see
        `indexer.counting`).

        Args:
            index_seq: the change sequence of the current index, 0 without one.
            fingerprint: of the embedding that the index holds; empty without one.
            views: which photos are its views.
        """
        row = self._row(
            "SELECT count(*) AS items, coalesce(sum(state = 'rejected'), 0) AS rejected, "
            "coalesce(sum(state = 'ok' AND (seq <= ?1 OR (?2 != '' AND NOT EXISTS (SELECT 1 "
            "FROM photos LEFT JOIN embeddings ON embeddings.content_hash = photos.content_hash "
            "AND embedding_fingerprint = ?2 WHERE photos.item_key = items.item_key "
            f"AND {is_view(views)} AND embeddings.rowid IS NULL)))), 0) AS indexed FROM items",
            index_seq,
            fingerprint,
        )
        assert row is not None  # an aggregate always has one row
        items, indexed, rejected = row["items"], row["indexed"], row["rejected"]
        return Counts(items, indexed, items - indexed - rejected, rejected)

    def category_counts(self) -> dict[CategoryPath, int]:
        """Count the items in state ok whose primary path is exactly that."""
        rows = self._rows(
            "SELECT path, count(*) AS items FROM items JOIN categories USING (category_id) "
            "WHERE state = 'ok' GROUP BY path"
        )
        return {tuple(json.loads(row["path"])): row["items"] for row in rows}

    def reject_photo(self, photo_key: int, reason: str) -> None:
        """Take out a photo that the build found unusable, and list it among the rejects.

        Its item is rejected with it when no catalogue photo is left. Unknown keys are ignored:
        another process was faster.
        """
        with self.transaction() as connection:
            photo = connection.execute(
                "SELECT photos.*, item_id FROM photos JOIN items USING (item_key) "
                "WHERE photo_key = ?",
                (photo_key,),
            ).fetchone()
            if photo is None:
                return
            path = str(self.root / photo["path"])
            connection.execute("DELETE FROM photos WHERE photo_key = ?", (photo_key,))
            # Import shall look at the bytes again, even if size and time tell of no change.
            connection.execute("DELETE FROM photo_files WHERE path = ?", (photo["path"],))
            upsert.reject_without_photo(connection, photo["item_key"], reason)
            upsert.record_change(connection, photo["item_key"], "rejected")
            insert_rejects(
                connection, "build", [Reject("", 0, photo["item_id"], "photo", path, reason)]
            )

    def _photo(self, row: sqlite3.Row) -> Photo:
        return Photo(
            row["photo_key"],
            row["item_key"],
            row["content_hash"],
            self.root / row["path"],
            row["role"],
            row["split"],
            row["position"],
            row["width"],
            row["height"],
        )


def _item(row: sqlite3.Row) -> Item:
    return Item(
        row["item_key"],
        row["item_id"],
        row["title"],
        tuple(json.loads(row["category"] or "[]")),
        row["category_id"] or 0,
        tuple(tuple(path) for path in json.loads(row["further_paths"])),
        row["group_id"],
        json.loads(row["attributes"]),
        row["state"],
        row["reason"],
    )
