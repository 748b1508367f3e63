"""The connections of one process to one SQLite file: one that writes, and a few that read.

With write-ahead logging a reader waits for nobody, as long as it has a connection of its own: the
one that writes may wait for the write lock of another process for half a minute. Readers take one
from a pool and give it back, so there are never more than threads that read at one moment, and
most of the time `MOST_IDLE` at most.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_SECONDS = 30.0
MOST_IDLE = 8  # readers kept open for the next one; each takes up to 2 MB and two file descriptors


class Connections:
    """Connections that only the process which made them may use, or close.

    Attributes:
        writer: the connection that writes; whoever uses it holds `writing`.
        writing: threads take turns on the writer; held again by the thread that holds it.
    """

    def __init__(self, path: Path, writer: sqlite3.Connection) -> None:
        self.writer = writer
        self.writing = threading.RLock()
        self._path = path
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @property
    def foreign(self) -> bool:
        """Whether another process has made them, which was forked into this one."""
        return self._process != os.getpid()

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that reads; nobody else uses it meanwhile.

        Raises:
            sqlite3.ProgrammingError: they are closed.
        """
        connection = self._taken() or connect(self._path, reads_only=True)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close all; those that are lent close when they are given back. Twice is fine."""
        with self.writing, self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self.writer.close()

    def _taken(self) -> sqlite3.Connection | None:
        with self._lock:
            if self._closed:
                raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()


def connect(path: Path, *, reads_only: bool = False) -> sqlite3.Connection:
    """Open a file as all connections of a catalogue are.

    `synchronous=FULL` syncs the log at every commit, so what was acknowledged survives a power cut,
    not only a killed process; writers commit by batch, which makes the price of it small.

    Raises:
        sqlite3.Error: it is no database, or cannot be opened.
    """
    # Transactions are begun by hand (isolation_level=None); one thread at a time uses it.
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
        if reads_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
