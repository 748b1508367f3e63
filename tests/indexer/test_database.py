"""Readers wait for nobody, see one moment where they ask for it, and leave no connection behind."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from indexer.catalogue import Catalogue
from indexer.connections import MOST_IDLE
from indexer.records import ItemRow, PhotoRow
from tests.indexer.live_shop import LiveShop

PHOTO = PhotoRow("aa", Path("/photos/aa.jpg"), 8, 8)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with closing(Catalogue.open(tmp_path / "catalogue.db")) as opened:
        yield opened


def add(catalogue: Catalogue, item_id: str, title: str = "") -> None:
    catalogue.upsert_items([ItemRow(item_id, title, ("Fruit",), (PHOTO,))])


def open_files(path: Path) -> int:
    """Count this process's open files of a catalogue."""
    return sum(
        str(link.readlink()).startswith(str(path))
        for link in Path("/proc/self/fd").iterdir()
        if link.is_symlink()  # but that of the listing itself, which is closed by now
    )


def test_a_search_answers_while_an_upsert_waits_for_another_process(tmp_path: Path) -> None:
    live = LiveShop(tmp_path)
    row = live.row("pink", 50)
    # Another process holds the write lock until it is told to give it back.
    other = sqlite3.connect(live.shop.catalogue.path, isolation_level=None)
    with live.shop, closing(other), ThreadPoolExecutor(2) as pool:
        other.execute("BEGIN IMMEDIATE")
        waits = threading.Event()
        live.shop.catalogue._connections.writer.set_trace_callback(
            lambda statement: waits.set() if statement == "BEGIN IMMEDIATE" else None
        )
        upsert = pool.submit(live.shop.upsert, [row], embedder=live.embedder, folder=live.folder)
        assert waits.wait(20)
        assert pool.submit(live.found, 1).result(20) == "gala"
        assert live.shop.catalogue.get("pink") is None
        assert not upsert.done()
        other.execute("COMMIT")
        assert upsert.result(20).searchable == 1
        assert live.found(50) == "pink"


def test_a_thread_sees_what_it_writes_and_others_do_not_yet(catalogue: Catalogue) -> None:
    with catalogue.transaction() as connection, ThreadPoolExecutor(1) as pool:
        add(catalogue, "a")
        with catalogue.transaction():  # joins
            assert catalogue.get("a") is not None
        assert catalogue.seq() == 1
        assert connection.in_transaction
        assert pool.submit(catalogue.get, "a").result() is None
        assert [item.item_id for item in catalogue.items()] == []  # of what is committed
    assert catalogue.get("a") is not None


def test_a_moment_stays_as_it_is_for_its_thread_alone(catalogue: Catalogue) -> None:
    add(catalogue, "a", "before")
    with catalogue.moment(), ThreadPoolExecutor(1) as pool:
        pool.submit(add, catalogue, "a", "after").result()
        pool.submit(add, catalogue, "b").result()
        found = catalogue.get("a")
        assert found is not None
        assert (found.title, catalogue.seq(), catalogue.get("b")) == ("before", 1, None)
        assert [item.title for item in catalogue.items()] == ["before"]
        with catalogue.transaction():
            assert catalogue.seq() == 3  # one writes to what is there now
        assert catalogue.seq() == 1
        with catalogue.moment():
            assert catalogue.seq() == 3
        assert catalogue.seq() == 1
    assert catalogue.seq() == 3


def test_reading_leaves_no_connection_open(catalogue: Catalogue) -> None:
    add(catalogue, "a")
    readers = 4 * MOST_IDLE
    start = threading.Barrier(readers)

    def read() -> None:
        with catalogue.moment():
            start.wait()  # all of them read at one moment
            assert catalogue.get("a") is not None

    counted = []
    for _ in range(3):
        threads = [threading.Thread(target=read) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counted.append(open_files(catalogue.path))
    # SQLite keeps the files of closed connections for the next ones, as long as any is open: the
    # database once for each reader there ever was at one moment, the log for those that are idle.
    assert counted == [counted[0]] * 3
    assert counted[0] <= readers + 1 + MOST_IDLE + 1 + 1
    catalogue.close()
    assert open_files(catalogue.path) == 0
    assert not catalogue.path.with_name("catalogue.db-wal").exists()


def test_what_is_read_while_it_is_closed_is_given_back(catalogue: Catalogue) -> None:
    add(catalogue, "a")
    add(catalogue, "b")
    with catalogue.moment():
        catalogue.close()
        assert catalogue.get("a") is not None  # its moment is its own
        assert open_files(catalogue.path) > 0
    assert open_files(catalogue.path) == 0
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        catalogue.get("a")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        catalogue.upsert_items([])


def test_a_reader_cannot_write(catalogue: Catalogue) -> None:
    with (
        catalogue.moment() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM items")


def test_a_forked_process_opens_connections_of_its_own(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(catalogue, "a")
    opened = catalogue._connections
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)  # as a child would see
        add(catalogue, "b")
        assert catalogue.get("b") is not None
        assert catalogue._connections is not opened
        catalogue.close()
    # The parent's still work: the child has not touched them.
    assert opened.writer.execute("SELECT count(*) FROM items").fetchone()[0] == 2
    opened.close()
