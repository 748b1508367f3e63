"""Reading a backup: every byte is checked, and nothing is written but plain files of a shop."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexer.archive import HEADER, KIND, LIST, PRIVATE, SCHEMA, Count, Entry, check_name
from indexer.tar_blocks import CHUNK, Member, read_members
from vsearch.errors import ArchiveError
from vsearch.storage import open_new


@dataclass(frozen=True)
class Contents:
    """What a backup holds: what its header tells, and its files by name."""

    header: Mapping[str, Any]
    entries: Mapping[str, Entry]


def read_archive(path: Path, folder: Path | None, count: Count) -> Contents:
    """Read a whole backup and check every byte of it.

    Args:
        path: a tar file or a folder.
        folder: an empty folder to unpack into; None: the backup is only checked.
        count: told how many bytes were read.

    Raises:
        ArchiveError: no backup, one of a newer program, or one that is damaged or incomplete.
    """
    try:
        with _members(path) as members:
            return _read(members, folder, count)
    except ArchiveError as error:
        raise ArchiveError(f"the backup {path} cannot be used: {error}") from error


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    if path.is_dir():
        yield _folder_members(path)
    elif path.is_file():
        with path.open("rb") as file:
            yield read_members(file)
    else:
        raise ArchiveError("there is no such file or folder")


def _folder_members(folder: Path) -> Iterator[Member]:
    """Yield the files of a folder: the header first, the list last."""
    names = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArchiveError(f"“{name}” in it is not a plain file")
        if path.is_file():
            names.append(name)
    for name in sorted(names, key=lambda name: (name != HEADER, name == LIST, name)):
        with (folder / name).open("rb") as file:
            yield name, iter(lambda: file.read(CHUNK), b"")


def _read(members: Iterator[Member], folder: Path | None, count: Count) -> Contents:
    header: Mapping[str, Any] | None = None
    found: dict[str, Entry] = {}
    for name, parts in members:
        if header is None and name != HEADER:
            raise ArchiveError(f"it is no backup of a shop: it begins with “{name}”, not {HEADER}")
        check_name(name)
        if name in found:
            raise ArchiveError(f"{name} is in it twice")
        if name in {HEADER, LIST}:
            data = b"".join(_counted(parts, count))
            entry = Entry(name, len(data), hashlib.sha256(data).hexdigest(), 0)
            if name == LIST:
                _end(members)
                listed = _listed(data)
                _compare(listed, found)
                if folder is not None:
                    _set_times(folder, listed)
                return Contents(header or {}, found)
            header = _header(data)
        else:
            entry = _take(name, parts, folder, count)
        found[name] = entry
    raise ArchiveError(f"its last file, {LIST}, is missing: it was not written or copied whole")


def _counted(parts: Iterator[bytes], count: Count) -> Iterator[bytes]:
    for part in parts:
        count(len(part))
        yield part


def _header(data: bytes) -> Mapping[str, Any]:
    try:
        header: Mapping[str, Any] = json.loads(data)
        kind, schema = header["kind"], int(header["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"its {HEADER} cannot be read ({error!r})") from error
    if kind != KIND:
        raise ArchiveError(f"it is no backup of a shop: {HEADER} says it is “{kind}”")
    if schema > SCHEMA:
        raise ArchiveError(
            f"it is of schema {schema}, this program reads up to {SCHEMA}: update the program"
        )
    return header


def _take(name: str, parts: Iterator[bytes], folder: Path | None, count: Count) -> Entry:
    digest, size = hashlib.sha256(), 0
    path = Path(os.devnull) if folder is None else folder / name
    if folder is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    new = None if folder is None else open_new(path, private=name in PRIVATE)
    with new or path.open("wb") as file:
        for part in _counted(parts, count):
            file.write(part)
            digest.update(part)
            size += len(part)
    return Entry(name, size, digest.hexdigest(), 0)


def _end(members: Iterator[Member]) -> None:
    for name, _ in members:
        raise ArchiveError(f"“{name}” follows the list of its files")


def _listed(data: bytes) -> dict[str, Entry]:
    """Return the entries of the list, after a check of the digest at its end."""
    *lines, last = data.splitlines(keepends=True) or [b""]
    try:
        end = json.loads(last)
        told = (end["files"], end["sha256"])
        entries = [_entry(json.loads(line)) for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"its {LIST} is damaged ({error!r})") from error
    if told != (len(lines), hashlib.sha256(b"".join(lines)).hexdigest()):
        raise ArchiveError(f"its {LIST} is damaged (SHA-256 differs)")
    return {entry.path: entry for entry in entries}


def _entry(values: Mapping[str, Any]) -> Entry:
    entry = Entry(str(values["path"]), int(values["bytes"]), str(values["sha256"]), 0)
    mtime_ns = int(values["mtime_ns"])
    if not 0 <= mtime_ns < 1 << 63:
        raise ValueError(f"the time of {entry.path} is {mtime_ns}")
    return replace(entry, mtime_ns=mtime_ns)


def _compare(listed: Mapping[str, Entry], found: Mapping[str, Entry]) -> None:
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            raise ArchiveError(f"{name} is missing")
        if name not in listed:
            raise ArchiveError(f"{name} is not in its list of files")
        if (listed[name].bytes, listed[name].sha256) != (found[name].bytes, found[name].sha256):
            raise ArchiveError(f"{name} is damaged (its SHA-256 or size differs)")


def _set_times(folder: Path, listed: Mapping[str, Entry]) -> None:
    """Give photos their time of change back: an import knows by it that they are unchanged."""
    for name, entry in listed.items():
        if entry.mtime_ns and name != HEADER:
            os.utime(folder / name, ns=(entry.mtime_ns, entry.mtime_ns))
