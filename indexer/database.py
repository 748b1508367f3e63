"""One SQLite file, shared safely by threads and processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from indexer.connections import Connections, connect
from indexer.schema import migrate
from vsearch.errors import ShopError


class Database:
    """Short transactions that take turns, and readers that wait for none of them.

    Write-ahead logging lets readers go on while anybody writes, and each reads through a connection
    of its own. A thread sees what it has written in its transaction, every other thread once that
    is committed.
    """

    def __init__(self, path: Path, connections: Connections) -> None:
        self.path = path
        self.root = path.parent
        self._connections = connections
        self._abandoned: list[Connections] = []
        # .connection: what this thread reads through just now; .marks: see `_mark`
        self._bound = threading.local()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, made and brought to the newest schema where needed.

        Raises:
            ShopError: not a database, damaged, or written by a newer version of the program.
        """
        path = Path(path).absolute()
        try:
            connection = connect(path)
            try:
                migrate(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise ShopError(f"{path} cannot be opened as a catalogue: {error}") from error
        return cls(path, Connections(path, connection))

    def close(self) -> None:
        """Close all connections; closing twice is fine."""
        self._own().close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all that happens inside, or on an exception nothing; an inner one joins.

        Raises:
            ShopError: the disk is full or failing, or another process writes for too long.
        """
        own = self._own()
        with own.writing, _told(self.path), self._reading_through(own.writer):
            if own.writer.in_transaction:
                yield own.writer
                return
            own.writer.execute("BEGIN IMMEDIATE")
            try:
                yield own.writer
                own.writer.execute("COMMIT")
            except BaseException:
                own.writer.rollback()  # does nothing where a full disk has ended it already
                raise

    @contextmanager
    def frozen(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection that sees the database as it is now, for as long as it is held.

        Nobody waits for it; but the write-ahead log grows until it is given back.

        Raises:
            ShopError: the disk is failing, or the file is damaged.
        """
        with _told(self.path), self._own().reader() as connection:
            connection.execute("BEGIN")
            try:
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # now in fact
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """Let all that this thread reads here be of one moment, which is now, until it ends.

        It holds for every method, and for the connection that is provided. Only the thread's own
        transactions see more: whoever writes writes to what is there by then. See `frozen`.
        """
        with self.frozen() as connection, self._reading_through(connection, marks={}):
            yield connection

    @contextmanager
    def some_moment(self) -> Iterator[bool]:
        """Let this thread read in the moment or transaction that it has open, or else in one.

        Yields:
            Whether all that it sees is committed: not so within its own transaction.
        """
        bound: sqlite3.Connection | None = getattr(self._bound, "connection", None)
        if bound is not None:
            yield bound is not self._own().writer
            return
        with self.moment():
            yield True

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        connection: sqlite3.Connection | None = getattr(self._bound, "connection", None)
        with _told(self.path):
            if connection is not None:
                return connection.execute(query, values).fetchall()
            with self._own().reader() as reader:
                return reader.execute(query, values).fetchall()

    def _row(self, query: str, *values: object) -> sqlite3.Row | None:
        rows = self._rows(query, *values)
        return rows[0] if rows else None

    def _mark(self, query: str) -> sqlite3.Row | None:
        """Return the row of a query that tells how far the catalogue has come.

        Within a moment it is asked once: a search wants to know it half a dozen times.
        """
        marks: dict[str, sqlite3.Row | None] | None = getattr(self._bound, "marks", None)
        if marks is None:
            return self._row(query)
        if query not in marks:
            marks[query] = self._row(query)
        return marks[query]

    def _snapshot(self, query: str, *values: object) -> Iterator[sqlite3.Row]:
        """Yield rows as they were when the reading began, or as the thread's moment has them.

        What the thread's own transaction has written is not among them: it may go on writing.
        """
        with (
            _told(self.path),
            self._streaming() as connection,
            closing(connection.execute(query, values)) as rows,
        ):
            yield from rows

    @contextmanager
    def _streaming(self) -> Iterator[sqlite3.Connection]:
        own = self._own()
        bound: sqlite3.Connection | None = getattr(self._bound, "connection", None)
        if bound is not None and bound is not own.writer:
            yield bound
            return
        with own.reader() as connection:
            yield connection

    @contextmanager
    def _reading_through(
        self, connection: sqlite3.Connection, marks: dict[str, sqlite3.Row | None] | None = None
    ) -> Iterator[None]:
        before = getattr(self._bound, "connection", None), getattr(self._bound, "marks", None)
        self._bound.connection, self._bound.marks = connection, marks
        try:
            yield
        finally:
            self._bound.connection, self._bound.marks = before

    def _own(self) -> Connections:
        """Return the connections of this process; a forked one opens some for itself."""
        if self._connections.foreign:
            # Kept, not closed: SQLite forbids a child to touch connections of its parent.
            self._abandoned.append(self._connections)
            self._bound = threading.local()
            self._connections = Connections(self.path, connect(self.path))
        return self._connections


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
