"""Work that is done only for as long as somebody waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from api.busy import busy
from api.listener import Listener
from api.problems import Kind, ProblemError

T = TypeVar("T")

CLOSED = 499  # what servers write into their logs for a request whose client went away


async def while_waited_for(
    request: Request,
    work: Coroutine[Any, Any, T],
    *,
    seconds: float | None = None,
    listener: Listener | None = None,
) -> T:
    """Return what `work` gives, unless the client goes away or time is up; then it is cancelled.

    Args:
        request: its body has been read.
        work: the work; what of it runs in a thread by then ends there, unheard.
        seconds: how long it may take; None: for as long as the client waits.
        listener: told of either; by default the one of the application that answers.

    Raises:
        ProblemError: 503 with Retry-After when time is up; 499, which nobody reads, when the client
            is gone.
    """
    listener = listener or _listener_of(request)
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            listener.left()
            raise ProblemError(CLOSED, Kind.BUSY, "The client went away.")
        listener.timed_out()
        raise busy(f"The answer took more than {seconds:g} seconds.")
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.wait({task, gone})  # by then what had not begun is taken back


def _listener_of(request: Request) -> Listener:
    app = request.scope.get("app")
    listener: Listener = app.state.live.listener if app else Listener()
    return listener


async def _gone(request: Request) -> None:
    """Return when the client has gone away; its body is read, so nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
