"""One thread that makes all calls of a device, for any number of threads that search.

FAISS's GPU resources are not safe between threads, and calls that wait for one device gain nothing
from being many. Searches that have come in meanwhile and ask for the same parts of the same rows,
under the same mask, become one call.
"""

import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.row_scans import RowScan
from vsearch.errors import DeviceError
from vsearch.exact_search import Found, PackedMask, Part

T = TypeVar("T")

MOST_QUERIES = 1024
_CLOSE_SECONDS = 5.0  # for what is under way


@dataclass(frozen=True)
class Search:
    """A search that waits for the device; see `RowScan`."""

    scan: RowScan
    queries: NDArray[np.float16]
    parts: tuple[Part, ...]
    mask: PackedMask | None = None
    answer: Future[list[Found]] = field(default_factory=Future)

    @property
    def filter(self) -> tuple[object, ...]:
        """What searches must have in common to become one call."""
        return id(self.scan), self.parts, self.mask and self.mask.name


def grouped(searches: Iterable[Search], most: int = MOST_QUERIES) -> list[list[Search]]:
    """Return the searches in groups that become one call each, the first ones first.

    Args:
        searches: in the order in which they came.
        most: queries of a group, unless one search alone has more.
    """
    groups: list[list[Search]] = []
    open_groups: dict[tuple[object, ...], list[Search]] = {}
    for search in searches:
        group = open_groups.get(search.filter)
        full = group and sum(len(s.queries) for s in group) + len(search.queries) > most
        if group is None or full:
            group = open_groups[search.filter] = []
            groups.append(group)
        group.append(search)
    return groups


class DeviceWorker:
    """Makes the calls of one device, one after the other; its thread starts with the first.

    Args:
        most: queries that become one call, at most.
    """

    def __init__(self, most: int = MOST_QUERIES) -> None:
        self._most = most
        self._waiting: deque[Search] = deque()
        self._tasks: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def search(
        self,
        scan: RowScan,
        queries: NDArray[np.float16],
        parts: Sequence[Part],
        mask: PackedMask | None = None,
    ) -> list[Found]:
        """Return what the scan finds; waits for it.

        Raises:
            DeviceError: the device has failed, or the worker is closed.
        """
        search = Search(scan, queries, tuple(parts), mask)
        self._put(lambda: self._waiting.append(search))
        try:
            return search.answer.result()
        except RuntimeError as error:
            raise DeviceError(f"a search with {scan.name} has failed: {error}") from error

    def call(self, work: Callable[[], T]) -> T:
        """Return what some other work for the device gives, done on its thread.

        Raises:
            DeviceError: the worker is closed.
        """
        done: Future[T] = Future()
        self._put(lambda: self._tasks.append(lambda: _settle(done, work)))
        return done.result()

    def close(self) -> None:
        """End the thread once all that waits is done; what comes later is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _put(self, append: Callable[[], None]) -> None:
        with self._changed:
            if self._closed:
                raise DeviceError("the device takes no more searches: its worker is closed")
            append()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="device", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._tasks or self._closed):
                    self._changed.wait()
                searches, tasks = list(self._waiting), list(self._tasks)
                self._waiting.clear()
                self._tasks.clear()
                if not searches and not tasks:
                    return
            for group in grouped(searches, self._most):
                _answer(group)
            for task in tasks:
                task()
            # Nothing may outlive its answer here: an index that is let go frees its memory.
            del searches, tasks
            group = task = None  # type: ignore[assignment]


def _answer(group: Sequence[Search]) -> None:
    """Answer searches that ask for the same by one call."""
    first = group[0]
    queries = first.queries
    if len(group) > 1:
        queries = np.concatenate([search.queries for search in group])
    try:
        found = first.scan(queries, first.parts, first.mask)
    except Exception as error:
        for search in group:
            search.answer.set_exception(error)
        return
    begin = 0
    for search in group:
        own = slice(begin, begin + len(search.queries))
        search.answer.set_result([(scores[own], rows[own]) for scores, rows in found])
        begin = own.stop


def _settle(done: Future[T], work: Callable[[], T]) -> None:
    try:
        done.set_result(work())
    except Exception as error:
        done.set_exception(error)


@cache
def shared_worker() -> DeviceWorker:
    """Return the one worker of this process."""
    worker = DeviceWorker()
    # Before the interpreter takes down what its thread uses.
    atexit.register(worker.close)
    return worker
