"""What a person has decided about photos and their labels, kept beside the catalogue.

A decision is known by the photo's content hash and the item that the photo stood with. It outlives
imports: see `kept_decisions`.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast, get_args

from indexer.attributes import convert
from indexer.category_edits_paths import EditedPaths
from indexer.category_edits_records import CategoryEdits
from indexer.labels import CATEGORY, ITEM_ID
from indexer.records import Role, Value
from vsearch.taxonomy import CategoryPath, format_path

Verdict = Literal["accept", "relabel", "drop"]
Subject = Literal["label", "duplicate"]
LabelValue = Value | CategoryPath
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

# A photo whose label a person has judged: content hash, item id, column, label.
Settled = set[tuple[str, str, str, LabelValue]]


class Labelled(Protocol):
    """What has labels: an item of the catalogue, or a row that is to become one."""

    @property
    def item_id(self) -> str:
        """The item's id."""

    @property
    def category(self) -> CategoryPath:
        """The primary path."""

    @property
    def attributes(self) -> Mapping[str, Value]:
        """The attributes by name."""


@dataclass(frozen=True)
class Decision:
    """One decision of a person.

    Attributes:
        content_hash: of the photo that was judged.
        item_id: the item that it stood with.
        subject: what was judged: its label, or that another item has a copy of it.
        column: where the label comes from: `item_id`, `category` or an attribute. A photo that is
            used no more has a decision about `item_id`.
        verdict: the label is right; it is another one; the photo is used no more.
        before: the label that the manifest gives, as the column's value.
        after: the label that holds; of a photo that its item has no more, the item that had the
            same one already, or None.
        role: what the photo was of its item.
    """

    content_hash: str
    item_id: str
    subject: Subject
    column: str
    verdict: Verdict
    before: LabelValue
    after: LabelValue
    role: Role

    @classmethod
    def of(cls, row: sqlite3.Row) -> "Decision":
        """Read a row of the table."""
        column = row["label_column"]
        return cls(
            row["content_hash"],
            row["item_id"],
            row["subject"],
            column,
            row["verdict"],
            _loaded(column, row["before"]),
            _loaded(column, row["after"]),
            row["role"],
        )

    def called_now(self, edits: EditedPaths) -> "Decision":
        """Return the decision with categories as they are called since the tree was edited."""

        def now(value: LabelValue) -> LabelValue:
            path = edits.item_path(self.item_id, value) if isinstance(value, tuple) else None
            return value if path is None else path

        return replace(self, before=now(self.before), after=now(self.after))

    def to_row(self, at: str) -> tuple[str | None, ...]:
        """Return the row of the table."""
        return (
            self.content_hash,
            self.item_id,
            self.subject,
            self.column,
            self.verdict,
            _dumped(self.before),
            _dumped(self.after),
            self.role,
            at,
        )


class Decisions(CategoryEdits):
    """The part of the catalogue that keeps decisions."""

    def decisions(self) -> list[Decision]:
        """Return all decisions, by photo and item."""
        rows = self._rows("SELECT * FROM decisions ORDER BY content_hash, item_id, label_column")
        return [Decision.of(row) for row in rows]

    def settled(self) -> Settled:
        """Return the labels that a person has judged; an audit asks about none of them again."""
        settled: Settled = set()
        edits = self.edited_paths()
        for one in (decision.called_now(edits) for decision in self.decisions()):
            if one.subject == "label" and one.after is not None:
                item_id = one.item_id if one.column != ITEM_ID else str(one.after)
                settled.add((one.content_hash, item_id, one.column, one.after))
        return settled

    def settled_duplicates(self) -> set[tuple[str, str]]:
        """Return content hash and item of the photos that may have copies elsewhere."""
        return {
            (one.content_hash, one.item_id)
            for one in self.decisions()
            if one.subject == "duplicate" and one.verdict == "accept"
        }


def value_of(labelled: Labelled, column: str) -> LabelValue:
    """Return the value of the column that a label comes from."""
    if column == ITEM_ID:
        return labelled.item_id
    return labelled.category if column == CATEGORY else labelled.attributes.get(column)


def told(value: LabelValue) -> str:
    """Return a value as people read it, the way labels are called."""
    if value is None:
        return ""
    return format_path(value) if isinstance(value, tuple) else str(value)


def converted(value: LabelValue, kind: str | None) -> LabelValue:
    """Return an attribute's value as one of its type now, which may be wider than it was."""
    return convert(value, kind) if kind and not isinstance(value, tuple) else value


def _dumped(value: LabelValue) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _loaded(column: str, text: str | None) -> LabelValue:
    value = None if text is None else json.loads(text)
    return tuple(value) if column == CATEGORY and value is not None else cast("Value", value)
