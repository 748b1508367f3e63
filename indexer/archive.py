"""The files of a backup as they are written: one tar file or one folder, all of them listed.

The first file, backup.json, says that this is a backup of a shop, and of which schema; the last,
files.jsonl, lists all others with size and SHA-256, and ends with a digest of itself. What was cut
off therefore has no list, and a file that nobody listed is as wrong as one that is missing. Names
are those that a shop has: none can lead out of the folder that they are unpacked into.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from indexer.audit_file import KEPT_FILE
from indexer.shop import KEYS_FILE
from indexer.tar_blocks import CHUNK, Announced, write_end, write_member
from vsearch.errors import ArchiveError
from vsearch.progress import Progress
from vsearch.storage import open_new, sync_tree

HEADER, LIST = "backup.json", "files.jsonl"
PRIVATE = frozenset((KEYS_FILE,))  # only their owner may read them, restored too
KIND, SCHEMA = "vsearch backup", 1

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"  # never “..”, nothing hidden, nothing that a shell expands
_NAME = re.compile(
    rf"{re.escape(HEADER)}|{re.escape(LIST)}|shop\.toml|catalogue\.db|CURRENT|TRAINED"
    rf"|{re.escape(KEYS_FILE)}|{re.escape(KEPT_FILE)}"
    rf"|models/[0-9a-f]{{16}}(/{_PART})+|indexes/\d{{8}}T\d{{6}}-[0-9a-f]{{8}}(/{_PART})+"
    rf"|photos(/{_PART})+"
)

Count = Callable[[int], None]
"""Told of every piece of data: how many bytes it has."""


class Megabytes:
    """Counts bytes and reports them as a stage in MB."""

    def __init__(self, stage: str, total: int, progress: Progress) -> None:
        self._stage, self._total, self._progress = stage, total, progress
        self._done = 0
        self(0)

    def __call__(self, size: int) -> None:
        """Add a piece of data."""
        self._done += size
        # Rounded up: what is there at all is at least one, and the end is the total.
        self._progress(self._stage, -(-self._done // 10**6), -(-self._total // 10**6))


@dataclass(frozen=True)
class Entry:
    """A file of a backup: its name, size in bytes, SHA-256 in hex, time of change."""

    path: str
    bytes: int
    sha256: str
    mtime_ns: int


class Sink(Protocol):
    """Where the files of a backup go."""

    def put(self, told: Announced, parts: Iterator[bytes]) -> None:
        """Take in a file."""

    def end(self) -> None:
        """Wait until everything is on the disk; nothing is put in after it."""


class TarSink:
    """A new tar file, open for writing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def put(self, told: Announced, parts: Iterator[bytes]) -> None:
        """Append a file."""
        write_member(self._file, told, parts)

    def end(self) -> None:
        """End the tar file and wait until it is on the disk."""
        write_end(self._file)
        self._file.flush()
        os.fsync(self._file.fileno())


class FolderSink:
    """A new folder, still empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, told: Announced, parts: Iterator[bytes]) -> None:
        """Write a file."""
        path = self._folder / told.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_new(path, private=told.name in PRIVATE) as file:
            file.writelines(parts)

    def end(self) -> None:
        """Wait until everything is on the disk."""
        sync_tree(self._folder)


@contextmanager
def open_sink(path: Path, *, tar: bool) -> Iterator[Sink]:
    """Make a tar file or a folder that a backup is written into."""
    if tar:
        with path.open("xb") as file:
            yield TarSink(file)
    else:
        path.mkdir()
        yield FolderSink(path)


class ArchiveWriter:
    """Writes a backup file by file; what it has written is in `entries`, by name."""

    def __init__(self, sink: Sink, told: Mapping[str, object]) -> None:
        self._sink = sink
        self.entries: dict[str, Entry] = {}
        header = {"kind": KIND, "schema": SCHEMA, **told}
        self.add_bytes(HEADER, (json.dumps(header, ensure_ascii=False, indent=1) + "\n").encode())

    def add_bytes(self, name: str, data: bytes, mtime_ns: int = 0) -> Entry:
        """Add a file of these bytes."""
        return self.add(name, io.BytesIO(data), len(data), mtime_ns)

    def add(
        self, name: str, file: BinaryIO, size: int, mtime_ns: int, count: Count = lambda _: None
    ) -> Entry:
        """Add a file of `size` bytes; `count` is told of every piece of it.

        Raises:
            ArchiveError: the name is none that a shop has, or the file has become shorter.
        """
        check_name(name)
        digest = hashlib.sha256()

        def parts() -> Iterator[bytes]:
            left = size
            while left:
                part = file.read(min(CHUNK, left))
                if not part:
                    raise ArchiveError(f"{name} became shorter while it was copied")
                digest.update(part)
                count(len(part))
                left -= len(part)
                yield part

        self._sink.put(Announced(name, size, mtime_ns // 10**9), parts())
        self.entries[name] = entry = Entry(name, size, digest.hexdigest(), mtime_ns)
        return entry

    def finish(self) -> None:
        """Add the list of all files; after it nothing can be added."""
        lines = "".join(json.dumps(asdict(entry)) + "\n" for entry in self.entries.values())
        end = {"files": len(self.entries), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
        self.add_bytes(LIST, (lines + json.dumps(end) + "\n").encode())
        self._sink.end()


def check_name(name: str) -> None:
    """Check that a file of a backup has a name that a shop's files have.

    Raises:
        ArchiveError: it has another one.
    """
    if not _NAME.fullmatch(name):
        raise ArchiveError(f"“{name}” is no file of a shop")
