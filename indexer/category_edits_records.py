"""The edits of the category tree, kept beside the catalogue: what was done, and what was before.

The functions that write work inside a transaction that their caller holds. An edit writes paths,
not items: rows of an index stay where they are. Only items of a category that is split get another
one, and are changed in the change log.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from indexer import upsert
from indexer.category_edits_paths import CategoryEdit, EditedPaths
from indexer.filter_queries import THE_TREE, FilterQueries
from vsearch.taxonomy import CategoryPath, is_within

Rename = Callable[[CategoryPath], CategoryPath | None]


class CategoryEdits(FilterQueries):
    """The part of the catalogue that tells how its tree was edited."""

    _edited: tuple[int, EditedPaths] = (0, EditedPaths())

    def category_edits(self) -> list[CategoryEdit]:
        """Return all edits that were not undone, in order, the forgotten ones among them."""
        rows = self._rows("SELECT * FROM category_edits ORDER BY edit_id")
        return [_edit(row) for row in rows]

    def edited_paths(self) -> EditedPaths:
        """Return what categories are called now, with all edits that are committed."""
        sequence = self.tree_seq()
        if self._edited[0] != sequence:
            edits = tuple(edit for edit in self.category_edits() if not edit.forgotten)
            self._edited = sequence, EditedPaths(edits, self.part_of)
        return self._edited[1]

    def tree_edits_since(self, sequence: int) -> list[CategoryEdit] | None:
        """Return the edits after a change sequence, in order.

        None where more has happened than can be told by them: one was undone or forgotten.
        """
        rows = self._rows("SELECT * FROM category_edits WHERE seq > ? ORDER BY edit_id", sequence)
        moved = self._rows(
            f"SELECT seq FROM changes WHERE seq > ? AND item_key = {THE_TREE}", sequence
        )
        return [_edit(row) for row in rows] if len(rows) == len(moved) else None

    def part_of(self, number: int, item_id: str) -> CategoryPath | None:
        """Return where an item went when its category was split; None where it stayed."""
        row = self._row(
            "SELECT path FROM split_items WHERE edit_id = ? AND item_id = ?", number, item_id
        )
        return _path(row["path"]) if row else None

    def models_of_edit(self, number: int) -> dict[str, Any]:
        """Return what an edit keeps of the models that followed; see `category_edits_publish`."""
        row = self._row("SELECT models FROM category_edits WHERE edit_id = ?", number)
        return {} if row is None else dict(json.loads(row["models"]))

    def unpublished(self) -> list[tuple[int, dict[str, Any]]]:
        """Return the steps that are committed, and whose models may not serve yet, by number."""
        rows = self._rows("SELECT * FROM unpublished ORDER BY step")
        return [(row["step"], json.loads(row["document"])) for row in rows]

    def forget_unpublished(self, step: int) -> None:
        """Take note that the models of a step serve."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM unpublished WHERE step = ?", (step,))


def write_edit(connection: sqlite3.Connection, edit: CategoryEdit, models: object) -> int:
    """Change the tree, and record how to take it back; return the number of the edit.

    Args:
        connection: in a transaction.
        edit: what to do.
        models: what is kept of the models that follow, for JSON.
    """
    target = None if edit.target is None else _text(edit.target)
    cursor = connection.execute(
        "INSERT INTO category_edits (kind, source, target, forgotten, seq, models, at) "
        "VALUES (?, ?, ?, 0, ?, ?, ?)",
        (
            edit.kind,
            _text(edit.source),
            target,
            record_tree_change(connection),
            json.dumps(models),
            upsert.now(),
        ),
    )
    number = int(cursor.lastrowid or 0)
    if edit.kind == "split":
        _split(connection, number, edit)
    else:
        _rename_categories(connection, number, edit.path)
        _rename_further(connection, number, edit.path)
    return number


def take_back(connection: sqlite3.Connection, edit: CategoryEdit) -> int:
    """Undo the last edit, and forget it; return how many items came back to their category.

    Args:
        connection: in a transaction.
        edit: the last one.
    """
    restored = _restore_items(connection, edit.number)
    connection.execute(
        "UPDATE categories SET path = before.path FROM edited_categories AS before "
        "WHERE before.category_id = categories.category_id AND edit_id = ?",
        (edit.number,),
    )
    if edit.kind in {"rename", "move"}:  # what came into the category since, comes along
        back = edit.inverse()
        _rename_categories(connection, None, back.path)
        _rename_further(connection, None, back.path)
    connection.execute("DELETE FROM category_edits WHERE edit_id = ?", (edit.number,))
    record_tree_change(connection)
    return restored


def forget_edit(connection: sqlite3.Connection, number: int) -> None:
    """Let manifests mean what they say from now on, however categories were called once."""
    connection.execute("UPDATE category_edits SET forgotten = 1 WHERE edit_id = ?", (number,))
    record_tree_change(connection)


def record_unpublished(connection: sqlite3.Connection, document: object) -> int:
    """Take note of what is to serve once the transaction is committed; return its number."""
    cursor = connection.execute(
        "INSERT INTO unpublished (document) VALUES (?)", (json.dumps(document),)
    )
    return int(cursor.lastrowid or 0)


