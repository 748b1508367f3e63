"""The decisions of an audit file come back into the catalogue.

Every row is checked against the catalogue as it is now, and refused with its reason without
stopping the others. All rows of a file are one transaction; applying it again changes nothing.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from indexer import label_changes
from indexer.attributes import convert
from indexer.audit_file import AuditRow, NumberedRow, read_audit
from indexer.decisions import VERDICTS, Decision, LabelValue, Subject, Verdict, told, value_of
from indexer.labels import CATEGORY, ITEM_ID
from indexer.records import Item, Role
from indexer.shop import Shop
from vsearch.errors import CategoryError
from vsearch.taxonomy import Taxonomy, parse_path

# The role in a decision about a photo that the catalogue manifest does not list with the item: that
# it lists it no longer says nothing then.
UNLISTED: Role = "further"


@dataclass(frozen=True)
class RefusedRow:
    """A row whose decision was not taken: its line in the file, what it is about, and why."""

    row: int
    item_id: str
    photo: str
    reason: str


@dataclass
class ApplyReport:
    """What became of the rows of an audit file.

    Attributes:
        rows: how many there are.
        accepted, relabelled, dropped: decisions that were taken now, by kind.
        unchanged: decisions that had been taken before.
        open: rows without a decision.
        refused: decisions that were not taken, and why.
    """

    rows: int = 0
    accepted: int = 0
    relabelled: int = 0
    dropped: int = 0
    unchanged: int = 0
    open: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Return the report for `--json`."""
        return asdict(self)


def apply_decisions(shop: Shop, file: Path) -> ApplyReport:
    """Take over the decisions of an audit file; the next build indexes what has changed.

    Raises:
        ManifestError: the file cannot be read as a whole, or lacks a column.
        ShopError: the catalogue cannot be written; nothing was taken over then.
    """
    return apply_rows(shop, list(read_audit(file)))


def apply_rows(shop: Shop, rows: Iterable[NumberedRow]) -> ApplyReport:
    """Take over the decisions of rows of an audit, all in one transaction.

    Raises:
        ShopError: the catalogue cannot be written; nothing was taken over then.
    """
    report = ApplyReport()
    with shop.catalogue.transaction() as connection:
        applying = _Applying(shop, connection)
        for numbered in rows:
            report.rows += 1
            try:
                outcome = applying.take(numbered)
            except _Refusal as refusal:
                row = numbered.row
                report.refused.append(
                    RefusedRow(numbered.number, row.item_id, row.photo, str(refusal))
                )
                continue
            setattr(report, outcome, getattr(report, outcome) + 1)
    return report


class _Refusal(Exception):  # noqa: N818  not an error: an answer
    """Why a row is not taken."""


