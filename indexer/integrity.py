"""Whether a database file is whole, as SQLite sees it."""

import sqlite3

THOROUGH_BYTES = 2**30  # a larger file gets the check that does not compare indexes with tables


def integrity_problem(connection: sqlite3.Connection, size: int) -> str | None:
    """Return what is wrong with a database, None where it is sound.

    Args:
        connection: to the database.
        size: of its file in bytes.
    """
    kind = "integrity_check" if size <= THOROUGH_BYTES else "quick_check"
    try:
        ((told,), *more) = connection.execute(f"PRAGMA {kind}(10)").fetchall()
        if told != "ok":
            return f"{told} (and {len(more)} more)" if more else str(told)
        dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return f"a row of {dangling[0]} refers to nothing" if dangling else None
