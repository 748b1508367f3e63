"""Rows that somebody hands over to be searchable at once, from a program or a small manifest.

They are read as an import reads a manifest. But an import may change what an attribute is, because
it knows the whole catalogue; one row must not turn the numbers of a whole shop into texts. Its cell
is left out instead, and told.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from indexer.attributes import fitted, plain
from indexer.columns import PRICES, column_name
from indexer.manifest import Manifest, named
from indexer.rows import (
    HALF_CHARACTER,
    MANIFEST_SUFFIXES,
    Row,
    has_lone_surrogate,
    is_typed,
    read_rows,
)
from indexer.shop import Shop
from vsearch.errors import ManifestError

Cells = Mapping[str, object]


@dataclass(frozen=True)
class LeftOut:
    """A cell that an item is taken in without: its column, what it held, and why."""

    column: str
    value: object
    reason: str


@dataclass(frozen=True)
class GivenRows:
    """Rows, and where their photos lie.

    Attributes:
        name: what messages call them.
        folder: where the photos' paths start from and what they must not leave.
        rows: the rows, their columns' names as `column_name` writes them.
        typed: whether they tell numbers from texts themselves.
    """

    name: str
    folder: Path
    rows: tuple[Row, ...]
    typed: bool = True

    @classmethod
    def of(cls, rows: Iterable[Cells | Row], folder: Path | None = None) -> Self:
        """Take up rows from a program; one that cannot be understood keeps its problem.

        Args:
            rows: cells by the names that the columns of a manifest may have, or `Row`s.
            folder: see the attribute; by default the current folder.
        """
        taken = tuple(_row(number, row) for number, row in enumerate(rows, start=1))
        return cls("upsert", Path(folder or Path.cwd()), taken)

    @classmethod
    def of_file(cls, path: Path, folder: Path | None = None) -> Self:
        """Read a manifest as a whole.

        Args:
            path: as for an import.
            folder: see the attribute; by default the manifest's own.

        Raises:
            ManifestError: it cannot be read.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100  as imports spell it
        own = path if path.is_dir() else path.parent
        rows = tuple(named(read_rows(path), path.name))
        return cls(str(path), Path(folder or own), rows, is_typed(path))

    def manifest(self, shop: Shop) -> tuple[Manifest, dict[int, list[LeftOut]]]:
        """Return the rows as a manifest, and by row the cells that no item of it has.

        The category is in the columns that the shop remembers; where a row has none of them but
        `category`, that is the whole path.

        Raises:
            ManifestError: a column of the category is missing.
        """
        known = shop.catalogue.attribute_types()
        left_out: dict[int, list[LeftOut]] = {}
        rows = [_fitted(row, known, left_out) for row in self.rows]
        names = {name for row in rows for name in row.values}
        wanted = [column_name(name) for name in shop.settings.category_columns]
        category: Sequence[str] = wanted if names & set(wanted) - {"category"} else ()
        manifest = Manifest.of_rows(self.name, rows, self.folder, category, known, typed=self.typed)
        return manifest, left_out


def _row(number: int, given: object) -> Row:
    if isinstance(given, Row):
        values, problem = given.values, given.problem
    elif isinstance(given, Mapping):
        values = {str(name): _with_texts(cell) for name, cell in given.items()}
        problem = HALF_CHARACTER if has_lone_surrogate(values) else None
    else:
        values, problem = {}, f"it is no mapping of cells by column, but {type(given).__name__}"
    if problem:
        return Row(number, {}, problem)
    try:
        (row,) = named([Row(number, values)], "upsert")
    except ManifestError as error:
        return Row(number, {}, str(error))
    return row


def _with_texts(cell: object) -> object:
    """Return a cell with its paths as texts, as a manifest would have them."""
    if isinstance(cell, os.PathLike):
        return os.fspath(cell)
    if isinstance(cell, list | tuple):
        return [_with_texts(part) for part in cell]
    return cell


def _fitted(row: Row, known: Mapping[str, str], left_out: dict[int, list[LeftOut]]) -> Row:
    """Return the row without the cells that would turn an attribute into text."""
    values = dict(row.values)
    for name, kind in known.items():
        cell = plain(values.get(name))
        if cell is None or kind == "text" or name in PRICES:
            continue
        try:
            values[name] = fitted(cell, kind)
        except ValueError as error:
            del values[name]
            why = f"{error}; the item is taken in without it"
            left_out.setdefault(row.number, []).append(LeftOut(name, cell, why))
    return Row(row.number, values, row.problem)


def read_ids(path: Path) -> list[str]:
    """Return the ids of items that a file names.

    Args:
        path: a manifest with a column of ids, or any other text file with one id a line.

    Raises:
        ManifestError: it cannot be read, has no column of ids, or a row has none.
    """
    if path.suffix.lower() not in MANIFEST_SUFFIXES:
        return [line.strip() for line in _lines(path) if line.strip()]
    manifest = Manifest.scan(path)
    manifest.require("item_id")
    ids = []
    for row in manifest.named_rows():
        item_id = manifest.reader.item_id(row)
        if item_id is None:
            raise ManifestError(
                f"{path.name}, row {row.number}: {row.problem or 'it has no id'}; nothing was "
                "deleted: mend the row"
            )
        ids.append(item_id)
    return ids


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not UTF-8: save it as UTF-8") from error
