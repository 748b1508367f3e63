"""Writing items and photos into the catalogue so that writing the same again changes nothing.

Every function works inside a transaction that its caller holds. An item's `seq` moves exactly
when something changed that an index or an answer depends on.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from indexer.records import FurtherOutcome, HeldOut, ItemRow, PhotoRow, UpsertCounts
from vsearch.taxonomy import CategoryPath

Outcome = Literal["added", "changed", "unchanged", "rejected", "kept"]


def now() -> str:
    """Return the time of a change: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def record_change(connection: sqlite3.Connection, item_key: int, kind: str) -> None:
    """Append to the change log and move the item's sequence number.

    The item's entry before it goes: whoever has not seen that one sees this one. So the log never
    has more entries than there were items, however often they change.
    """
    cursor = connection.execute(
        "INSERT INTO changes (item_key, kind, at) VALUES (?, ?, ?)", (item_key, kind, now())
    )
    connection.execute(
        "DELETE FROM changes WHERE seq = (SELECT seq FROM items WHERE item_key = ?)", (item_key,)
    )
    connection.execute("UPDATE items SET seq = ? WHERE item_key = ?", (cursor.lastrowid, item_key))


def category_id(
    connection: sqlite3.Connection, path: CategoryPath, before: int | None = None
) -> int | None:
    """Return the stable number of a category, given out at its first use; None for ().

    Categories that were merged have several numbers: an item keeps the one that it has, others get
    one that was of the category before, so that a merger can be undone.

    Args:
        connection: in a transaction.
        path: the category's.
        before: the number of the item's category so far.
    """
    if not path:
        return None
    text = json.dumps(path, ensure_ascii=False)
    found = connection.execute(
        "SELECT category_id FROM categories WHERE path = ? ORDER BY category_id IS NOT ?, "
        "category_id IN (SELECT category_id FROM edited_categories JOIN category_edits "
        "USING (edit_id) WHERE kind IN ('merge', 'retire')), category_id",
        (text, before),
    ).fetchone()
    if found is None:
        cursor = connection.execute("INSERT INTO categories (path) VALUES (?)", (text,))
        return int(cursor.lastrowid or 0)
    return int(found[0])


def write_items(
    connection: sqlite3.Connection, root: Path, rows: Iterable[ItemRow], *, live: bool = False
) -> UpsertCounts:
    """Insert or update items with all their catalogue photos; see `Catalogue.upsert_items`."""
    tally: dict[Outcome, int] = dict.fromkeys(("added", "changed", "unchanged", "rejected"), 0)
    kept: list[str] = []
    photos_added = 0
    released: list[HeldOut] = []
    for row in rows:
        outcome, added, freed = _write_item(connection, root, row)
        _note_origin(connection, row.item_id, outcome, live=live)
        if outcome == "kept":
            kept.append(row.item_id)
        else:
            tally[outcome] += 1
        photos_added += added
        released += freed
    return UpsertCounts(
        **tally, kept=tuple(kept), photos_added=photos_added, released=tuple(released)
    )


def _note_origin(
    connection: sqlite3.Connection, item_id: str, outcome: Outcome, *, live: bool
) -> None:
    """Note that an item came in by itself, until a manifest names it."""
    item = "SELECT item_key FROM items WHERE item_id = ?"
    if not live:
        connection.execute(f"DELETE FROM live_items WHERE item_key = ({item})", (item_id,))
    elif outcome == "added":
        connection.execute(f"INSERT INTO live_items {item}", (item_id,))


def _write_item(
    connection: sqlite3.Connection, root: Path, row: ItemRow
) -> tuple[Outcome, int, list[HeldOut]]:
    before = connection.execute("SELECT * FROM items WHERE item_id = ?", (row.item_id,)).fetchone()
    reason = row.reason or _lack(row)
    if before and before["state"] == "ok" and reason:
        return "kept", 0, []
    number = category_id(connection, row.category, before and before["category_id"])
    values = _columns(row, reason, number)
    if before is None:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        cursor = connection.execute(
            f"INSERT INTO items ({names}, seq) VALUES ({marks}, 0)", tuple(values.values())
        )
        item_key = int(cursor.lastrowid or 0)
    else:
        item_key = before["item_key"]
    changed = before is not None and any(before[name] != value for name, value in values.items())
    if changed:
        assignments = ", ".join(f"{name} = ?" for name in values)
        connection.execute(
            f"UPDATE items SET {assignments} WHERE item_key = ?", (*values.values(), item_key)
        )
    photos = () if reason else row.photos
    added, moved, released = _write_photos(connection, root, item_key, photos)
    if before is None or changed or moved:
        record_change(connection, item_key, "changed" if before else "added")
    if reason:
        return "rejected", 0, []
    outcome: Outcome = "added" if before is None else "changed" if changed or moved else "unchanged"
    return outcome, added, released


def _lack(row: ItemRow) -> str | None:
    if not row.category:
        return "it has no category"
    return None if row.photos else "it has no usable catalogue photo"


def _columns(row: ItemRow, reason: str | None, category: int | None) -> dict[str, str | int | None]:
    return {
        "item_id": row.item_id,
        "title": row.title,
        "category_id": category,
        "further_paths": json.dumps(row.further_paths, ensure_ascii=False),
        "group_id": row.group_id,
        "attributes": json.dumps(dict(row.attributes), ensure_ascii=False, sort_keys=True),
        "state": "rejected" if reason else "ok",
        "reason": reason,
    }


