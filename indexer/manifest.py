"""A manifest as a whole: looked through once to decide on columns and types, then read.

Deciding over all rows keeps a column's meaning and type from changing between two of them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
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
        # One spelling for one manifest, because its rejects are kept under it.
        path = Path(os.path.abspath(path))  # noqa: PTH100
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

    @property
    def reader(self) -> RowReader:
        """What reads the rows, and makes their rejects."""
        return RowReader(self.path, self.folder, self.columns, self.types)

    def require(self, *meanings: Literal["item_id", "photo", "category"]) -> None:
        """Raise ManifestError unless the manifest has a column for each of these meanings."""
        for meaning in meanings:
            if self.rows and not getattr(self.columns, meaning):
                raise ManifestError(
                    f"{self.path.name} has no column for the {MEANINGS[meaning]}; "
                    f"its columns are {', '.join(self.columns.names)}"
                )

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
        return _named(self.path)


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


def _named(path: Path) -> Iterator[Row]:
    forms: dict[str, str] = {}
    for row in read_rows(path):
        forms |= {name: column_name(name) for name in row.values if name not in forms}
        named = [(forms[name], cell) for name, cell in row.values.items() if forms[name]]
        values = dict(named)
        if len(values) < len(named):
            names = [name for name, _ in named]
            twice = next(name for name in names if names.count(name) > 1)
            raise ManifestError(
                f"{path.name}, row {row.number}: two columns mean the same, “{twice}”: rename one"
            )
        yield Row(row.number, values, row.problem)


def read_queries(
    shop: Shop, manifest: Path, split: str = "test", where: Mapping[str, str] | None = None
) -> tuple[list[QueryPhoto], list[Reject]]:
    """Read the photos to evaluate with.

    Args:
        shop: its settings say which columns make up the category, as they did for import.
        manifest: as for import; a column `item_id` or the category columns tell the truth.
        split: rows of another split are passed over; a row that names none belongs to it.
        where: only rows whose column holds exactly this text (case does not matter).

    Returns:
        The photos in order, and the rows that cannot be used.

    Raises:
        ManifestError: unreadable, a column of `where` is missing, or `split` is no split.
    """
    if split not in SPLITS:
        raise ManifestError(f"“{split}” is no split, expected one of {', '.join(SPLITS)}")
    scanned = Manifest.scan(manifest)
    wanted = [column_name(name) for name in shop.settings.category_columns]
    if set(wanted) & set(scanned.columns.names):
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
