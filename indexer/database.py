"""One SQLite file, shared safely by threads and processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from indexer.schema import migrate
from vsearch.errors import ShopError

BUSY_SECONDS = 30.0


class Database:
    """A connection that threads take turns on, short transactions, and snapshots for long reads.

    Write-ahead logging lets readers go on while another process writes. `synchronous=FULL` syncs
    the log at every commit, so what was acknowledged survives a power cut, not only a killed
    process; writers commit by batch, which makes the price of it small.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.root = path.parent
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, made and brought to the newest schema where needed.

        Raises:
            ShopError: not a database, damaged, or written by a newer version of the program.
        """
        path = Path(path).absolute()
        try:
            connection = _connect(path)
            try:
                migrate(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise ShopError(f"{path} cannot be opened as a catalogue: {error}") from error
        return cls(path, connection)

    def close(self) -> None:
        """Close the connection; closing twice is fine."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all that happens inside, or on an exception nothing; an inner one joins.

        Raises:
            ShopError: the disk is full or failing, or another process writes for too long.
        """
        with self._lock, _told(self.path):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()  # does nothing where a full disk has ended it already
                raise

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock, _told(self.path):
            return self._connection.execute(query, values).fetchall()

    def _row(self, query: str, *values: object) -> sqlite3.Row | None:
        rows = self._rows(query, *values)
        return rows[0] if rows else None

    @contextmanager
    def frozen(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection that sees the database as it is now, for as long as it is held.

        Nobody waits for it; but the write-ahead log grows until it is given back.

        Raises:
            ShopError: the disk is failing, or the file is damaged.
        """
        with _told(self.path), closing(_connect(self.path)) as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # begins in fact
            yield connection

    def _snapshot(self, query: str, *values: object) -> Iterator[sqlite3.Row]:
        """Yield rows as they were when the reading began, without holding up anybody."""
        with _told(self.path), closing(_connect(self.path)) as connection:
            yield from connection.execute(query, values)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what the disk or another process did as an error that a person can mend."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise  # a bug of ours
        raise ShopError(
            f"the catalogue {path} cannot be read or written: {error}; look at its disk, and at "
            "other programs that use it"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand (isolation_level=None); the lock above allows other threads.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # SQLite itself folds A to Z only; filters ignore the case of all letters.
        connection.create_function("casefold", 1, _casefold, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
