"""Jobs that share a batch: which ones, in which order, and what is never done."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError

import pytest

from api.batching import Batcher
from api.lease import Lease

PATIENCE = 20.0


class Doubling:
    """Doubles numbers when it is let; negative ones fail the whole batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()

    def __call__(self, jobs: Sequence[int]) -> list[int]:
        self.batches.append(list(jobs))
        self.begun.set()
        assert self.may_go.wait(PATIENCE)
        if min(jobs) < 0:
            raise ValueError(f"no {min(jobs)}")
        return [2 * job for job in jobs]

    def hold(self) -> None:
        """Let the next batch begin and not end."""
        self.begun.clear()
        self.may_go.clear()


def held(work: Doubling, batcher: Batcher[int, int], first: int = 0) -> None:
    """Keep the batcher at work with one job."""
    work.hold()
    batcher.submit(first)
    assert work.begun.wait(PATIENCE)


@pytest.fixture
def work() -> Doubling:
    return Doubling()


@pytest.fixture
def batcher(work: Doubling) -> Iterator[Batcher[int, int]]:
    made = Batcher(work, "doubling", most=4)
    yield made
    work.may_go.set()
    made.close(PATIENCE)


def test_what_comes_while_a_batch_is_under_way_becomes_the_next_ones(
    work: Doubling, batcher: Batcher[int, int]
) -> None:
    held(work, batcher)
    asked = [batcher.submit(job) for job in range(1, 7)]
    assert batcher.waiting == 6
    work.may_go.set()
    answers = [one.result(PATIENCE) for one in asked]
    assert [one.answer for one in answers] == [2, 4, 6, 8, 10, 12]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6]]
    assert [one.jobs for one in answers] == [4, 4, 4, 4, 2, 2]
    assert all(one.waited >= 0 and one.worked >= 0 for one in answers)
    assert batcher.waiting == 0


def test_a_job_that_is_taken_back_is_never_done(work: Doubling, batcher: Batcher[int, int]) -> None:
    held(work, batcher)
    asked = [batcher.submit(job) for job in range(1, 6)]
    assert all(one.cancel() for one in asked[1:4])
    work.may_go.set()
    assert [asked[i].result(PATIENCE).answer for i in (0, 4)] == [2, 10]
    assert work.batches == [[0], [1, 5]]  # nor does it take a place in a batch
    with pytest.raises(CancelledError):
        asked[1].result()


def test_all_jobs_of_a_batch_may_be_taken_back(work: Doubling, batcher: Batcher[int, int]) -> None:
    held(work, batcher)
    assert batcher.submit(1).cancel()
    work.may_go.set()
    assert batcher.submit(2).result(PATIENCE).answer == 4
    assert work.batches == [[0], [2]]


def test_a_job_that_fails_fails_alone(work: Doubling, batcher: Batcher[int, int]) -> None:
    held(work, batcher)
    good, bad, other = (batcher.submit(job) for job in (1, -2, 3))
    work.may_go.set()
    assert (good.result(PATIENCE).answer, other.result(PATIENCE).answer) == (2, 6)
    with pytest.raises(ValueError, match="no -2"):
        bad.result(PATIENCE)
    assert batcher.submit(4).result(PATIENCE).answer == 8


def test_a_batch_waits_for_what_is_announced_and_for_nothing_else(work: Doubling) -> None:
    batcher = Batcher(work, "doubling", most=4, gather_seconds=PATIENCE)
    assert batcher.submit(1).result(PATIENCE / 2).jobs == 1  # nothing is on its way
    batcher.expect(2)
    asked = [batcher.submit(job) for job in (2, 3, 4, 5)]
    answers = [one.result(PATIENCE / 2) for one in asked]
    assert [one.jobs for one in answers] == [4] * 4  # full, so it waits no longer


def test_a_wait_ends_although_the_announced_job_never_comes(work: Doubling) -> None:
    batcher = Batcher(work, "doubling", most=4, gather_seconds=0.01)
    batcher.expect(1)
    assert batcher.submit(1).result(PATIENCE).answer == 2


def test_each_batch_is_told(work: Doubling) -> None:
    told: list[int] = []
    batcher = Batcher(work, "doubling", most=4, told=lambda jobs, ms: told.append(jobs))
    held(work, batcher)
    asked = [batcher.submit(job) for job in range(5)]
    work.may_go.set()
    for one in asked:
        one.result(PATIENCE)
    assert told == [1, 4, 1]


def test_several_batches_are_under_way_where_there_are_several_threads(work: Doubling) -> None:
    batcher = Batcher(work, "at once", most=1, threads=2)
    work.hold()
    first, second = batcher.submit(1), batcher.submit(2)
    while len(work.batches) < 2:
        time.sleep(0.001)
    third = batcher.submit(3)
    assert (batcher.waiting, first.done(), second.done()) == (1, False, False)
    work.may_go.set()
    assert [one.result(PATIENCE).answer for one in (first, second, third)] == [2, 4, 6]
    batcher.close(PATIENCE)
    assert not [t for t in threading.enumerate() if t.name.startswith("at once")]


def test_a_closed_batcher_ends_what_waits_and_takes_nothing_more(work: Doubling) -> None:
    batcher = Batcher(work, "closing", most=4)
    held(work, batcher)
    asked = batcher.submit(1)
    batcher.close()
    with pytest.raises(RuntimeError, match="closing: no more jobs"):
        batcher.submit(2)
    work.may_go.set()
    assert asked.result(PATIENCE).answer == 2
    batcher.close(PATIENCE)
    assert "closing" not in {thread.name for thread in threading.enumerate()}


def test_whoever_leaves_last_closes() -> None:
    closed: list[bool] = []
    lease = Lease(lambda: closed.append(True))
    assert lease.take()
    lease.leave()
    assert (closed, lease.holders) == ([], 1)
    lease.leave()
    assert closed == [True]
    assert not lease.take()  # it stays closed
    assert lease.holders == 0
