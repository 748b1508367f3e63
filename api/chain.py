"""Work that goes on from thread to thread, without the event loop between its steps.

Each return to the event loop wakes it, waits for the interpreter's lock and resumes a stack of
coroutines; a photo would return three times.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Told = TypeVar("Told")


class Chain(Generic[T]):
    """What a coroutine waits for while others do its work, one step after another.

    A step that fails ends the chain with its error. Where the coroutine is cancelled, the step that
    has not begun never does, and none follows. To be made in the event loop.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awaited: asyncio.Future[T] = self._loop.create_future()
        self._step: Future[Any] | None = None
        self._given_up = False
        self._lock = threading.Lock()

    def then(self, step: "Future[Told]", go_on: Callable[[Told], None]) -> None:
        """Wait for a step in whichever thread ends it.

        Args:
            step: the work; to cancel it takes it back.
            go_on: takes its answer; waits for a further step, or ends the chain.
        """
        with self._lock:
            self._step = step
            given_up = self._given_up
        if given_up:
            step.cancel()
        step.add_done_callback(partial(self._go_on, go_on))

    def end(self, answer: T) -> None:
        """Let the coroutine go on with its answer; from any thread."""
        self._tell(partial(self._awaited.set_result, answer))

    async def ended(self) -> T:
        """Wait for the answer.

        Raises:
            Exception: whatever a step has raised.
        """
        try:
            return await self._awaited
        except asyncio.CancelledError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        with self._lock:
            self._given_up = True
            step = self._step
        if step is not None:
            step.cancel()

    def _go_on(self, go_on: Callable[[Told], None], step: "Future[Told]") -> None:
        try:
            go_on(step.result())
        except CancelledError:  # by whoever gave it up, or by threads that end
            self._tell(self._awaited.cancel)
        except BaseException as error:
            self._tell(partial(self._awaited.set_exception, error))

    def _tell(self, tell: Callable[[], object]) -> None:
        def unless_done() -> None:
            if not self._awaited.done():
                tell()

        with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(unless_done)
