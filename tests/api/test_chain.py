"""Steps that go from thread to thread: their answer, their errors, and giving them up."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from api.chain import Chain


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_each_step_follows_the_one_before_and_the_last_one_ends_it() -> None:
    async def ask() -> None:
        chain: Chain[str] = Chain()
        with ThreadPoolExecutor(1) as pool:

            def go_on(number: int) -> None:
                chain.then(pool.submit(str, number + 1), chain.end)

            chain.then(pool.submit(int, "41"), go_on)
            assert await chain.ended() == "42"

    run(ask())


@pytest.mark.parametrize("failing", ["step", "between"])
def test_an_error_ends_it(failing: str) -> None:
    async def ask() -> None:
        chain: Chain[int] = Chain()
        with ThreadPoolExecutor(1) as pool:

            def go_on(_: int) -> None:
                raise ValueError("no number between")

            chain.then(pool.submit(int, "no number" if failing == "step" else "1"), go_on)
            with pytest.raises(ValueError, match="no number"):
                await chain.ended()

    run(ask())


def test_what_nobody_waits_for_any_more_is_taken_back_and_nothing_follows() -> None:
    async def ask() -> None:
        chain: Chain[int] = Chain()
        first: Future[int] = Future()
        second: Future[int] = Future()
        chain.then(first, lambda _: chain.then(second, chain.end))
        waits = asyncio.create_task(chain.ended())
        await asyncio.sleep(0)
        first.set_running_or_notify_cancel()  # it is under way and cannot be taken back
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert not first.cancelled()
        first.set_result(1)
        assert second.cancelled()

    run(ask())


def test_threads_that_end_cancel_it() -> None:
    async def ask() -> None:
        chain: Chain[int] = Chain()
        step: Future[int] = Future()
        chain.then(step, chain.end)
        step.cancel()
        step.set_running_or_notify_cancel()
        with pytest.raises(asyncio.CancelledError):
            await chain.ended()

    run(ask())


def test_an_answer_that_comes_after_the_loop_has_ended_is_dropped() -> None:
    chains: list[Chain[int]] = []

    async def begin() -> None:
        chains.append(Chain())

    asyncio.run(begin())
    chains[0].end(1)
