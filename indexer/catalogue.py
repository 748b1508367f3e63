"""The catalogue of a shop: items, their photos, what changed, what was rejected, embeddings."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer import upsert
from indexer.database import Database
from indexer.records import (
    Counts,
    FurtherOutcome,
    Item,
    ItemRow,
    Photo,
    PhotoFile,
    PhotoRow,
    Reject,
    Source,
    UpsertCounts,
    Value,
)
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


class Catalogue(Database):
    """All that a shop knows of its items; safe to share between threads and processes."""

    def upsert_items(self, rows: Iterable[ItemRow]) -> UpsertCounts:
        """Insert or update items with all their catalogue photos, in one transaction.

        A row equal to what is stored changes nothing, not even the change sequence. A row with
        a `reason`, without category or without photos makes a rejected item, or leaves an item
        that is fine as it was.
        """
        with self.transaction() as connection:
            return upsert.write_items(connection, self.root, rows)

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
        condition = "split = 'train'" if views == "all" else "role = 'catalogue'"
        return list(self._item_photos(condition))

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
        row = self._row("SELECT coalesce(max(seq), 0) AS seq FROM changes")
        return int(row["seq"]) if row else 0

    def counts(self, index_seq: int) -> Counts:
        """Count items; `index_seq` is the change sequence of the current index, 0 without one."""
        row = self._row(
            "SELECT count(*) AS items, coalesce(sum(state = 'rejected'), 0) AS rejected, "
            "coalesce(sum(state = 'ok' AND seq <= ?), 0) AS indexed FROM items",
            index_seq,
        )
        assert row is not None  # an aggregate always has one row
        items, indexed, rejected = row["items"], row["indexed"], row["rejected"]
        return Counts(items, indexed, items - indexed - rejected, rejected)

    def categories(self) -> dict[int, CategoryPath]:
        """Return every category that was ever used, by its stable number."""
        rows = self._rows("SELECT category_id, path FROM categories")
        return {row["category_id"]: tuple(json.loads(row["path"])) for row in rows}

    def category_counts(self) -> dict[CategoryPath, int]:
        """Count the items in state ok whose primary path is exactly that."""
        rows = self._rows(
            "SELECT path, count(*) AS items FROM items JOIN categories USING (category_id) "
            "WHERE state = 'ok' GROUP BY category_id"
        )
        return {tuple(json.loads(row["path"])): row["items"] for row in rows}

    def embeddings(self, fingerprint: str, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the cached embeddings of these photos, float32 of shape (dim,), where known."""
        rows = self._rows(
            "SELECT content_hash, vector FROM embeddings WHERE embedding_fingerprint = ? "
            "AND content_hash IN (SELECT value FROM json_each(?))",
            fingerprint,
            json.dumps(list(hashes)),
        )
        return {row["content_hash"]: np.frombuffer(row["vector"], dtype="<f4") for row in rows}

    def missing_embeddings(self, fingerprint: str, hashes: Sequence[str]) -> list[str]:
        """Return the distinct hashes that have no cached embedding, in the order given."""
        rows = self._rows(
            "SELECT content_hash FROM embeddings WHERE embedding_fingerprint = ? "
            "AND content_hash IN (SELECT value FROM json_each(?))",
            fingerprint,
            json.dumps(list(hashes)),
        )
        known = {row["content_hash"] for row in rows}
        return [content_hash for content_hash in dict.fromkeys(hashes) if content_hash not in known]

    def put_embeddings(
        self, fingerprint: str, rows: Sequence[tuple[str, NDArray[np.float32]]]
    ) -> None:
        """Cache embeddings by content hash, in one short transaction."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                [(fingerprint, key, vector.astype("<f4").tobytes()) for key, vector in rows],
            )

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
            _reject_item_without_photo(connection, photo["item_key"], reason)
            upsert.record_change(connection, photo["item_key"], "rejected")
            _insert_rejects(
                connection, "build", [Reject("", 0, photo["item_id"], "photo", path, reason)]
            )

    def replace_rejects(self, source: Source, manifest: str, rejects: Sequence[Reject]) -> None:
        """Let these be all the rejects of a manifest."""
        with self.transaction() as connection:
            connection.execute(
                "DELETE FROM rejects WHERE source = ? AND manifest = ?", (source, manifest)
            )
            _insert_rejects(connection, source, rejects)

    def forgive(self, rows: Iterable[tuple[str, str]]) -> None:
        """Drop the build's rejects of (item_id, absolute path): the photo is fine again."""
        with self.transaction() as connection:
            connection.executemany(
                "DELETE FROM rejects WHERE source = 'build' AND item_id = ? AND value = ?", rows
            )

    def rejects(self, limit: int | None = None) -> list[Reject]:
        """Return what was not taken in, by manifest and row."""
        rows = self._rows(
            "SELECT * FROM rejects ORDER BY manifest, source, row, rowid LIMIT ?",
            -1 if limit is None else limit,
        )
        return [
            Reject(
                *(row[name] for name in ("manifest", "row", "item_id", "field", "value", "reason"))
            )
            for row in rows
        ]

    def reject_count(self) -> int:
        """Count what `rejects` lists."""
        row = self._row("SELECT count(*) AS number FROM rejects")
        return int(row["number"]) if row else 0

    def photo_files(self, sources: Collection[str]) -> dict[str, PhotoFile]:
        """Return what an earlier import found out about these paths and URLs."""
        rows = self._rows(
            "SELECT * FROM photo_files WHERE source IN (SELECT value FROM json_each(?))",
            json.dumps(list(sources)),
        )
        return {row["source"]: self._photo_file(row) for row in rows}

    def put_photo_files(self, files: Iterable[PhotoFile]) -> None:
        """Remember what is known about photos on disk."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO photo_files VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        file.source,
                        upsert.stored_path(self.root, file.path),
                        file.size,
                        file.mtime_ns,
                        file.content_hash,
                        file.width,
                        file.height,
                    )
                    for file in files
                ],
            )

    def attribute_types(self) -> dict[str, str]:
        """Return the type of every attribute: bool, int, float or text."""
        return {row["name"]: row["type"] for row in self._rows("SELECT * FROM attribute_types")}

    def set_attribute_types(
        self, types: Mapping[str, str], convert: Callable[[Value, str], Value]
    ) -> None:
        """Fix the types of attributes; items that hold another type are converted.

        Args:
            types: type by name of attribute.
            convert: turns a value into one of the given type.
        """
        known = self.attribute_types()
        changed = {name: kind for name, kind in types.items() if known.get(name) != kind}
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO attribute_types VALUES (?, ?)", changed.items()
            )
            if changed.keys() & known.keys():
                _convert_attributes(connection, changed, convert)

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

    def _photo_file(self, row: sqlite3.Row) -> PhotoFile:
        return PhotoFile(
            row["source"],
            self.root / row["path"],
            row["size"],
            row["mtime_ns"],
            row["content_hash"],
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


def _reject_item_without_photo(connection: sqlite3.Connection, item_key: int, reason: str) -> None:
    connection.execute(
        "UPDATE items SET state = 'rejected', reason = ? WHERE item_key = ? AND NOT EXISTS "
        "(SELECT 1 FROM photos WHERE photos.item_key = items.item_key AND role = 'catalogue')",
        (reason, item_key),
    )


def _insert_rejects(
    connection: sqlite3.Connection, source: Source, rejects: Sequence[Reject]
) -> None:
    at = upsert.now()
    connection.executemany(
        "INSERT INTO rejects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(source, r.manifest, r.row, r.item_id, r.field, r.value, r.reason, at) for r in rejects],
    )


def _convert_attributes(
    connection: sqlite3.Connection,
    types: Mapping[str, str],
    convert: Callable[[Value, str], Value],
) -> None:
    for row in connection.execute("SELECT item_key, attributes FROM items").fetchall():
        before: dict[str, Value] = json.loads(row["attributes"])
        after = {
            name: convert(value, types[name]) if name in types else value
            for name, value in before.items()
        }
        text = json.dumps(after, ensure_ascii=False, sort_keys=True)
        if text != row["attributes"]:
            connection.execute(
                "UPDATE items SET attributes = ? WHERE item_key = ?", (text, row["item_key"])
            )
            upsert.record_change(connection, row["item_key"], "changed")
