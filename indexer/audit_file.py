"""audit.csv: what an audit has found, one row a photo, for a person to decide on."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from indexer.attributes import plain
from indexer.rows import read_rows
from vsearch.errors import ManifestError, ShopError
from vsearch.storage import write_atomically

Kind = Literal["label", "duplicate", "odd"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KEPT_FILE = "audit.csv"  # of a shop: what its last audit has found


@dataclass(frozen=True)
class AuditRow:
    """A row of the file, as text.

    Attributes:
        photo: the photo's path, for the person who decides.
        content_hash: what the photo is known by.
        item_id: the item that it stands with.
        kind: what was found: a doubtful `label`, a `duplicate` of another item's photo, or an `odd`
            one among its item's photos.
        column: where the label comes from: `item_id`, `category` or an attribute.
        label: the label that it has.
        suggested: the label that it may have instead.
        doubt: how doubtful the label is; 0..1, or by how much an odd photo is nearer to another
            item's.
        flagged: `yes` where confident learning takes the label for wrong.
        decision: `accept`, `relabel` or `drop`; empty: left open.
        new_label: with `relabel`, what to take instead of the suggestion.
    """

    photo: str
    content_hash: str
    item_id: str
    kind: str
    column: str
    label: str
    suggested: str
    doubt: str = ""
    flagged: str = ""
    decision: str = ""
    new_label: str = ""


COLUMNS = tuple(field.name for field in fields(AuditRow))
_NEEDED = frozenset(COLUMNS) - {"photo", "doubt", "flagged", "kind"}


@dataclass(frozen=True)
class NumberedRow:
    """A row with its line in the file; `problem` says why it cannot be understood."""

    number: int
    row: AuditRow
    problem: str | None = None


def write_audit(path: Path, rows: Sequence[AuditRow]) -> None:
    """Write the file in one step, over what is there: see `check_audit_file`.

    It begins with a byte order mark, so that spreadsheet programs read it as UTF-8.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    write_atomically(path, text.getvalue().encode("utf-8-sig", errors="replace"))


def read_audit(path: Path) -> Iterator[NumberedRow]:
    """Yield the rows of the file in order.

    Raises:
        ManifestError: it cannot be read as a whole, or a column is missing.
    """
    for number, row in enumerate(read_rows(path)):
        values = {name.strip().casefold(): _text(cell) for name, cell in row.values.items()}
        missing = sorted(_NEEDED - values.keys()) if not row.problem else []
        if missing and not number:
            raise ManifestError(
                f"{path.name} has no column “{missing[0]}”: expected what `vsearch audit --out` "
                f"writes, {', '.join(COLUMNS)}"
            )
        told = AuditRow(**{name: values.get(name, "") for name in COLUMNS})
        yield NumberedRow(row.number, told, row.problem)


def check_audit_file(path: Path) -> None:
    """Refuse to write over decisions that somebody has made, or over anything else.

    Raises:
        ShopError: the file holds decisions, or is no audit file.
    """
    if not path.exists():
        return
    try:
        decided = sum(bool(one.row.decision) for one in read_audit(path))
    except ManifestError as error:
        raise ShopError(
            f"{path} is there and no audit file ({error}): name another --out, or give --overwrite"
        ) from error
    if decided:
        raise ShopError(
            f"{path} holds {decided:,} decisions: apply them with `vsearch audit --apply`, then "
            "name another --out, or give --overwrite to throw them away"
        )


def _text(cell: object) -> str:
    value = plain(cell)
    return "" if value is None else str(value)
