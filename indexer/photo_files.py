"""Which photo files of a catalogue are where it says."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsearch.progress import Progress, silent, track


@dataclass(frozen=True)
class PhotoFiles:
    """How many photo files a catalogue names, how many of them are absent, and one of those."""

    named: int
    absent: int
    example: Path | None


def look_for_photos(
    connection: sqlite3.Connection, root: Path, progress: Progress = silent
) -> PhotoFiles:
    """Look whether every photo's file is there; none is read.

    Args:
        connection: to the catalogue.
        root: the shop's folder, which paths inside it are relative to.
        progress: told of the stage "photo files".
    """
    (named,) = connection.execute("SELECT count(DISTINCT path) FROM photos").fetchone()
    absent = list(_absent(connection, root, named, progress))
    return PhotoFiles(named, len(absent), absent[0] if absent else None)


def _absent(
    connection: sqlite3.Connection, root: Path, named: int, progress: Progress
) -> Iterator[Path]:
    paths = connection.execute("SELECT DISTINCT path FROM photos ORDER BY path")
    for (path,) in track(paths, named, "photo files", progress):
        if not (root / path).is_file():
            yield root / path
