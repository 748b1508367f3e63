"""Reading the rows of a manifest: CSV, TSV, JSON Lines, Parquet, or a folder of category folders.

A file that cannot be read as a whole raises ManifestError; a single row that cannot be understood
comes out with its `problem`, so that the rest goes on.
"""

import codecs
import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from vsearch.errors import ManifestError

PHOTO_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_JSON_SUFFIXES = (".jsonl", ".ndjson")
MANIFEST_SUFFIXES = frozenset((".csv", ".tsv", *_JSON_SUFFIXES, ".parquet"))
HALF_CHARACTER = "it holds half a character (a lone \\ud… escape)"
_MAX_CELL = 16 * 2**20  # characters; a description in HTML exceeds csv's own limit of 131,072


@dataclass(frozen=True)
class Row:
    """One row of a manifest.

    Attributes:
        number: the line of the file on which the row begins (its header is line 1); for Parquet
            and folders the row's or photo's place, counted from 1.
        values: cell by column name, as the file names them.
        problem: why the row cannot be understood; `values` is then empty.
    """

    number: int
    values: dict[str, object]
    problem: str | None = None


def is_typed(path: Path) -> bool:
    """Say whether the manifest itself tells numbers from texts, as JSON and Parquet do."""
    return path.suffix.lower() not in _TEXT_SUFFIXES


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a manifest in order.

    Raises:
        ManifestError: missing, of an unknown kind, empty, not UTF-8, or damaged.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise ManifestError(f"there is no manifest {path}")
    if suffix in _TEXT_SUFFIXES:
        return _read_delimited(path)
    if suffix in _JSON_SUFFIXES:
        return _read_json_lines(path)
    if suffix == ".parquet":
        return _read_parquet(path)
    raise ManifestError(
        f"{path} is no kind of manifest that is known: expected .csv, .tsv, .txt (with tabs), "
        ".jsonl, .ndjson, .parquet, or a folder of category folders"
    )


def _read_delimited(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_MAX_CELL)
    with _open_text(path) as file:
        try:
            yield from _delimited_rows(path, file)
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error


def _delimited_rows(path: Path, file: TextIO) -> Iterator[Row]:
    delimiter = _delimiter(path, file)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    begin = 1
    try:
        for cells in reader:
            number, begin = begin, reader.line_num + 1
            if header is None:
                header = _header(path, cells) if any(cells) else None
            elif any(cells):
                yield _row(number, header, cells)
    except csv.Error as error:
        raise ManifestError(
            f"{path.name}, line {begin}: {error}; is a quotation mark missing or not doubled?"
        ) from error
    if header is None:
        raise ManifestError(f"{path} is empty: expected a line with the names of the columns")


def _delimiter(path: Path, file: TextIO) -> str:
    """Choose the separator that splits the header into most columns."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = next((line for line in file if line.strip()), "")
    file.seek(0)
    return max(",;\t|", key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise ManifestError(f"{path.name}: two columns are called “{repeated[0]}”: rename one")
    return names


def _row(number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    if any(cells[len(header) :]):
        problem = f"it has {len(cells)} cells, the header has {len(header)} columns"
        return Row(number, {}, f"{problem}: is a cell with the separator in it not quoted?")
    # A row may be short: some programs leave out empty cells at its end.
    return Row(number, {name: cell for name, cell in zip(header, cells, strict=False) if name})


def _open_text(path: Path) -> TextIO:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{path} is in UTF-16: save it as UTF-8 (in Excel “CSV UTF-8”)")
    return path.open(encoding="utf-8-sig", newline="")


def _not_utf8(path: Path) -> ManifestError:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return ManifestError(
                    f"{path.name}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8: "
                    "save the file as UTF-8 (in Excel “CSV UTF-8”)"
                )
    return ManifestError(f"{path.name} ends in the middle of a character: is it whole?")


def _read_json_lines(path: Path) -> Iterator[Row]:
    with _open_text(path) as file:
        number = 0
        try:
            # newline="" keeps \r within \r\n; json.loads ignores it as white space.
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield json_row(number, line)
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error
    if number == 0:
        raise ManifestError(f"{path} is empty: expected one JSON object per line")


def json_row(number: int, line: str) -> Row:
    """Read a row from the text of one JSON object."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, f"it is not JSON ({error})")
    if not isinstance(values, dict):
        return Row(number, {}, 'it is not a JSON object such as {"id": …}')
    if "\\ud" in line.lower() and has_lone_surrogate(values):
        return Row(number, {}, HALF_CHARACTER)
    return Row(number, values)


def has_lone_surrogate(values: object) -> bool:
    """Say whether texts among the values hold half a character, which no database can store."""
    try:
        json.dumps(values, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def _read_parquet(path: Path) -> Iterator[Row]:
    # Loading pyarrow takes longer than reading a small CSV file.
    import pyarrow.parquet  # noqa: PLC0415

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _header(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (pyarrow.lib.ArrowException, OSError) as error:
        raise ManifestError(f"{path} cannot be read as Parquet: {error}") from error


def _read_folder(path: Path) -> Iterator[Row]:
    """Yield every photo as one item: its id is the path without suffix, its folders the category.

    Hidden files, files that do not have a photo's suffix and links to folders are passed over.
    """
    number = 0
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            file = Path(folder, name).relative_to(path)
            if name.startswith(".") or file.suffix.lower() not in PHOTO_SUFFIXES:
                continue
            number += 1
            yield Row(
                number,
                {
                    "item_id": file.with_suffix("").as_posix(),
                    "title": " ".join(file.stem.replace("_", " ").split()),
                    "category": list(file.parent.parts),
                    "image_path": file.as_posix(),
                },
            )
    if number == 0:
        raise ManifestError(f"{path} holds no photos: expected folders named like categories")
