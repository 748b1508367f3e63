"""What imports remember from one to the next: rejects, photos already checked, attribute types."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import cast

from indexer import upsert
from indexer.attributes import Type, widen
from indexer.database import Database
from indexer.records import PhotoFile, Reject, Source, Value


class ImportNotes(Database):
    """The part of the catalogue that only imports and `status` need."""

    def replace_rejects(self, source: Source, manifest: str, rejects: Sequence[Reject]) -> None:
        """Let these be all the rejects of a manifest."""
        with self.transaction() as connection:
            connection.execute(
                "DELETE FROM rejects WHERE source = ? AND manifest = ?", (source, manifest)
            )
            insert_rejects(connection, source, rejects)

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

    def item_ids(self, *, live: bool | None = None) -> Iterator[str]:
        """Yield the ids of items, whatever their state, as they were when the reading began.

        Args:
            live: only those that no manifest has ever named, or only the others; None: all.
        """
        for row in self._snapshot(
            "SELECT item_id FROM items WHERE ?1 IS NULL "
            "OR ?1 = (item_key IN (SELECT item_key FROM live_items)) ORDER BY item_key",
            live,
        ):
            yield row["item_id"]

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
    ) -> dict[str, str]:
        """Let attributes hold values of these types; items that hold a narrower one are converted.

        A type only ever widens, whichever process has told another one meanwhile.

        Args:
            types: type by name of attribute.
            convert: turns a value into one of the given type.

        Returns:
            The type that every attribute has now.
        """
        with self.transaction() as connection:
            known = self.attribute_types()
            wider = {name: _wider(known.get(name), kind) for name, kind in types.items()}
            changed = {name: kind for name, kind in wider.items() if known.get(name) != kind}
            connection.executemany(
                "INSERT OR REPLACE INTO attribute_types VALUES (?, ?)", changed.items()
            )
            if changed.keys() & known.keys():
                _convert_attributes(connection, changed, convert)
        return known | changed

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


def insert_rejects(
    connection: sqlite3.Connection, source: Source, rejects: Sequence[Reject]
) -> None:
    """Add to the list of what was not taken in."""
    at = upsert.now()
    connection.executemany(
        "INSERT INTO rejects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(source, r.manifest, r.row, r.item_id, r.field, r.value, r.reason, at) for r in rejects],
    )


def _wider(known: str | None, kind: str) -> str:
    return widen(cast("Type | None", known), cast("Type", kind)) or kind


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
