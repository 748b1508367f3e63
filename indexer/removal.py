"""Taking items and photos out of the catalogue, with all that only they were the reason for.

What goes leaves an entry in the change log, so that whoever follows it sees the loss: the key of an
item is never given out again. Cached embeddings stay: they are known by the picture, and the item
may come back.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer import upsert
from indexer.database import Database
from indexer.decisions import Decision
from indexer.labels import ITEM_ID

LAST_PHOTO = "its last catalogue photo was deleted"


@dataclass(frozen=True)
class Removed:
    """What was taken out.

    Attributes:
        item_ids: the items, in the order of their keys.
        photos: how many photos of all kinds.
        decisions: decisions of an audit that were about them, and are forgotten.
        left_without: items that lost their last catalogue photo and are rejected now.
    """

    item_ids: tuple[str, ...] = ()
    photos: int = 0
    decisions: tuple[Decision, ...] = ()
    left_without: tuple[str, ...] = ()

    def __add__(self, other: "Removed") -> "Removed":
        """Join what two transactions took out."""
        return Removed(
            self.item_ids + other.item_ids,
            self.photos + other.photos,
            self.decisions + other.decisions,
            self.left_without + other.left_without,
        )


class Removals(Database):
    """The part of the catalogue that takes out."""

    def delete_items(
        self, item_ids: Collection[str], *, unchanged_since: int | None = None
    ) -> Removed:
        """Take out items with all their photos, in one transaction; unknown ids are passed over.

        Args:
            item_ids: which.
            unchanged_since: a change sequence; items that were changed after it stay.
        """
        removed, paths = self.take_out_items(item_ids, unchanged_since=unchanged_since)
        self.delete_files(paths)
        return removed

    def take_out_items(
        self, item_ids: Collection[str], *, unchanged_since: int | None = None
    ) -> tuple[Removed, list[str]]:
        """Do the same, but leave the photos' files; return the photos' paths, too.

        Where this happens within a transaction, the files are to be deleted after it is committed:
        see `delete_files`.
        """
        with self.transaction() as connection:
            found = connection.execute(
                "SELECT item_key, item_id FROM items WHERE seq <= coalesce(?, seq) AND item_id IN "
                "(SELECT value FROM json_each(?)) ORDER BY item_key",
                (unchanged_since, json.dumps(list(item_ids))),
            ).fetchall()
            paths: list[str] = []
            decisions: list[Decision] = []
            for item in found:
                decisions += _forget(connection, item["item_id"])
                paths += _delete_item(connection, item["item_key"], item["item_id"])
        item_ids = tuple(item["item_id"] for item in found)
        return Removed(item_ids, len(paths), tuple(decisions)), paths

    def forget_decisions(self, item_ids: Collection[str]) -> tuple[Decision, ...]:
        """Forget the decisions about items that are to go, and those that moved photos to them."""
        with self.transaction() as connection:
            return tuple(one for item_id in item_ids for one in _forget(connection, item_id))

    def delete_photos(self, item_key: int, hashes: Collection[str]) -> Removed:
        """Take photos out of an item, in one transaction; unknown hashes are passed over.

        An item whose last catalogue photo goes is rejected from then on.

        Args:
            item_key: the item.
            hashes: the photos' content hashes.
        """
        with self.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM photos WHERE item_key = ? AND content_hash IN "
                "(SELECT value FROM json_each(?)) RETURNING path, split",
                (item_key, json.dumps(list(hashes))),
            ).fetchall()
            without = upsert.reject_without_photo(connection, item_key, LAST_PHOTO)
            # No index and no answer depends on a held-out photo.
            if any(photo["split"] == "train" for photo in gone):
                upsert.record_change(connection, item_key, "rejected" if without else "photos")
        paths = [photo["path"] for photo in gone]
        self.delete_files(paths)
        return Removed((), len(paths), (), without)

    def prune_deletions(self, up_to: int) -> int:
        """Forget deletions up to a change sequence, in one transaction; return how many.

        Who follows the changes from an earlier one finds out what is gone by itself, see
        `FilterQueries.changed_since`. The last entry of all stays: it tells the sequence.
        """
        with self.transaction() as connection:
            pruned = connection.execute(
                "DELETE FROM changes WHERE kind = 'deleted' AND seq <= ? "
                "AND seq < (SELECT max(seq) FROM changes)",
                (up_to,),
            ).rowcount
            if pruned:
                connection.execute("UPDATE pruned_changes SET up_to = max(up_to, ?)", (up_to,))
        return pruned

    def delete_files(self, paths: Sequence[str]) -> None:
        """Delete the files among these that the shop keeps itself and that no photo needs any more.

        Only after the photos are out for good, and while no other process can take them in.
        """
        kept = [path for path in dict.fromkeys(paths) if Path(path).parts[0] == "photos"]
        if not kept:
            return
        with self.transaction() as connection:
            for path in kept:
                needed = "SELECT 1 FROM photos WHERE path = ?"
                if connection.execute(needed, (path,)).fetchone() is None:
                    (self.root / path).unlink(missing_ok=True)


def _delete_item(connection: sqlite3.Connection, item_key: int, item_id: str) -> list[str]:
    """Take out an item and return the paths of its photos."""
    photos = connection.execute(
        "DELETE FROM photos WHERE item_key = ? RETURNING path", (item_key,)
    ).fetchall()
    upsert.record_change(connection, item_key, "deleted")
    connection.execute("DELETE FROM items WHERE item_key = ?", (item_key,))
    # Those of a manifest stand until its next import; nothing would ever take these away.
    connection.execute("DELETE FROM rejects WHERE source = 'build' AND item_id = ?", (item_id,))
    return [photo["path"] for photo in photos]


def _forget(connection: sqlite3.Connection, item_id: str) -> list[Decision]:
    """Forget the decisions about an item's photos, and those that moved photos to it."""
    rows = connection.execute(
        "DELETE FROM decisions WHERE item_id = ? "
        "OR (label_column = ? AND verdict = 'relabel' AND after = ?) RETURNING *",
        (item_id, ITEM_ID, json.dumps(item_id, ensure_ascii=False)),
    ).fetchall()
    return [Decision.of(row) for row in rows]
