"""One thread makes a device's calls; searches that ask the same become one."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.device_worker import DeviceWorker, Search, grouped
from tests.indexer.device_indexes import StubScan
from vsearch.errors import DeviceError
from vsearch.exact_search import Found, PackedMask, Part

HALF = ((0, 10, 2),)
ALL = ((0, 20, 2),)


def numbered(first: int, count: int = 1) -> NDArray[np.float16]:
    """Return queries that can be told apart by their first number."""
    return np.arange(first, first + count, dtype=np.float16)[:, None] * np.ones(4, np.float16)


def echo(queries: NDArray[np.float16], parts: Sequence[Part]) -> list[Found]:
    """Answer each query with its own number."""
    scores = np.repeat(queries[:, :1], 2, axis=1).astype(np.float32)
    return [(scores, np.full(scores.shape, start)) for start, *_ in parts]


def test_searches_are_grouped_by_what_they_ask_for() -> None:
    one, other = StubScan(echo), StubScan(echo)
    every = np.arange(20) % 2 == 0
    mask, equal, other_mask = (PackedMask.of(m) for m in (every, every.copy(), ~every))
    searches = [
        Search(one, numbered(0), HALF),
        Search(one, numbered(1), ALL),
        Search(one, numbered(2), HALF),
        Search(other, numbered(3), HALF),
        Search(one, numbered(4), HALF, mask),
        Search(one, numbered(5), HALF, equal),
        Search(one, numbered(6), HALF, other_mask),
        Search(one, numbered(7), HALF),
    ]
    groups = [[int(s.queries[0, 0]) for s in group] for group in grouped(searches)]
    assert groups == [[0, 2, 7], [1], [3], [4, 5], [6]]


def test_a_group_has_no_more_queries_than_it_may() -> None:
    scan = StubScan(echo)
    sizes = [3, 3, 3, 20, 1]
    searches = [Search(scan, numbered(0, size), HALF) for size in sizes]
    groups = [[len(s.queries) for s in group] for group in grouped(searches, most=7)]
    assert groups == [[3, 3], [3], [20], [1]]
    assert grouped([]) == []


def test_every_thread_gets_its_own_answer_from_one_thread() -> None:
    worker, threads, found = DeviceWorker(), set(), {}

    def noted(queries: NDArray[np.float16], parts: Sequence[Part]) -> list[Found]:
        threads.add(threading.current_thread().name)
        return echo(queries, parts)

    scan = StubScan(noted)

    def ask(number: int) -> None:
        ((scores, rows),) = worker.search(scan, numbered(number, 2), ALL if number % 3 else HALF)
        found[number] = scores[:, 0].tolist(), rows[0, 0]

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == {number: ([number, number + 1], 0) for number in range(40)}
    assert threads == {"device"}
    worker.close()


def test_what_waits_while_the_device_works_becomes_one_call() -> None:
    worker, entered, leave = DeviceWorker(), threading.Event(), threading.Event()

    def slow(queries: NDArray[np.float16], parts: Sequence[Part]) -> list[Found]:
        entered.set()
        assert leave.wait(30)
        return echo(queries, parts)

    scan = StubScan(slow)
    first = threading.Thread(target=worker.search, args=(scan, numbered(0), ALL))
    first.start()
    assert entered.wait(30)
    found: list[float] = []

    def ask(number: int) -> None:
        ((scores, _),) = worker.search(scan, numbered(number), ALL)
        found.append(float(scores[0, 0]))

    others = [threading.Thread(target=ask, args=(number,)) for number in range(1, 6)]
    for other in others:
        other.start()
    while len(worker._waiting) < 5:
        assert not leave.wait(0.001)
    leave.set()
    for thread in (first, *others):
        thread.join()
    assert [len(queries) for queries, *_ in scan.calls] == [1, 5]
    assert sorted(found) == [1, 2, 3, 4, 5]
    worker.close()


def test_a_call_that_fails_fails_its_searches_and_no_others() -> None:
    worker = DeviceWorker()

    def broken(queries: NDArray[np.float16], parts: Sequence[Part]) -> list[Found]:
        raise RuntimeError("CUDA error 700: an illegal memory access was encountered")

    with pytest.raises(DeviceError, match="a search with a stub has failed: CUDA error 700"):
        worker.search(StubScan(broken), numbered(0), ALL)
    ((scores, _),) = worker.search(StubScan(echo), numbered(3), ALL)
    assert scores[0, 0] == 3
    worker.close()


def test_other_work_is_done_on_the_same_thread() -> None:
    worker = DeviceWorker()
    assert worker.call(lambda: threading.current_thread().name) == "device"
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 // 0)
    worker.close()


def test_a_closed_worker_does_what_waits_and_takes_nothing_more() -> None:
    worker = DeviceWorker()
    worker.close()
    worker.close()
    with pytest.raises(DeviceError, match="takes no more searches"):
        worker.search(StubScan(echo), numbered(0), ALL)
    worker = DeviceWorker()
    worker.search(StubScan(echo), numbered(0), ALL)
    worker.close()
    assert worker._thread is not None
    assert not worker._thread.is_alive()
