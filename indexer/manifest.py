"""A manifest as a whole: looked through once to decide on columns and types, then read.

Deciding over all rows keeps a column's meaning and type from changing between two of them.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast

from indexer.attributes import Type, convert, plain, type_of, widen
from indexer.columns import MEANINGS, PRICES, Columns, column_name
from indexer.records import SPLITS, Reject
from indexer.row_reader import Entry, PhotoEntry, QueryPhoto, RowReader
from indexer.rows import Row, is_typed, read_rows
from indexer.shop import Shop
from vsearch.errors import ManifestError

__all__ = ["Manifest", "QueryPhoto", "Row", "read_queries", "read_rows"]


@dataclass(frozen=True)
class Manifest:
    """A manifest that was looked through once.

    Attributes:
        path: the file or folder, absolute; of rows that were given, what they are called.
        folder: the folder that the photos' paths start from and must not leave.
        columns: which column means what.
        types: the type of each attribute, decided over all rows.
        rows: how many rows there are.
        given: the rows themselves, where they are in no file.
    """

    path: Path
    folder: Path
    columns: Columns
    types: Mapping[str, Type]
    rows: int
    given: tuple[Row, ...] | None = None

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
        # One spelling for one manifest, because its rejects are kept under it.
        path = Path(os.path.abspath(path))  # noqa: PTH100
        folder = path if path.is_dir() else path.parent
        looked = _Looked.through(named(read_rows(path), path.name), typed=is_typed(path))
        columns = looked.columns(path, category)
        types = _attribute_types(columns, looked.types, known or {})
        return cls(path, folder, columns, types, looked.rows)

    @classmethod
    def of_rows(
        cls,
        name: str,
        rows: Sequence[Row],
        folder: Path,
        category: Sequence[str] = (),
        known: Mapping[str, str] | None = None,
        *,
        typed: bool = True,
    ) -> Self:
        """Make a manifest of rows that are at hand.

        Args:
            name: what messages call it.
            rows: their columns' names as `column_name` writes them.
            folder: the folder that the photos' paths start from and must not leave.
            category: as for `scan`.
            known: as for `scan`.
            typed: whether the rows tell numbers from texts themselves, as JSON does.

        Raises:
            ManifestError: a column of `category` is missing.
        """
        looked = _Looked.through(rows, typed=typed)
        columns = looked.columns(Path(name), category)
        types = _attribute_types(columns, looked.types, known or {})
        return cls(Path(name), folder, columns, types, looked.rows, tuple(rows))

    @property
    def reader(self) -> RowReader:
        """What reads the rows, and makes their rejects."""
        return RowReader(self.path, self.folder, self.columns, self.types)

    def require(self, *meanings: Literal["item_id", "photo", "category"]) -> None:
        """Raise ManifestError unless the manifest has a column for each of these meanings."""
        for meaning in meanings:
            if self.rows and not self._has(meaning):
                raise ManifestError(
                    f"{self.path.name} has no column for the {MEANINGS[meaning]}; "
                    f"its columns are {', '.join(self.columns.names)}"
                )

    def _has(self, meaning: Literal["item_id", "photo", "category"]) -> bool:
        told = getattr(self.columns, meaning)
        return bool(told or (meaning == "photo" and self.columns.more_photos))

    def catalogue_entries(self) -> Iterator[Entry | Reject]:
        """Yield the items of a catalogue manifest in order."""
        reader = self.reader
        group: list[Row] = []
        for row in self.named_rows():
            if group and self.columns.shopify and _handle(row) == _handle(group[0]):
                group.append(row)
                continue
            if group:
                yield reader.entry(group)
            group = [row]
        if group:
            yield reader.entry(group)

    def photo_entries(self) -> Iterator[PhotoEntry | Reject]:
        """Yield the further labelled photos of a manifest in order."""
        return map(self.reader.photo_entry, self.named_rows())

    def named_rows(self) -> Iterator[Row]:
        """Yield the rows with their columns' names as `column_name` writes them."""
        if self.given is not None:
            return iter(self.given)
        return named(read_rows(self.path), self.path.name)


