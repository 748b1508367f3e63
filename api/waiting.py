"""Work that is done only for as long as somebody waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from api.listener import Listener
from api.problems import Kind, ProblemError

T = TypeVar("T")

CLOSED = 499  # what servers write into their logs for a request whose client went away


async def while_waited_for(
    request: Request, work: Coroutine[Any, Any, T], *, listener: Listener | None = None
) -> T:
    """Return what `work` gives, unless the client goes away; then it is cancelled.

    Args:
        request: its body has been read.
        work: the work; what of it runs in a thread by then ends there, unheard.
        listener: told of who left; by default the one of the application that answers.

    Raises:
        ProblemError: 499, which nobody reads, when the client is gone.
    """
    # The work goes on in the task that asks: one more for each request, and two waits for them,
    # were a tenth of what a search costs the event loop.
    task = asyncio.current_task()
    assert task is not None  # a coroutine runs in one
    gone = asyncio.ensure_future(_gone(request))
    left = over = False

    def leave(_: object) -> None:
        nonlocal left
        if not over:  # it may be called when the work has just ended
            left = True
            task.cancel()

    gone.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if not left or task.uncancel():  # or it was cancelled by somebody else as well
            raise
        (listener or _listener_of(request)).left()
        raise ProblemError(CLOSED, Kind.BUSY, "The client went away.") from None
    finally:
        over = True
        gone.cancel()


def _listener_of(request: Request) -> Listener:
    app = request.scope.get("app")
    listener: Listener = app.state.live.listener if app else Listener()
    return listener


async def _gone(request: Request) -> None:
    """Return when the client has gone away; its body is read, so nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
