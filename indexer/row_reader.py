"""What a row of a manifest says: an item, a further photo, or a photo to evaluate with.

A row that is wrong comes out as a Reject that names the manifest, the row, the field and the
value, so that whoever made the manifest finds the cell.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from indexer.attributes import Type, convert, money, plain
from indexer.columns import PRICES, Columns, folded, read_category, read_id, read_list
from indexer.photo_reader import locate
from indexer.records import SPLITS, Reject, Split, Value
from indexer.rows import Row
from vsearch.errors import ManifestError
from vsearch.taxonomy import CategoryPath

_MAX_VALUE = 500  # characters of a cell that a Reject repeats
_MAX_REASON = 1000  # characters; a reason may hold a path


@dataclass(frozen=True)
class Reference:
    """A photo that a row names; `text` is a path or a URL as it stands there."""

    row: int
    field: str
    text: str


@dataclass(frozen=True)
class Entry:
    """What one row (in Shopify's form the rows of one handle) says about an item.

    `fault` says why the item cannot be taken in; `notes` are rejected cells that leave the item
    as it is otherwise.
    """

    row: int
    item_id: str
    title: str
    category: CategoryPath
    further_paths: tuple[CategoryPath, ...]
    group_id: str | None
    attributes: dict[str, Value]
    photos: tuple[Reference, ...]
    fault: Reject | None = None
    notes: tuple[Reject, ...] = ()


@dataclass(frozen=True)
class PhotoEntry:
    """A further labelled photo that a row names."""

    item_id: str
    photo: Reference
    split: Split


@dataclass(frozen=True)
class QueryPhoto:
    """A photo to evaluate with, and what is true of it.

    Attributes:
        path: the photo, absolute.
        item_id: the item it shows, None where the manifest does not say.
        category: the primary path of what it shows, None where the manifest does not say.
        attributes: the further columns, typed.
    """

    path: Path
    item_id: str | None
    category: CategoryPath | None
    attributes: dict[str, Value] = field(default_factory=dict)


class _CellError(Exception):
    """A cell that is wrong."""

    def __init__(self, column: str | None, value: object, reason: str) -> None:
        super().__init__(reason)
        self.column = column or ""
        self.value = value


@dataclass(frozen=True)
class RowReader:
    """Reads the rows of one manifest.

    Attributes:
        path: the manifest, absolute.
        folder: where the photos' paths start from, and what they must not leave.
        columns: which column means what.
        types: the type of each attribute.
    """

    path: Path
    folder: Path
    columns: Columns
    types: Mapping[str, Type]

    def reject(self, row: int, item_id: str | None, column: str, value: object, why: str) -> Reject:
        """Make a Reject of this manifest; a long value is cut."""
        text = "" if value is None else str(value)
        return Reject(
            as_text(str(self.path)),
            row,
            item_id,
            column,
            _cut(as_text(text), _MAX_VALUE),
            _cut(as_text(why), _MAX_REASON),
        )

    def entry(self, rows: Sequence[Row]) -> Entry | Reject:
        """Read the rows of one item: the first says everything, all of them name photos."""
        first = rows[0]
        try:
            item_id = self._id(first)
        except _CellError as fault:
            return self._rejected(first, None, fault)
        category: CategoryPath = ()
        further: tuple[CategoryPath, ...] = ()
        photos: list[Reference] = []
        rejected: Reject | None = None
        try:
            category = self._category(first)
            further = self._further_paths(first)
            self._only_train(first)
            photos = [photo for row in sorted(rows, key=_place) for photo in self._photos(row)]
            if not photos:
                raise _CellError(self.columns.photo, None, "the row names no photo")
        except _CellError as fault:
            rejected = self._rejected(first, item_id, fault)
        attributes, notes = self._attributes(first, item_id)
        return Entry(
            row=first.number,
            item_id=item_id,
            title=folded(self._text(first, self.columns.title)) or item_id,
            category=category,
            further_paths=further,
            group_id=self._text(first, self.columns.group) or None,
            attributes=attributes,
            photos=tuple(photos),
            fault=rejected,
            notes=notes,
        )

    def item_id(self, row: Row) -> str | None:
        """Return the id of a row's item; None where it has none that could be one."""
        try:
            return self._id(row)
        except _CellError:
            return None

    def photo_entry(self, row: Row) -> PhotoEntry | Reject:
        """Read a row that names a further labelled photo."""
        item_id = None
        try:
            item_id = self._id(row)
            return PhotoEntry(item_id, self._photo(row), self.split(row, "train"))
        except _CellError as fault:
            return self._rejected(row, item_id, fault)

    def query(self, row: Row, split: Split) -> QueryPhoto | Reject | None:
        """Read a row that names a photo to evaluate with; None when it is of another split."""
        item_id = None
        try:
            if self.split(row, split) != split:
                return None
            item_id = self._id(row) if self._text(row, self.columns.item_id) else None
            has_category = any(self._text(row, name) for name in self.columns.category)
            category = self._category(row) if has_category else None
            path = self._local_photo(row)
        except _CellError as fault:
            return self._rejected(row, item_id, fault)
        return QueryPhoto(path, item_id, category, self._attributes(row, item_id or "")[0])

    def split(self, row: Row, default: Split) -> Split:
        """Return the split of a row, `default` where it says none."""
        text = self._text(row, "split")
        for split in SPLITS:
            if split == (text or default):
                return split
        raise _CellError("split", text, f"it is not a split, expected one of {', '.join(SPLITS)}")

    def _rejected(self, row: Row, item_id: str | None, fault: _CellError) -> Reject:
        return self.reject(row.number, item_id, fault.column, fault.value, str(fault))

    def _text(self, row: Row, column: str | None) -> str:
        value = plain(row.values.get(column or ""))
        return "" if value is None else str(value)

    def _id(self, row: Row) -> str:
        if row.problem:
            raise _CellError("row", None, row.problem)
        cell = row.values.get(self.columns.item_id or "")
        try:
            return read_id(cell)
        except ValueError as error:
            raise _CellError(self.columns.item_id, cell, str(error)) from error

    def _category(self, row: Row) -> CategoryPath:
        try:
            return read_category([row.values.get(name) for name in self.columns.category])
        except ValueError as error:
            cells = ", ".join(self._text(row, name) for name in self.columns.category)
            raise _CellError(", ".join(self.columns.category), cells, str(error)) from error

    def _further_paths(self, row: Row) -> tuple[CategoryPath, ...]:
        cell = row.values.get("further_categories")
        try:
            return tuple(read_category([path]) for path in read_list(cell, "|"))
        except ValueError as error:
            raise _CellError("further_categories", cell, str(error)) from error

    def _only_train(self, row: Row) -> None:
        if self._text(row, "split") not in {"", "train"}:
            why = "a catalogue photo is always of split train: list this one in a --photos manifest"
            raise _CellError("split", self._text(row, "split"), why)

    def _photo(self, row: Row) -> Reference:
        text = self._text(row, self.columns.photo)
        if not text:
            raise _CellError(self.columns.photo, None, "the row names no photo")
        return Reference(row.number, self.columns.photo or "", text)

    def _photos(self, row: Row) -> list[Reference]:
        named = [(self.columns.photo or "", self._text(row, self.columns.photo))]
        for column in self.columns.more_photos:
            named += [(column, text) for text in read_list(row.values.get(column), ",")]
        return [Reference(row.number, column, text) for column, text in named if text]

    def _local_photo(self, row: Row) -> Path:
        if row.problem:
            raise _CellError("row", None, row.problem)
        photo = self._photo(row)
        try:
            path = locate(self.folder, photo.text)
        except ManifestError as error:
            raise _CellError(photo.field, photo.text, str(error)) from error
        if not os.path.isfile(path):  # noqa: PTH113 (False, not an error, for a name too long)
            raise _CellError(photo.field, photo.text, f"there is no file {path}")
        return path

    def _attributes(self, row: Row, item_id: str) -> tuple[dict[str, Value], tuple[Reject, ...]]:
        attributes: dict[str, Value] = {}
        notes: list[Reject] = []
        for column in self.columns.attributes:
            value = plain(row.values.get(column))
            name = self.columns.attribute(column)
            if value is None:
                continue
            if column not in PRICES:
                attributes[name] = convert(value, self.types[name])
            elif price := money(value):
                attributes[name], currency = price
                if currency:
                    attributes.setdefault("currency", currency)
            else:
                why = "it is not a price such as 12.90 EUR; the item is taken in without it"
                notes.append(self.reject(row.number, item_id, column, value, why))
        return attributes, tuple(notes)


def as_text(name: str) -> str:
    """Return a name on disk as the database can hold it: bytes that are no text become `?`."""
    return name.encode(errors="replace").decode()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _place(row: Row) -> int:
    """Return where Shopify shows the photo of a row: its Image Position, at the end without one."""
    place = str(plain(row.values.get("image_position")) or "")
    return int(place) if place.isdecimal() else sys.maxsize
