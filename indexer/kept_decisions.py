"""What a person has decided holds against a manifest that still says what it said then.

Where the manifest itself has changed the value since, its new value wins and the decision is
forgotten. A manifest of further photos does not tell what it no longer lists: there a decision is
forgotten when the photo comes in with a third item.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer import upsert
from indexer.category_edits_paths import EditedPaths
from indexer.decisions import Decision, LabelValue, converted, told, value_of
from indexer.labels import CATEGORY, ITEM_ID
from indexer.records import ItemRow, PhotoRow

_CHANGED = (
    "the manifest says “{manifest}” now, no longer “{before}”: it wins, and what was decided "
    "(“{after}”) is forgotten"
)
_GONE = (
    "the manifest no longer lists this photo, so what was decided about it (“{after}”) is forgotten"
)
_ELSEWHERE = (
    "the manifest lists this photo with item “{manifest}” now: it wins, and what was decided "
    "(item “{after}” instead of “{before}”) is forgotten"
)
NO_PHOTO = (
    "all the photos that it names were dropped, or moved to other items, by `vsearch audit "
    "--apply`: it needs another one"
)


@dataclass(frozen=True)
class Forgotten:
    """A decision that the manifest has overtaken."""

    item_id: str
    column: str
    value: str
    reason: str


@dataclass
class KeptDecisions:
    """The decisions that meet the rows of one transaction of an import.

    Attributes:
        connection: in a transaction that the caller holds.
        root: the shop's folder.
        edits: how categories that were decided about are called now.
        kept: how many rows and values were kept as decided.
        forgotten: the decisions that were forgotten, in the order of the rows.
    """

    connection: sqlite3.Connection
    root: Path
    edits: EditedPaths = field(default_factory=EditedPaths)
    kept: int = 0
    forgotten: list[Forgotten] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read what applies to all rows."""
        (self._any,) = self.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM decisions WHERE verdict != 'accept')"
        ).fetchone()
        targets = self.connection.execute(
            "SELECT DISTINCT after FROM decisions WHERE verdict = 'relabel' AND label_column = ?",
            (ITEM_ID,),
        )
        self._targets = {json.loads(row["after"]) for row in targets}
        types = self.connection.execute("SELECT name, type FROM attribute_types")
        self._types = {row["name"]: row["type"] for row in types}

    def item(self, row: ItemRow) -> ItemRow:
        """Return the row as decided: its photos, its category, its attributes."""
        if not self._any or row.reason:
            return row
        listed = len(row.photos)
        for one in self._of_item(row.item_id):
            row = self._photos(row, one) if one.column == ITEM_ID else self._value(row, one)
        if row.item_id in self._targets:
            row = replace(row, photos=(*row.photos, *self._moved_in(row)))
        return row if row.photos or not listed else replace(row, reason=NO_PHOTO)

    def further(self, item_id: str, item_key: int, content_hash: str) -> int | None:
        """Return the key of the item that a further photo goes to; None where it is dropped.

        Args:
            item_id: the item that the manifest lists the photo with.
            item_key: its key.
            content_hash: of the photo.
        """
        if not self._any:
            return item_key
        decided = [one for one in self._of_photo(content_hash) if one.column == ITEM_ID]
        own = next((one for one in decided if one.item_id == item_id), None)
        if own is not None:
            self.kept += 1
            return self._key(str(own.after)) if own.verdict == "relabel" else None
        if not self._has(item_key, content_hash):
            for one in decided:
                if one.verdict == "relabel" and one.role == "further" and one.after != item_id:
                    self._give_up_move(one, item_id)
        return item_key

    def _photos(self, row: ItemRow, decision: Decision) -> ItemRow:
        """Return the row without a photo that it shall not have."""
        left = tuple(p for p in row.photos if p.content_hash != decision.content_hash)
        if len(left) < len(row.photos):
            self.kept += 1
        elif decision.role == "catalogue":
            # Its copy goes with the next row of the item that it was moved to.
            self._forget(decision, row.item_id, _GONE.format(after=_fate(decision)))
        return replace(row, photos=left)

    def _value(self, row: ItemRow, decision: Decision) -> ItemRow:
        """Return the row with the value that was decided, unless the manifest has changed it."""
        column, kind = decision.column, self._types.get(decision.column)
        decision = decision.called_now(self.edits)
        says, after = value_of(row, column), converted(decision.after, kind)
        if says != converted(decision.before, kind):
            told_so = _CHANGED.format(
                manifest=told(says), before=told(decision.before), after=told(decision.after)
            )
            self._forget(decision, row.item_id, told_so)
            return row
        self.kept += 1
        if column == CATEGORY and isinstance(after, tuple):
            return replace(row, category=after)
        return replace(row, attributes={**row.attributes, column: _plain(after)})

    def _moved_in(self, row: ItemRow) -> list[PhotoRow]:
        """Return the catalogue photos that were moved to the item, after those of the manifest."""
        found = self.connection.execute(
            "SELECT photos.* FROM photos JOIN items USING (item_key) WHERE item_id = ?1 "
            "AND photos.role = 'catalogue' AND content_hash IN (SELECT content_hash FROM decisions "
            "WHERE verdict = 'relabel' AND label_column = ?2 AND after = ?3) "
            "ORDER BY position, photo_key",
            (row.item_id, ITEM_ID, json.dumps(row.item_id, ensure_ascii=False)),
        ).fetchall()
        listed = {photo.content_hash for photo in row.photos}
        first = max((photo.position for photo in row.photos), default=-1) + 1
        return [
            PhotoRow(
                photo["content_hash"],
                self.root / photo["path"],
                photo["width"],
                photo["height"],
                position=first + place,
            )
            for place, photo in enumerate(p for p in found if p["content_hash"] not in listed)
        ]

    def _give_up_move(self, decision: Decision, item_id: str) -> None:
        """Forget a move, and take the photo away from the item that it had been moved to."""
        key = self._key(str(decision.after))
        gone = self.connection.execute(
            "DELETE FROM photos WHERE item_key = ? AND content_hash = ? AND role = 'further' "
            "RETURNING split",
            (key, decision.content_hash),
        ).fetchone()
        if gone is not None and key is not None and gone["split"] == "train":
            upsert.record_change(self.connection, key, "photos")
        told_so = _ELSEWHERE.format(
            manifest=item_id, before=decision.item_id, after=told(decision.after)
        )
        self._forget(decision, item_id, told_so)

    def _forget(self, decision: Decision, item_id: str, reason: str) -> None:
        self.connection.execute(
            "DELETE FROM decisions WHERE content_hash = ? AND item_id = ? AND label_column = ? "
            "AND subject = 'label'",
            (decision.content_hash, decision.item_id, decision.column),
        )
        value = decision.content_hash if decision.column == ITEM_ID else told(decision.before)
        self.forgotten.append(Forgotten(item_id, decision.column, value, reason))

    def _of_item(self, item_id: str) -> Sequence[Decision]:
        return self._binding("item_id = ?", item_id)

    def _of_photo(self, content_hash: str) -> Sequence[Decision]:
        return self._binding("content_hash = ?", content_hash)

    def _binding(self, condition: str, value: str) -> Sequence[Decision]:
        rows = self.connection.execute(
            f"SELECT * FROM decisions WHERE verdict != 'accept' AND {condition} ORDER BY rowid",
            (value,),
        )
        return [Decision.of(row) for row in rows]

    def _key(self, item_id: str) -> int | None:
        row = self.connection.execute(
            "SELECT item_key FROM items WHERE item_id = ?", (item_id,)
        ).fetchone()
        return None if row is None else int(row["item_key"])

    def _has(self, item_key: int, content_hash: str) -> bool:
        row = self.connection.execute(
            "SELECT 1 FROM photos WHERE item_key = ? AND content_hash = ?",
            (item_key, content_hash),
        ).fetchone()
        return row is not None


def _fate(decision: Decision) -> str:
    return f"item {told(decision.after)}" if decision.verdict == "relabel" else "dropped"


def _plain(value: LabelValue) -> str | int | float | bool | None:
    return told(value) if isinstance(value, tuple) else value
