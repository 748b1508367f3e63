"""Concurrent requests share one piece of work: a bounded wait, and threads that do it.

Whatever has come in while the last batch was under way becomes the next one; on an idle server a
job is begun at once. A job whose asker has gone is never begun.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")

Work = Callable[[Sequence[Job]], Sequence[Answer]]
Told = Callable[[int, float], None]
"""Told of each batch: how many jobs it had, and the milliseconds that it took."""


def unheard(_jobs: int, _ms: float) -> None:
    """Tell nobody of a batch."""


@dataclass(frozen=True)
class Shared(Generic[Answer]):
    """An answer, and what it took.

    Attributes:
        answer: the answer.
        waited: milliseconds until its batch was begun.
        worked: milliseconds that the batch took.
        jobs: how many jobs shared it.
    """

    answer: Answer
    waited: float
    worked: float
    jobs: int


@dataclass(frozen=True)
class _Asked(Generic[Job, Answer]):
    job: Job
    answer: "Future[Shared[Answer]]" = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)


class Batcher(Generic[Job, Answer]):
    """Does jobs together, in threads of its own that start with the first of them.

    It keeps no limit of its own: whoever lets requests in does (see `api.live`), before a photo is
    decoded for nothing.

    Args:
        work: answers jobs, an answer each and in their order; runs in the batcher's threads alone.
        name: of the threads.
        most: jobs of one batch.
        threads: batches that may be under way at once.
        gather_seconds: how long a batch that is not full waits for jobs that are known to be on
            their way (see `expect`); without such jobs it never waits.
        told: told of each batch, in the thread that did it; must raise nothing.
    """

    def __init__(
        self,
        work: Work[Job, Answer],
        name: str,
        *,
        most: int,
        threads: int = 1,
        gather_seconds: float = 0.0,
        told: Told = unheard,
    ) -> None:
        self._work, self._name, self._told = work, name, told
        self._most, self._many, self._gather_seconds = most, threads, gather_seconds
        self._waiting: deque[_Asked[Job, Answer]] = deque()
        self._coming = 0
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many jobs wait for their batch now, those included whose asker has gone."""
        return len(self._waiting)

    def submit(self, job: Job) -> "Future[Shared[Answer]]":
        """Ask for a job; to cancel the future before the job is begun takes it back.

        Raises:
            RuntimeError: the batcher is closed.
        """
        asked: _Asked[Job, Answer] = _Asked(job)
        with self._changed:
            if self._closed:
                raise RuntimeError(f"{self._name}: no more jobs are taken, it is closed")
            self._waiting.append(asked)
            if len(self._threads) < self._many:
                self._start()
            self._changed.notify()
        return asked.answer

    def expect(self, jobs: int) -> None:
        """Announce so many jobs, or that so many fewer are on their way; from any thread."""
        with self._changed:
            self._coming += jobs

    def _start(self) -> None:
        name = f"{self._name}_{len(self._threads)}" if self._many > 1 else self._name
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self, join_seconds: float = 0.0) -> None:
        """Let the threads end when what waits is done; later jobs are refused.

        Args:
            join_seconds: how long to wait for that.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        until = time.monotonic() + join_seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _run(self) -> None:
        while batch := self._next():
            _answer(self._work, batch, self._told)
            del batch  # what was asked must not be kept until somebody else asks

    def _next(self) -> list[_Asked[Job, Answer]]:
        """Wait for jobs and return those of the next batch; none when it is time to end."""
        with self._changed:
            while True:
                while not self._waiting:
                    if self._closed:
                        return []
                    self._changed.wait()
                self._gather()
                batch: list[_Asked[Job, Answer]] = []
                while self._waiting and len(batch) < self._most:
                    asked = self._waiting.popleft()
                    if asked.answer.set_running_or_notify_cancel():
                        batch.append(asked)
                if batch:
                    return batch

    def _gather(self) -> None:
        """Wait a moment for jobs that are on their way."""
        until = time.monotonic() + self._gather_seconds
        while self._coming and len(self._waiting) < self._most:
            left = until - time.monotonic()
            if left <= 0 or self._closed:
                return
            self._changed.wait(left)


def _answer(work: Work[Job, Answer], batch: Sequence[_Asked[Job, Answer]], told: Told) -> None:
    begun = time.perf_counter()
    try:
        answers = work([asked.job for asked in batch])
    except Exception as error:
        if len(batch) > 1:  # one bad job must not fail those that share its batch
            for asked in batch:
                _answer(work, [asked], told)
        else:
            batch[0].answer.set_exception(error)
        return
    worked = 1e3 * (time.perf_counter() - begun)
    told(len(batch), worked)
    for asked, answer in zip(batch, answers, strict=True):
        waited = 1e3 * (begun - asked.since)
        asked.answer.set_result(Shared(answer, waited, worked, len(batch)))