@dataclass(frozen=True)
class _Looked:
    """What a look at all rows has found: the type of each column, those that are filled, rows."""

    types: Mapping[str, Type | None]
    filled: Collection[str]
    rows: int

    @classmethod
    def through(cls, rows: Iterable[Row], *, typed: bool) -> Self:
        types: dict[str, Type | None] = {}
        filled: set[str] = set()
        count = 0
        for row in rows:
            count += 1
            for name, cell in row.values.items():
                value = plain(cell)
                if value is not None:
                    filled.add(name)
                if types.setdefault(name, None) != "text":
                    types[name] = widen(types[name], type_of(value, typed=typed))
        return cls(types, filled, count)

    def columns(self, path: Path, category: Sequence[str]) -> Columns:
        try:
            return Columns.of(self.types, self.filled, category)
        except ManifestError as error:
            raise ManifestError(f"{path.name}: {error}") from error


def _handle(row: Row) -> object:
    return row.values.get("handle")


def _attribute_types(
    columns: Columns, types: Mapping[str, Type | None], known: Mapping[str, str]
) -> dict[str, Type]:
    result: dict[str, Type] = {}
    for column in columns.attributes:
        name = columns.attribute(column)
        if column in PRICES:
            result |= {name: "float", "currency": "text"}
        elif kind := widen(cast("Type | None", known.get(name)), types[column]):
            result[name] = kind
    return result


def named(rows: Iterable[Row], manifest: str) -> Iterator[Row]:
    """Yield rows with their columns' names as `column_name` writes them.

    Args:
        rows: as they were read.
        manifest: what a message calls where they are from.

    Raises:
        ManifestError: two columns of a row mean the same.
    """
    forms: dict[str, str] = {}
    for row in rows:
        forms |= {name: column_name(name) for name in row.values if name not in forms}
        cells = [(forms[name], cell) for name, cell in row.values.items() if forms[name]]
        values = dict(cells)
        if len(values) < len(cells):
            names = [name for name, _ in cells]
            twice = next(name for name in names if names.count(name) > 1)
            raise ManifestError(
                f"{manifest}, row {row.number}: two columns mean the same, “{twice}”: rename one"
            )
        yield Row(row.number, values, row.problem)


def read_queries(
    shop: Shop,
    manifest: Path,
    split: str = "test",
    where: Mapping[str, str] | None = None,
    *,
    foreign: bool = False,
) -> tuple[list[QueryPhoto], list[Reject]]:
    """Read the photos to evaluate with.

    Args:
        shop: its settings say which columns make up the category, as they did for import.
        manifest: as for import; a column `item_id` or the category columns tell the truth.
        split: rows of another split are passed over; a row that names none belongs to it.
        where: only rows whose column holds exactly this text (case does not matter).
        foreign: the photos show what the shop does not sell: its category columns mean nothing.

    Returns:
        The photos in order, and the rows that cannot be used.

    Raises:
        ManifestError: unreadable, a column of `where` is missing, or `split` is no split.
    """
    if split not in SPLITS:
        raise ManifestError(f"“{split}” is no split, expected one of {', '.join(SPLITS)}")
    scanned = Manifest.scan(manifest)
    wanted = [column_name(name) for name in shop.settings.category_columns]
    if not foreign and set(wanted) & set(scanned.columns.names):
        scanned = Manifest.scan(manifest, wanted)
    scanned.require("photo")
    conditions = _conditions(scanned, where or {})
    reader = scanned.reader
    queries: list[QueryPhoto] = []
    rejects: list[Reject] = []
    for row in scanned.named_rows():
        # A row that could not be read fits no condition, and is told all the same.
        query = reader.query(row, split) if row.problem or _fits(row, conditions) else None
        if isinstance(query, Reject):
            rejects.append(query)
        elif query is not None:
            queries.append(query)
    return queries, rejects


def _conditions(manifest: Manifest, where: Mapping[str, str]) -> dict[str, str]:
    conditions = {column_name(name): value.strip().casefold() for name, value in where.items()}
    if missing := sorted(conditions.keys() - set(manifest.columns.names)):
        listed = ", ".join(manifest.columns.names)
        raise ManifestError(f"{manifest.path.name} has no column “{missing[0]}”, only {listed}")
    return conditions


def _fits(row: Row, conditions: Mapping[str, str]) -> bool:
    return all(
        str(convert(plain(row.values.get(name)), "text") or "").casefold() == value
        for name, value in conditions.items()
    )
