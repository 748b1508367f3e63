"""Changing single photos and values of the catalogue as a person has decided, and the record of it.

Every function works inside a transaction that its caller holds.
"""

import json
import sqlite3

from indexer import upsert
from indexer.decisions import Decision, LabelValue
from indexer.labels import CATEGORY, ITEM_ID
from indexer.records import Item

_SAME_KEY = "content_hash = ? AND item_id = ? AND subject = ? AND label_column = ?"


def find_photo(
    connection: sqlite3.Connection, item_key: int, content_hash: str
) -> sqlite3.Row | None:
    """Return the train or val photo of these bytes that an item has; no test photo is touched."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM photos WHERE item_key = ? AND content_hash = ? AND split != 'test'",
        (item_key, content_hash),
    ).fetchone()
    return row


def is_only_catalogue_photo(connection: sqlite3.Connection, photo: sqlite3.Row) -> bool:
    """Say whether the item would have no catalogue photo without this one."""
    (photos,) = connection.execute(
        "SELECT count(*) FROM photos WHERE item_key = ? AND role = 'catalogue'",
        (photo["item_key"],),
    ).fetchone()
    return bool(photo["role"] == "catalogue" and photos == 1)


def drop_photo(connection: sqlite3.Connection, photo: sqlite3.Row) -> None:
    """Take a photo away from its item."""
    connection.execute("DELETE FROM photos WHERE photo_key = ?", (photo["photo_key"],))
    _changed(connection, photo, photo["item_key"])


def move_photo(connection: sqlite3.Connection, photo: sqlite3.Row, target: int) -> None:
    """Give a photo to another item that does not have it, as the last of its kind there."""
    (last,) = connection.execute(
        "SELECT coalesce(max(position), -1) FROM photos WHERE item_key = ? AND role = ?",
        (target, photo["role"]),
    ).fetchone()
    position = last + 1 if photo["role"] == "catalogue" else photo["position"]
    connection.execute(
        "UPDATE photos SET item_key = ?, position = ? WHERE photo_key = ?",
        (target, position, photo["photo_key"]),
    )
    _changed(connection, photo, photo["item_key"])
    _changed(connection, photo, target)


def set_value(connection: sqlite3.Connection, item: Item, column: str, value: LabelValue) -> None:
    """Change the category or an attribute of an item."""
    stored: int | str | None
    if column == CATEGORY and isinstance(value, tuple):
        name, stored = "category_id", upsert.category_id(connection, value)
    else:
        attributes = {**item.attributes, column: value}
        name = "attributes"
        stored = json.dumps(attributes, ensure_ascii=False, sort_keys=True)
    connection.execute(f"UPDATE items SET {name} = ? WHERE item_key = ?", (stored, item.key))
    upsert.record_change(connection, item.key, "changed")


def save(connection: sqlite3.Connection, decision: Decision) -> bool:
    """Remember a decision; return whether it is a new one."""
    if recorded(connection, decision) == decision:
        return False
    connection.execute(
        "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        decision.to_row(upsert.now()),
    )
    return True


def recorded(connection: sqlite3.Connection, decision: Decision) -> Decision | None:
    """Return what is remembered about the same photo, item, subject and column."""
    key = (decision.content_hash, decision.item_id, decision.subject, decision.column)
    row = connection.execute(f"SELECT * FROM decisions WHERE {_SAME_KEY}", key).fetchone()
    return None if row is None else Decision.of(row)


def redirect(
    connection: sqlite3.Connection, content_hash: str, source: str, target: str | None
) -> tuple[bool, bool]:
    """Let earlier moves of a photo end where it goes now.

    Args:
        connection: in a transaction.
        content_hash: of the photo.
        source: the item that it leaves.
        target: the item that it goes to; None: it is used no more.

    Returns:
        Whether an earlier move had brought it to the item that it leaves, so that the manifest
        does not list it there; and whether one had taken it from the item that it goes to.
    """
    verdict, after = ("drop", None) if target is None else ("relabel", _json(target))
    brought = connection.execute(
        "UPDATE decisions SET verdict = ?, after = ? WHERE content_hash = ? "
        "AND label_column = ? AND subject = 'label' AND verdict = 'relabel' AND after = ?",
        (verdict, after, content_hash, ITEM_ID, _json(source)),
    )
    returned = connection.execute(
        "DELETE FROM decisions WHERE content_hash = ? AND item_id = ? AND label_column = ? "
        "AND subject = 'label' AND verdict != 'accept'",
        (content_hash, target, ITEM_ID),
    )
    return brought.rowcount > 0, returned.rowcount > 0


def first_value(
    connection: sqlite3.Connection, item: Item, column: str, value: LabelValue
) -> LabelValue:
    """Return what the manifest says of an item's value, and forget earlier decisions about it."""
    rows = connection.execute(
        "DELETE FROM decisions WHERE item_id = ? AND label_column = ? AND subject = 'label' "
        "AND verdict = 'relabel' RETURNING *",
        (item.item_id, column),
    ).fetchall()
    return Decision.of(rows[0]).before if rows else value


def _changed(connection: sqlite3.Connection, photo: sqlite3.Row, item_key: int) -> None:
    # No index and no answer depends on a held-out photo: the change log need not move.
    if photo["split"] == "train":
        upsert.record_change(connection, item_key, "photos")


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
