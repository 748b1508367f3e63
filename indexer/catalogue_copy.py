"""A copy of a catalogue in use, as it was at one moment, and which photo files belong to it."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from indexer.catalogue import Catalogue
from indexer.integrity import integrity_problem
from vsearch.errors import ShopError
from vsearch.progress import Progress, silent

_PAGES = 2000  # copied at a time: about 8 MB
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_OWN = re.compile(r"photos(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")


class CatalogueCopy:
    """A copy of a catalogue in a file of its own that nobody else uses."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    @contextmanager
    def make(
        cls, catalogue: Catalogue, path: Path, progress: Progress = silent
    ) -> Iterator["CatalogueCopy"]:
        """Copy a catalogue with SQLite's online backup, while others read and write it.

        Args:
            catalogue: stays as it is.
            path: the file to be made.
            progress: told of the pages of the database.

        Raises:
            ShopError: the copy is damaged, so the catalogue is.
        """
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            # The source is held at one moment. Otherwise SQLite begins anew with every commit of
            # another process, and a busy shop's backup never ends.
            with catalogue.frozen() as source:
                source.backup(
                    connection,
                    pages=_PAGES,
                    progress=lambda _, left, total: progress("catalogue", total - left, total),
                )
            connection.execute("PRAGMA journal_mode = DELETE")  # all in one file
            if problem := integrity_problem(connection, path.stat().st_size):
                raise ShopError(
                    f"the catalogue {catalogue.path} is damaged: {problem}; restore an older "
                    "backup, or import again into a new shop"
                )
            yield cls(path, connection)

    def sequence(self) -> int:
        """Return the sequence number of the last change in the copy, 0 before any."""
        (sequence,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM changes")
        return int(sequence[0])

    def items(self) -> int:
        """Count the items."""
        ((items,),) = self._connection.execute("SELECT count(*) FROM items")
        return int(items)

    def own_photos(self) -> list[tuple[str, str]]:
        """Return path and content hash of all photos that lie in the shop's folder, by path."""
        return [photo for photo in self._photos() if not Path(photo[0]).is_absolute()]

    def other_photos(self) -> list[tuple[str, str]]:
        """Return absolute path and content hash of all photos that lie elsewhere, by path."""
        return [photo for photo in self._photos() if Path(photo[0]).is_absolute()]

    def _photos(self) -> list[tuple[str, str]]:
        query = "SELECT DISTINCT path, content_hash FROM photos ORDER BY path"
        return self._connection.execute(query).fetchall()

    def adopt(self, moves: Iterable[tuple[str, str]]) -> None:
        """Let photos be found at a new path within the shop, given as (new, old) paths."""
        self._connection.execute("BEGIN")
        self._connection.executemany("UPDATE photos SET path = ? WHERE path = ?", moves)
        self._connection.execute("COMMIT")


def name_in_backup(path: str, content_hash: str) -> str:
    """Return where a backup keeps a photo: its own place, or one by its content."""
    if _OWN.fullmatch(path):
        return path
    suffix = Path(path).suffix.lower()
    name = content_hash + (suffix if _SUFFIX.fullmatch(suffix) else "")
    return f"photos/{content_hash[:2]}/{name}"
