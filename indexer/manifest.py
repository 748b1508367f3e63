"""A manifest as a whole: which columns mean what, which types they hold, and its entries.

A manifest is read twice: `Manifest.scan` looks at every row to decide on columns and types, then
`catalogue_entries`, `photo_entries` or `read_queries` turn rows into what they say. A row that is
wrong comes out as a Reject that names row, field and value; the rest goes on.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast

from indexer.attributes import Type, convert, money, plain, type_of, widen
from indexer.columns import (
    MEANINGS,
    PRICES,
    Columns,
    column_name,
    folded,
    read_category,
    read_id,
    read_list,
)
from indexer.photo_reader import locate
from indexer.records import SPLITS, Reject, Split, Value
from indexer.rows import Row, is_typed, read_rows
from indexer.shop import Shop
from vsearch.errors import ManifestError
from vsearch.taxonomy import CategoryPath

__all__ = ["Manifest", "QueryPhoto", "Row", "read_queries", "read_rows"]

_MAX_VALUE = 200  # characters of a cell that a Reject repeats


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


@dataclass(frozen=True)
class Manifest:
    """A manifest that was looked through once.

    Attributes:
        path: the file or folder, absolute.
        columns: which column means what.
        types: the type of each attribute, decided over all rows.
        rows: how many rows there are.
    """

    path: Path
    columns: Columns
    types: Mapping[str, Type]
    rows: int

    @classmethod
    def scan(
        cls, path: Path, category: Sequence[str] = (), known: Mapping[str, str] | None = None
    ) -> Self:
        """Look at all rows once.

        Args:
            path: the manifest.
            category: the columns of the category path, root first; empty: the usual ones.
            known: types that attributes have already; they can only widen.

        Raises:
            ManifestError: it cannot be read as a whole, or a column of `category` is missing.
        """
        path = Path(path).absolute()
        typed = is_typed(path)
        types: dict[str, Type | None] = {}
        filled: set[str] = set()
        count = 0
        for row in _named(path):
            count += 1
            for name, cell in row.values.items():
                value = plain(cell)
                if value is not None:
                    filled.add(name)
                if types.setdefault(name, None) != "text":
                    types[name] = widen(types[name], type_of(value, typed=typed))
        try:
            columns = Columns.of(types, filled, category)
        except ManifestError as error:
            raise ManifestError(f"{path.name}: {error}") from error
        return cls(path, columns, _attribute_types(columns, types, known or {}), count)

    @property
    def folder(self) -> Path:
        """The folder that the photos' paths start from and must not leave."""
        return self.path if self.path.is_dir() else self.path.parent

    def require(self, *meanings: Literal["item_id", "photo", "category"]) -> None:
        """Raise ManifestError unless the manifest has a column for each of these meanings."""
        for meaning in meanings:
            if self.rows and not getattr(self.columns, meaning):
                raise ManifestError(
                    f"{self.path.name} has no column for the {MEANINGS[meaning]}; "
                    f"its columns are {', '.join(self.columns.names)}"
                )

    def reject(self, row: int, item_id: str | None, column: str, value: object, why: str) -> Reject:
        """Make a Reject of this manifest; a long value is cut."""
        text = "" if value is None else str(value)
        text = text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"
        # A name on disk may hold bytes that are no text; the database takes text only.
        text = text.encode(errors="replace").decode()
        return Reject(str(self.path), row, item_id, column, text, why)

    def catalogue_entries(self) -> Iterator[Entry | Reject]:
        """Yield the items of a catalogue manifest in order."""
        group: list[Row] = []
        for row in _named(self.path):
            if row.problem:
                yield self.reject(row.number, None, "row", None, row.problem)
            elif group and self.columns.shopify and self._id(row) == self._id(group[0]):
                group.append(row)
            else:
                if group:
                    yield self._entry(group)
                group = [row]
        if group:
            yield self._entry(group)

    def photo_entries(self) -> Iterator[PhotoEntry | Reject]:
        """Yield the further labelled photos of a manifest in order."""
        for row in _named(self.path):
            yield self._photo_entry(row)

    def _id(self, row: Row) -> object:
        return row.values.get(self.columns.item_id or "")

    def _entry(self, rows: Sequence[Row]) -> Entry | Reject:
        """Read the rows of one item: the first says everything, all of them name photos."""
        columns, first = self.columns, rows[0]
        try:
            item_id = read_id(self._id(first))
        except ValueError as error:
            return self.reject(
                first.number, None, columns.item_id or "", self._id(first), str(error)
            )
        category, further, fault = self._paths(first, item_id)
        split = plain(first.values.get("split"))
        if not fault and split not in (None, "train"):
            why = "a catalogue photo is always of split train: list this one in a --photos manifest"
            fault = self.reject(first.number, item_id, "split", split, why)
        photos = [photo for row in sorted(rows, key=_place) for photo in self._photos(row)]
        if not fault and not photos:
            why = "the row names no photo"
            fault = self.reject(first.number, item_id, columns.photo or "", None, why)
        attributes, notes = self._attributes(first, item_id)
        title = folded(str(plain(first.values.get(columns.title or "")) or "")) or item_id
        group = plain(first.values.get(columns.group or ""))
        return Entry(
            row=first.number,
            item_id=item_id,
            title=title,
            category=category,
            further_paths=further,
            group_id=None if group is None else str(group),
            attributes=attributes,
            photos=tuple(photos),
            fault=fault,
            notes=notes,
        )

    def _paths(
        self, row: Row, item_id: str
    ) -> tuple[CategoryPath, tuple[CategoryPath, ...], Reject | None]:
        cells = [row.values.get(name) for name in self.columns.category]
        further = read_list(row.values.get("further_categories"), "|")
        try:
            return read_category(cells), tuple(read_category([path]) for path in further), None
        except ValueError as error:
            name = ", ".join(self.columns.category)
            value = ", ".join(str(plain(cell) or "") for cell in cells)
            return (), (), self.reject(row.number, item_id, name, value, str(error))

    def _photos(self, row: Row) -> list[Reference]:
        """Return what a row names: its photo, in Shopify's form at its place, then further ones."""
        named = [(self.columns.photo, plain(row.values.get(self.columns.photo or "")))]
        for column in self.columns.more_photos:
            named += [(column, text) for text in read_list(row.values.get(column), ",")]
        return [Reference(row.number, name or "", str(text)) for name, text in named if text]

    def _attributes(self, row: Row, item_id: str) -> tuple[dict[str, Value], tuple[Reject, ...]]:
        attributes: dict[str, Value] = {}
        notes: list[Reject] = []
        for name in self.columns.attributes:
            value = plain(row.values.get(name))
            if value is None:
                continue
            if name not in PRICES:
                attributes[name] = convert(value, self.types[name])
            elif price := money(value):
                amount, currency = price
                attributes["price" if name == "variant_price" else name] = amount
                if currency:
                    attributes.setdefault("currency", currency)
            else:
                why = "it is not a price such as 12.90 EUR; the item is taken in without it"
                notes.append(self.reject(row.number, item_id, name, value, why))
        return attributes, tuple(notes)

    def _photo_entry(self, row: Row) -> PhotoEntry | Reject:
        if row.problem:
            return self.reject(row.number, None, "row", None, row.problem)
        id_column, photo_column = self.columns.item_id or "", self.columns.photo or ""
        try:
            item_id = read_id(self._id(row))
        except ValueError as error:
            return self.reject(row.number, None, id_column, self._id(row), str(error))
        photo = plain(row.values.get(photo_column))
        if photo is None:
            return self.reject(row.number, item_id, photo_column, None, "the row names no photo")
        split = plain(row.values.get("split")) or "train"
        if split not in SPLITS:
            why = f"it is not a split, expected one of {', '.join(SPLITS)}"
            return self.reject(row.number, item_id, "split", split, why)
        reference = Reference(row.number, photo_column, str(photo))
        return PhotoEntry(item_id, reference, split)

    def query(self, row: Row) -> QueryPhoto | Reject:
        """Read a row of a query manifest."""
        if row.problem:
            return self.reject(row.number, None, "row", None, row.problem)
        columns = self.columns
        item_id: str | None = None
        column, value = columns.item_id or "", self._id(row)
        try:
            if plain(value) is not None:
                item_id = read_id(value)
            cells = [row.values.get(name) for name in columns.category]
            column, value = ", ".join(columns.category), cells
            category = read_category(cells) if any(map(plain, cells)) else None
            column = columns.photo or ""
            value = plain(row.values.get(column))
            if value is None:
                raise ManifestError("the row names no photo")
            path = locate(self.folder, str(value))
            if not path.is_file():
                raise ManifestError("there is no such file")
        except (ValueError, ManifestError) as error:
            return self.reject(row.number, item_id, column, value, str(error))
        return QueryPhoto(path, item_id, category, self._attributes(row, item_id or "")[0])


