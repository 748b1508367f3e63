"""tags.csv: one row for each photo, written batch by batch, mended and taken up after a kill."""

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from api.tagging import Tags, Unreadable
from vsearch.errors import BusyError, ShopError
from vsearch.storage import sync_path

# No row is as long. What is left at the end beyond it is no half-written line but a damaged file.
_LONGEST = 2**16
DIGEST_BYTES = 16


class Row(NamedTuple):
    """What tags.csv says of a photo, as text.

    Attributes:
        photo: its path, as the command was told.
        label: the labels that it is given, joined with ` | `.
        category: the best label's place in the tree, such as `Fruit > Apple`, or empty.
        probability: that of the best label, 0..1 with six decimals; empty where it is unreadable.
        unknown: `true` or `false` where that is judged, else empty.
        unknown_score: how foreign it looks, 0..1 with six decimals, unknown from .5 on; or empty.
        error: why the photo cannot be read; empty where it can.
        model: the model_fingerprint of the model that was asked.
        size: bytes of the file.
        modified_ns: when it was changed, in ns since 1970. With the size it tells the photo from
            another that takes its name later, as cameras do.
    """

    photo: str
    label: str
    category: str
    probability: str
    unknown: str
    unknown_score: str
    error: str
    model: str
    size: str
    modified_ns: str

    @classmethod
    def of(cls, answer: Tags | Unreadable, model: str, state: tuple[str, str]) -> "Row":
        """Return the row of an answer; `state` is the photo's `state_of` before it was read."""
        photo = str(answer.photo)
        if isinstance(answer, Unreadable):
            return cls(photo, "", "", "", "", "", str(answer.error), model, *state)
        judged, score = answer.shown.unknown, answer.shown.unknown_score
        return cls(
            photo,
            answer.label,
            answer.category,
            f"{answer.best.probability:.6f}",
            "" if judged is None else str(judged).lower(),
            "" if score is None else f"{score:.6f}",
            "",
            model,
            *state,
        )

    @property
    def state(self) -> tuple[str, str]:
        """Return what `state_of` said of the photo when it was read."""
        return self.size, self.modified_ns


COLUMNS = Row._fields


def state_of(photo: str | Path) -> tuple[str, str]:
    """Return size and time of change of a file as a row tells them; empty where it is gone."""
    try:
        status = os.stat(photo)  # noqa: PTH116  a hundred thousand of them
    except (OSError, ValueError):
        return "", ""
    return str(status.st_size), str(status.st_mtime_ns)


class PhotoSet:
    """Photos in a certain state, in 16 bytes each: digests of path, size and time of change."""

    def __init__(self, digests: bytes | bytearray = b"") -> None:
        self._digests = np.unique(np.frombuffer(bytes(digests), f"S{DIGEST_BYTES}"))

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, photo: tuple[str, tuple[str, str]]) -> bool:
        # NumPy takes the zeros at the end for padding, here and when it compares.
        wanted = digest(*photo).rstrip(b"\0")
        place = int(np.searchsorted(self._digests, np.bytes_(wanted)))
        return place < len(self) and bool(self._digests[place] == wanted)


def digest(photo: str, state: tuple[str, str]) -> bytes:
    """Return 16 bytes that stand for a photo in a state, however its path is written."""
    # NUL is in no path, so no two photos are joined to the same text.
    told = "\0".join((os.path.abspath(photo), *state))  # noqa: PTH100  Path.absolute keeps `..`
    return hashlib.blake2b(told.encode(errors="surrogateescape"), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True)
class TagsFile:
    """A tags.csv of one model, open for more rows.

    Attributes:
        path: where it is.
        model: the model_fingerprint that each of its rows names.
    """

    path: Path
    model: str

    @classmethod
    @contextmanager
    def open(cls, path: Path, model: str, *, overwrite: bool = False) -> Iterator["TagsFile"]:
        """Make the file, or take up what an earlier run has written, a half-written row cut off.

        Args:
            path: tags.csv.
            model: the model_fingerprint of the model that is asked.
            overwrite: throw away what is there.

        Raises:
            ShopError: the file is of another model, or no tags.csv.
            BusyError: another process writes it.
        """
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"another classify writes {path}: wait, or name another --out"
            ) from error
        try:
            file = cls(path, model)
            if overwrite:
                path.write_bytes(b"")
            file._mend()
            yield file
        finally:
            lock.release()

    def rows(self) -> Iterator[Row]:
        """Yield the rows, one in memory at a time.

        Raises:
            ShopError: a row is damaged or names another model.
        """
        for number, (_, record) in enumerate(_records(self.path)):
            if number:
                yield self._checked(record)

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows; they are on the disk when this returns."""
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        with self.path.open("ab") as file:
            file.write(text.getvalue().encode(errors="surrogateescape"))
            file.flush()
            os.fsync(file.fileno())

    def _mend(self) -> None:
        header, begun = _header(), b""
        if self.path.exists():
            with self.path.open("rb") as file:
                begun = file.read(len(header))
        if header.startswith(begun) and begun != header:  # new, or killed in its first line
            self.path.write_bytes(header)
            sync_path(self.path)
            sync_path(self.path.parent)
            return
        if begun != header:
            raise ShopError(f"{self.path} {_NOT_OURS}")
        end = 0
        for end, _ in _records(self.path):  # noqa: B007  the last is what counts
            pass
        os.truncate(self.path, end)

    def _checked(self, record: bytes) -> Row:
        text = record.decode(errors="surrogateescape")
        try:
            row = Row(*next(csv.reader(io.StringIO(text, newline=""), strict=True)))
            probable = not row.probability or 0 <= float(row.probability) <= 1
        except (csv.Error, TypeError, ValueError) as error:
            raise ShopError(f"{self.path}: the row {text[:80]!r} {_NOT_OURS}") from error
        if not probable:
            raise ShopError(f"{self.path}: the row {text[:80]!r} {_NOT_OURS}")
        if row.model != self.model:
            raise ShopError(
                f"{self.path} was written with model {row.model}, and {self.model} is asked now: "
                "name another --out, or give --overwrite to classify all photos again"
            )
        return row


_NOT_OURS = (
    "is not what this version of `vsearch classify` writes: name another --out, or give "
    "--overwrite to throw the file away"
)


def _header() -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(COLUMNS)
    return text.getvalue().encode()


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield where each whole record ends, and its bytes; a name may have line breaks in it."""
    end, record = 0, bytearray()
    with path.open("rb") as file:
        while line := file.readline(_LONGEST):
            record += line
            if len(record) >= _LONGEST:
                raise ShopError(f"{path}: the row {bytes(record[:60])!r} … {_NOT_OURS}")
            # Quotes come in pairs, doubled ones within a field too, unless a field goes on.
            if line.endswith(b"\n") and record.count(b'"') % 2 == 0:
                end += len(record)
                yield end, bytes(record)
                record.clear()