def _write_photos(
    connection: sqlite3.Connection, root: Path, item_key: int, photos: Sequence[PhotoRow]
) -> tuple[int, bool, list[HeldOut]]:
    """Make `photos` the item's catalogue photos; return photos added, any change, photos freed."""
    wanted: dict[str, PhotoRow] = {}
    for photo in photos:
        wanted.setdefault(photo.content_hash, photo)
    known = connection.execute(
        "SELECT * FROM photos WHERE item_key = ? AND role = 'catalogue'", (item_key,)
    ).fetchall()
    gone = [(row["photo_key"],) for row in known if row["content_hash"] not in wanted]
    connection.executemany("DELETE FROM photos WHERE photo_key = ?", gone)
    added, moved = 0, bool(gone)
    released: list[HeldOut] = []
    for photo in wanted.values():
        released += _release(connection, root, photo.content_hash, item_key)
        outcome = _write_photo(connection, root, item_key, photo, "catalogue")
        added += outcome == "added"
        moved |= outcome != "unchanged"
    return added, moved, released


def _write_photo(
    connection: sqlite3.Connection, root: Path, item_key: int, photo: PhotoRow, role: str
) -> Literal["added", "changed", "unchanged"]:
    before = connection.execute(
        "SELECT * FROM photos WHERE item_key = ? AND content_hash = ?",
        (item_key, photo.content_hash),
    ).fetchone()
    values = {
        "path": stored_path(root, photo.path),
        "role": role,
        "split": photo.split,
        "position": photo.position,
    }
    if before is None:
        connection.execute(
            "INSERT INTO photos "
            "(item_key, content_hash, width, height, path, role, split, position) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (item_key, photo.content_hash, photo.width, photo.height, *values.values()),
        )
        return "added"
    if all(before[name] == value for name, value in values.items()):
        return "unchanged"
    connection.execute(
        "UPDATE photos SET path = ?, role = ?, split = ?, position = ? WHERE photo_key = ?",
        (*values.values(), before["photo_key"]),
    )
    return "changed"


def write_further(
    connection: sqlite3.Connection, root: Path, item_key: int, photo: PhotoRow
) -> FurtherOutcome:
    """Insert or update one further labelled photo; see `Catalogue.upsert_further`."""
    same_bytes = connection.execute(
        "SELECT photos.*, item_id FROM photos JOIN items USING (item_key) WHERE content_hash = ? "
        "ORDER BY role, photo_key",
        (photo.content_hash,),
    ).fetchall()
    own = next((row for row in same_bytes if row["item_key"] == item_key), None)
    if photo.split == "train":
        released = _release(connection, root, photo.content_hash, item_key)
        if own is not None and own["role"] == "catalogue":
            return FurtherOutcome("unchanged")
        outcome = _write_photo(connection, root, item_key, photo, "further")
        if outcome != "unchanged":
            record_change(connection, item_key, "photos")
        return FurtherOutcome(outcome, released=tuple(released))
    for row in same_bytes:
        if row["split"] != photo.split:
            return FurtherOutcome("unchanged", refusal=_leak(row, photo.split))
    # No index and no answer depends on a held-out photo: the change log need not move.
    return FurtherOutcome(_write_photo(connection, root, item_key, photo, "further"))


def reject_without_photo(
    connection: sqlite3.Connection, item_key: int, reason: str
) -> tuple[str, ...]:
    """Reject an item that is fine but for having no catalogue photo left.

    Returns:
        Its id, where there was such an item.
    """
    rows = connection.execute(
        "UPDATE items SET state = 'rejected', reason = ? WHERE item_key = ? AND state = 'ok' "
        "AND NOT EXISTS (SELECT 1 FROM photos "
        "WHERE photos.item_key = items.item_key AND role = 'catalogue') RETURNING item_id",
        (reason, item_key),
    ).fetchall()
    return tuple(row["item_id"] for row in rows)


def _leak(row: sqlite3.Row, split: str) -> str:
    kind = "catalogue" if row["role"] == "catalogue" else row["split"]
    return (
        f"the same picture is a {kind} photo of item “{row['item_id']}” "
        f"and cannot also be a {split} photo"
    )


def stored_path(root: Path, path: Path) -> str:
    """Return a path as the catalogue stores it: a shop that is moved keeps its own photos."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _release(
    connection: sqlite3.Connection, root: Path, content_hash: str, item_key: int
) -> list[HeldOut]:
    """Delete val and test photos of these bytes: what is trained on cannot judge the training."""
    rows = connection.execute(
        "SELECT photos.*, item_id FROM photos JOIN items USING (item_key) "
        "WHERE content_hash = ? AND split != 'train'",
        (content_hash,),
    ).fetchall()
    connection.executemany(
        "DELETE FROM photos WHERE photo_key = ?", [(row["photo_key"],) for row in rows]
    )
    if not rows:
        return []
    (taken_by,) = connection.execute(
        "SELECT item_id FROM items WHERE item_key = ?", (item_key,)
    ).fetchone()
    return [
        HeldOut(row["item_id"], content_hash, root / row["path"], row["split"], taken_by)
        for row in rows
    ]