def _place(row: Row) -> int:
    """Return where Shopify shows the photo of a row: its Image Position, at the end without one."""
    place = str(plain(row.values.get("image_position")) or "")
    return int(place) if place.isdecimal() else sys.maxsize


def _attribute_types(
    columns: Columns, types: Mapping[str, Type | None], known: Mapping[str, str]
) -> dict[str, Type]:
    result: dict[str, Type] = {}
    for name in columns.attributes:
        if name in PRICES:
            result["price" if name == "variant_price" else name] = "float"
            result["currency"] = "text"
        elif kind := widen(cast("Type | None", known.get(name)), types[name]):
            result[name] = kind
    return result


def _named(path: Path) -> Iterator[Row]:
    """Yield the rows with their columns' names in the one form that `column_name` gives."""
    forms: dict[str, str] = {}
    for row in read_rows(path):
        for name in row.values:
            if name not in forms:
                forms[name] = column_name(name)
        values = {forms[name]: cell for name, cell in row.values.items() if forms[name]}
        if len(values) < sum(bool(forms[name]) for name in row.values):
            clash = sorted(row.values, key=lambda name: forms[name])
            raise ManifestError(
                f"{path.name}, row {row.number}: two columns mean the same: {', '.join(clash)}"
            )
        yield Row(row.number, values, row.problem)


