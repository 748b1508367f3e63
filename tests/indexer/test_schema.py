"""A catalogue of every older schema becomes one of today, with all that it holds."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from indexer import schema
from indexer.catalogue import Catalogue
from indexer.records import ItemRow, PhotoRow

CONTENTS = (
    """INSERT INTO categories VALUES (1, '["Fruit", "Apple"]')""",
    """INSERT INTO items VALUES (1, 'gala', 'Gala', 1, '[]', 'apples', '{"price": 2.5}', 'ok',
       NULL, 1)""",
    """INSERT INTO items VALUES (2, 'bare', 'Bare', NULL, '[]', NULL, '{}', 'rejected',
       'it has no category', 2)""",
    "INSERT INTO photos VALUES (1, 1, 'aa', '/photos/a.jpg', 'catalogue', 'train', 0, 30, 20)",
    "INSERT INTO changes VALUES (1, 1, 'added', '2026-01-01T00:00:00+00:00')",
    "INSERT INTO changes VALUES (2, 2, 'added', '2026-01-01T00:00:00+00:00')",
    "INSERT INTO embeddings VALUES ('0123456789abcdef', 'aa', x'0000803f')",
    "INSERT INTO attribute_types VALUES ('price', 'float')",
)


def write_old(path: Path, version: int) -> Path:
    """Write a catalogue as a program of an older schema did."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (*sum(schema.MIGRATIONS[:version], ()), *CONTENTS):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
    return path


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS) + 1))
def test_a_catalogue_of_any_schema_is_read_and_goes_on(tmp_path: Path, version: int) -> None:
    with closing(Catalogue.open(write_old(tmp_path / "catalogue.db", version))) as catalogue:
        found = catalogue.get("gala")
        assert found is not None
        assert (found.title, found.category, found.group_id) == (
            "Gala",
            ("Fruit", "Apple"),
            "apples",
        )
        assert found.attributes == {"price": 2.5}
        assert [photo.content_hash for photo in catalogue.photos_of(1)] == ["aa"]
        assert catalogue.embeddings("0123456789abcdef", ["aa"])["aa"].tolist() == [1.0]
        assert (catalogue.seq(), catalogue.counts(2).rejected) == (2, 1)
        assert (catalogue.settled(), catalogue.looks(["aa"])) == (set(), {})
        photo = PhotoRow("bb", Path("/photos/b.jpg"), 30, 20)
        catalogue.upsert_items([ItemRow("leek", "Leek", ("Vegetables",), (photo,))])
        assert catalogue.seq() == 3
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        upgraded = tables(connection)
    Catalogue.open(tmp_path / "new.db").close()
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert tables(connection) == upgraded


def tables(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_many_that_upgrade_at_once_take_each_step_once(tmp_path: Path) -> None:
    path = write_old(tmp_path / "catalogue.db", 1)
    start = threading.Barrier(4)
    failures: list[Exception] = []

    def open_it() -> None:
        start.wait()
        try:
            Catalogue.open(path).close()
        except Exception as error:  # told by the test, not by a thread
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with closing(Catalogue.open(path)) as catalogue:
        assert catalogue.get("gala") is not None