def record_tree_change(connection: sqlite3.Connection) -> int:
    """Append to the change log that paths have changed, and no item; return the sequence."""
    cursor = connection.execute(
        "INSERT INTO changes (item_key, kind, at) VALUES (?, 'categories', ?)",
        (THE_TREE, upsert.now()),
    )
    return int(cursor.lastrowid or 0)


def _rename_categories(connection: sqlite3.Connection, number: int | None, renamed: Rename) -> None:
    for row in connection.execute("SELECT category_id, path FROM categories").fetchall():
        path = _path(row["path"])
        now = renamed(path)
        if now is None or now == path:
            continue  # a category that is sold no more keeps its name, for nothing is in it
        if number is not None:
            connection.execute(
                "INSERT INTO edited_categories VALUES (?, ?, ?)",
                (number, row["category_id"], row["path"]),
            )
        connection.execute(
            "UPDATE categories SET path = ? WHERE category_id = ?", (_text(now), row["category_id"])
        )


def _rename_further(connection: sqlite3.Connection, number: int | None, renamed: Rename) -> None:
    """Rename further paths of items; those of a category that is sold no more go."""
    rows = connection.execute(
        "SELECT item_key, category_id, further_paths FROM items WHERE further_paths != '[]'"
    ).fetchall()
    for row in rows:
        before = [tuple(path) for path in json.loads(row["further_paths"])]
        now = [path for path in map(renamed, before) if path is not None]
        if now == before:
            continue
        after = json.dumps(now, ensure_ascii=False)
        if number is not None:
            own = row["category_id"]
            values = (number, row["item_key"], own, row["further_paths"], own, after)
            connection.execute("INSERT INTO edited_items VALUES (?, ?, ?, ?, ?, ?)", values)
        connection.execute(
            "UPDATE items SET further_paths = ? WHERE item_key = ?", (after, row["item_key"])
        )


def _split(connection: sqlite3.Connection, number: int, edit: CategoryEdit) -> None:
    source = _text(edit.source)
    numbers = {
        path: upsert.category_id(connection, path) for path in sorted(set(edit.parts.values()))
    }
    for item_id, path in edit.parts.items():
        row = connection.execute(
            "SELECT item_key, category_id, further_paths, path FROM items "
            "JOIN categories USING (category_id) WHERE item_id = ?",
            (item_id,),
        ).fetchone()
        if row is None or row["path"] != source:
            continue  # it went elsewhere in the meantime
        new, key, further = numbers[path], row["item_key"], row["further_paths"]
        connection.execute(
            "INSERT INTO edited_items VALUES (?, ?, ?, ?, ?, ?)",
            (number, key, row["category_id"], further, new, further),
        )
        connection.execute(
            "INSERT INTO split_items VALUES (?, ?, ?)", (number, item_id, _text(path))
        )
        connection.execute("UPDATE items SET category_id = ? WHERE item_key = ?", (new, key))
        upsert.record_change(connection, key, "changed")


def _restore_items(connection: sqlite3.Connection, number: int) -> int:
    """Give items back what an edit has changed, unless somebody has changed it since."""
    restored = 0
    for row in connection.execute(
        "SELECT * FROM edited_items WHERE edit_id = ?", (number,)
    ).fetchall():
        key = row["item_key"]
        connection.execute(
            "UPDATE items SET further_paths = ? WHERE item_key = ? AND further_paths = ?",
            (row["further_paths"], key, row["new_further_paths"]),
        )
        if row["category_id"] == row["new_category_id"]:
            continue
        moved = connection.execute(
            "UPDATE items SET category_id = ? WHERE item_key = ? AND category_id = ?",
            (row["category_id"], key, row["new_category_id"]),
        )
        if moved.rowcount:
            upsert.record_change(connection, key, "changed")
            restored += 1
    return restored


def used_paths(connection: sqlite3.Connection) -> Iterator[CategoryPath]:
    """Yield the paths that items have, primary and further ones, whatever state they are in."""
    rows = connection.execute(
        "SELECT path FROM categories WHERE EXISTS (SELECT 1 FROM items "
        "WHERE items.category_id = categories.category_id) UNION SELECT further.value "
        "FROM items, json_each(further_paths) AS further WHERE further_paths != '[]'"
    )
    yield from (_path(row["path"]) for row in rows.fetchall())


def items_of(
    connection: sqlite3.Connection, category: CategoryPath, *, below: bool = False
) -> list[sqlite3.Row]:
    """Return key, id and state of all items of a category, by key.

    Args:
        connection: to the catalogue.
        category: their primary path.
        below: whether those of the categories below it are among them.
    """
    numbers = [
        row["category_id"]
        for row in connection.execute("SELECT category_id, path FROM categories").fetchall()
        if (path := _path(row["path"])) == category or (below and is_within(path, category))
    ]
    return connection.execute(
        "SELECT item_key, item_id, state FROM items WHERE category_id IN "
        "(SELECT value FROM json_each(?)) ORDER BY item_key",
        (json.dumps(numbers),),
    ).fetchall()


def _edit(row: sqlite3.Row) -> CategoryEdit:
    return CategoryEdit(
        kind=row["kind"],
        source=_path(row["source"]),
        target=None if row["target"] is None else _path(row["target"]),
        number=row["edit_id"],
        forgotten=bool(row["forgotten"]),
        at=row["at"],
    )


def _path(text: str) -> CategoryPath:
    return tuple(json.loads(text))


def _text(path: CategoryPath) -> str:
    return json.dumps(path, ensure_ascii=False)
