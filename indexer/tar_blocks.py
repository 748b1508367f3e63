"""Tar files of plain files alone, read with suspicion and to the last byte.

Python's tarfile takes a damaged header for the end of the file, follows links and sparse files, and
keeps every header in memory. Here anything but a regular file is refused, and so is every byte that
is not as it was written: in a header, in the padding, behind the end. Any program that knows tar
(POSIX ustar, with GNU's sizes above 8 GiB) reads such a file too.
"""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vsearch.errors import ArchiveError

CHUNK = 1 << 20
NAME_LENGTH = 100  # characters; a longer name would need a header of a kind that is not read here

Member = tuple[str, Iterator[bytes]]
"""The name of a file and its bytes, in pieces; to be read to the end before the next member."""


class Announced(NamedTuple):
    """What is told of a file before its bytes.

    Attributes:
        name: with `/` between folders.
        size: in bytes.
        seconds: when it was changed, since 1970.
    """

    name: str
    size: int
    seconds: int


def write_member(file: BinaryIO, told: Announced, parts: Iterator[bytes]) -> None:
    """Append a file to a tar file.

    Raises:
        ValueError: the name is too long, or the parts do not add up to the size.
    """
    if len(told.name.encode()) > NAME_LENGTH:
        raise ValueError(f"the name {told.name} is longer than {NAME_LENGTH} bytes")
    header = tarfile.TarInfo(told.name)
    header.size, header.mtime, header.mode = told.size, told.seconds, 0o644
    file.write(header.tobuf(tarfile.GNU_FORMAT))
    written = 0
    for part in parts:
        file.write(part)
        written += len(part)
    if written != told.size:
        raise ValueError(f"{told.name} has {written} bytes, {told.size} were announced")
    file.write(bytes(-written % tarfile.BLOCKSIZE))


def write_end(file: BinaryIO) -> None:
    """Append what ends a tar file."""
    file.write(bytes(2 * tarfile.BLOCKSIZE))
    file.write(bytes(-file.tell() % tarfile.RECORDSIZE))


def read_members(file: BinaryIO) -> Iterator[Member]:
    """Yield the files of a tar file in order.

    Raises:
        ArchiveError: it is cut off, damaged, or holds anything but plain files.
    """
    while (block := _read(file, tarfile.BLOCKSIZE, "a header")) != bytes(tarfile.BLOCKSIZE):
        header = _header(block)
        parts = _parts(file, header)
        yield header.name, parts
        for _ in parts:
            raise ValueError(f"{header.name} was not read to its end")
        if any(_read(file, -header.size % tarfile.BLOCKSIZE, header.name)):
            raise ArchiveError(f"it is damaged behind {header.name}")
    _check_end(file)


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise ArchiveError(f"it is no tar file, or damaged in a header ({error})") from error
    if header.type != tarfile.REGTYPE or header.size < 0:
        raise ArchiveError(f"“{header.name}” in it is not a plain file")
    return header


def _parts(file: BinaryIO, header: tarfile.TarInfo) -> Iterator[bytes]:
    left = header.size
    while left:
        part = _read(file, min(CHUNK, left), header.name)
        left -= len(part)
        yield part


def _read(file: BinaryIO, size: int, what: str) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ArchiveError(f"it ends in the middle of {what}: it was not copied whole")
    return data


def _check_end(file: BinaryIO) -> None:
    rest = file.read(2 * tarfile.RECORDSIZE)
    size = file.tell()
    if len(rest) < tarfile.BLOCKSIZE or size % tarfile.RECORDSIZE:
        raise ArchiveError("its end is cut off: it was not copied whole")
    if any(rest) or file.read(1):
        raise ArchiveError("something follows its end")