def read_queries(
    shop: Shop, manifest: Path, split: str = "test", where: Mapping[str, str] | None = None
) -> tuple[list[QueryPhoto], list[Reject]]:
    """Read the photos to evaluate with.

    Args:
        shop: its settings say which columns make up the category, as they did for import.
        manifest: as for import; a column `item_id` or the category columns tell the truth.
        split: rows of another split are passed over; a manifest without that column is all of it.
        where: only rows whose column holds exactly this text (case does not matter).

    Returns:
        The photos in order, and the rows of that split that cannot be used.

    Raises:
        ManifestError: unreadable, a column of `where` is missing, or `split` is no split.
    """
    if split not in SPLITS:
        raise ManifestError(f"“{split}” is no split, expected one of {', '.join(SPLITS)}")
    scanned = Manifest.scan(manifest)
    names = set(scanned.columns.names)
    wanted = [column_name(name) for name in shop.settings.category_columns]
    if names & set(wanted):
        scanned = Manifest.scan(manifest, wanted)
    scanned.require("photo")
    conditions = {
        column_name(name): value.strip().casefold() for name, value in (where or {}).items()
    }
    if missing := sorted(conditions.keys() - names):
        listed = ", ".join(scanned.columns.names)
        raise ManifestError(f"{scanned.path.name} has no column “{missing[0]}”, only {listed}")
    queries: list[QueryPhoto] = []
    rejects: list[Reject] = []
    for row in _named(scanned.path):
        if (plain(row.values.get("split")) or split) != split or not _fits(row, conditions):
            continue
        query = scanned.query(row)
        if isinstance(query, Reject):
            rejects.append(query)
        else:
            queries.append(query)
    return queries, rejects


def _fits(row: Row, conditions: Mapping[str, str]) -> bool:
    return all(
        str(convert(plain(row.values.get(name)), "text") or "").casefold() == value
        for name, value in conditions.items()
    )