class _Applying:
    """One file while it is applied, inside a transaction."""

    def __init__(self, shop: Shop, connection: sqlite3.Connection) -> None:
        self.catalogue, self.connection = shop.catalogue, connection
        self.types: Mapping[str, str] = shop.catalogue.attribute_types()
        self.taxonomy: Taxonomy = shop.taxonomy()
        self.seen: dict[tuple[str, str], list[tuple[int, AuditRow]]] = {}

    def take(self, numbered: NumberedRow) -> str:
        """Take a row's decision; return which count of the report it goes to."""
        row = replace(numbered.row, decision=numbered.row.decision.casefold())
        if numbered.problem:
            raise _Refusal(numbered.problem)
        if not row.decision:
            return "open"
        if row.decision not in VERDICTS:
            raise _Refusal(f"“{row.decision}” is no decision, expected {', '.join(VERDICTS)}")
        self._agree(numbered.number, row)
        item = self.catalogue.get(row.item_id)
        if item is None:
            raise _Refusal(f"the shop has no item “{row.item_id}” any more: audit again")
        verdicts: Mapping[str, Callable[[AuditRow, Item], str]] = {
            "accept": self._accept,
            "relabel": self._relabel,
            "drop": self._drop,
        }
        return verdicts[row.decision](row, item)

    def _agree(self, number: int, row: AuditRow) -> None:
        """Refuse a row where an earlier one of the file has decided otherwise."""
        others = self.seen.setdefault((row.content_hash, row.item_id), [])
        for earlier, other in others:
            about = other.column == row.column or "drop" in {other.decision, row.decision}
            if about and (other.decision, _wanted(other)) != (row.decision, _wanted(row)):
                raise _Refusal(f"row {earlier} of this file decides otherwise about the same photo")
        others.append((number, row))

    def _accept(self, row: AuditRow, item: Item) -> str:
        photo = self._photo(row, item)
        value = self._unchanged_label(row, item)
        return self._held(self._decision(row, photo, "accept", value, value), "accepted")

    def _relabel(self, row: AuditRow, item: Item) -> str:
        text = _wanted(row)
        if not text:
            raise _Refusal("it names no label to take instead: fill in new_label")
        if row.column == ITEM_ID:
            return self._move(row, item, text)
        value = self._value(row.column, text)
        photo = self._photo(row, item)
        if value_of(item, row.column) == value:
            if self._read(row.column, row.label) == value:
                raise _Refusal(f"“{text}” is the label that it has: decide accept")
            # Another photo of the item, or the manifest, has brought it about; or this very row.
            return self._held(self._decision(row, photo, "accept", value, value), "relabelled")
        now = self._unchanged_label(row, item)
        first = label_changes.first_value(self.connection, item, row.column, now)
        label_changes.set_value(self.connection, item, row.column, value)
        verdict: Verdict = "accept" if first == value else "relabel"
        return self._saved(self._decision(row, photo, verdict, first, value), "relabelled")

    def _move(self, row: AuditRow, item: Item, target_id: str) -> str:
        """Give the photo to another item."""
        if target_id == item.item_id:
            raise _Refusal(f"the photo stands with item “{target_id}” already: decide accept")
        target = self.catalogue.get(target_id)
        if target is None:
            raise _Refusal(f"the shop has no item “{target_id}” to give the photo to")
        if target.state != "ok":
            raise _Refusal(f"item “{target_id}” is rejected ({target.reason}): mend it first")
        there = label_changes.find_photo(self.connection, target.key, row.content_hash)
        if there and not label_changes.find_photo(self.connection, item.key, row.content_hash):
            return "unchanged"
        photo = self._spare_photo(row, item)
        brought, back = label_changes.redirect(
            self.connection, row.content_hash, item.item_id, target_id
        )
        if there is None:
            label_changes.move_photo(self.connection, photo, target.key)
        else:
            label_changes.drop_photo(self.connection, photo)
        verdict: Verdict = "relabel" if there is None else "drop"
        decision = self._decision(row, photo, verdict, item.item_id, target_id)
        if brought:
            decision = replace(decision, role=UNLISTED)
        if back:  # where the manifest has it: nothing needs to be held against the manifest
            decision = replace(
                decision, item_id=target_id, verdict="accept", before=target_id, after=target_id
            )
        return self._saved(decision, "relabelled")

    def _drop(self, row: AuditRow, item: Item) -> str:
        decided = Decision(
            row.content_hash, item.item_id, "label", ITEM_ID, "drop", item.item_id, None, UNLISTED
        )
        if label_changes.find_photo(self.connection, item.key, row.content_hash) is None:
            known = label_changes.recorded(self.connection, decided)
            if known is not None and known.verdict == "drop":
                return "unchanged"
        photo = self._spare_photo(row, item)
        brought, _ = label_changes.redirect(self.connection, row.content_hash, item.item_id, None)
        label_changes.drop_photo(self.connection, photo)
        role = UNLISTED if brought else photo["role"]
        return self._saved(replace(decided, role=role), "dropped")

    def _photo(self, row: AuditRow, item: Item) -> sqlite3.Row:
        photo = label_changes.find_photo(self.connection, item.key, row.content_hash)
        if photo is None:
            raise _Refusal(
                f"item “{item.item_id}” has no photo of these bytes any more: audit again"
            )
        return photo

    def _spare_photo(self, row: AuditRow, item: Item) -> sqlite3.Row:
        """Return the photo, which its item can do without."""
        photo = self._photo(row, item)
        self._unchanged_label(row, item)
        if label_changes.is_only_catalogue_photo(self.connection, photo):
            raise _Refusal(
                f"it is the only catalogue photo of item “{item.item_id}”, which could not be sold "
                "by photo without it: give the item another one first"
            )
        return photo

    def _unchanged_label(self, row: AuditRow, item: Item) -> LabelValue:
        """Return the label that the item has, which is the one that the person has seen."""
        now = value_of(item, row.column)
        if now != self._read(row.column, row.label):
            raise _Refusal(
                f"its {row.column} is “{told(now)}” by now, the file says “{row.label}”: audit "
                "again"
            )
        return now

    def _read(self, column: str, text: str) -> LabelValue:
        """Return the value of a column that the text of a label stands for."""
        if column == ITEM_ID:
            return text
        if column == CATEGORY:
            return parse_path(text)
        if column not in self.types:
            known = ", ".join((ITEM_ID, CATEGORY, *sorted(self.types)))
            raise _Refusal(f"there is no column “{column}”, only {known}")
        try:
            return convert(text, self.types[column])
        except ValueError as error:
            raise _Refusal(f"“{text}” is no {self.types[column]} as “{column}” is") from error

    def _value(self, column: str, text: str) -> LabelValue:
        """Return the value that a new label stands for; it has to be one that the shop knows."""
        if column == CATEGORY:
            try:
                return self.taxonomy.find(text)
            except CategoryError as error:
                raise _Refusal(str(error)) from error
        value = self._read(column, text)
        known = self.connection.execute(
            "SELECT 1 FROM items, json_each(items.attributes) AS one WHERE one.key = ? "
            "AND one.value = ? LIMIT 1",
            (column, value),
        ).fetchone()
        if known is None:
            raise _Refusal(f"no item has “{text}” in the column “{column}”")
        return value

    def _decision(
        self,
        row: AuditRow,
        photo: sqlite3.Row,
        verdict: Verdict,
        before: LabelValue,
        after: LabelValue,
    ) -> Decision:
        duplicate = row.kind == "duplicate" and verdict == "accept"
        subject: Subject = "duplicate" if duplicate else "label"
        return Decision(
            row.content_hash,
            row.item_id,
            subject,
            row.column,
            verdict,
            before,
            after,
            photo["role"],
        )

    def _held(self, decision: Decision, outcome: str) -> str:
        """Remember that a label is right, unless it was a decision that made it so."""
        known = label_changes.recorded(self.connection, decision)
        if known is not None and known.after == decision.after:
            return "unchanged"
        return self._saved(decision, outcome)

    def _saved(self, decision: Decision, outcome: str) -> str:
        return outcome if label_changes.save(self.connection, decision) else "unchanged"


def _wanted(row: AuditRow) -> str:
    """Return the label that a row wants to have taken instead, as it is written."""
    return (row.new_label or row.suggested) if row.decision == "relabel" else ""
