"""ASGI middleware that limits what a request may take: bytes, and time."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Kind, ProblemError, failure, respond_to
from api.request_path import path_of

FORM_BYTES = 64 * 1024  # a request may have beside its photo: fields, boundaries, names
BATCH = "/v1/search/batch"
_RETRY_SECONDS = "5"

log = logging.getLogger(__name__)


def body_limit(scope: Scope, max_bytes: int, max_batch_bytes: int) -> int:
    """Return how many bytes a request's body may have; in JSON a photo takes a third more."""
    most = max_batch_bytes if path_of(scope) == BATCH else max_bytes
    if "json" in Headers(scope=scope).get("content-type", "").casefold():
        most = -(-most * 4 // 3)
    return most + FORM_BYTES


class BodyLimit:
    """Refuses a body that is too large or too slow before it is parsed.

    A request that announces too much is answered without reading its body; one that sends more than
    it announced, or announces nothing (chunked), is cut off at the limit.

    Args:
        max_bytes: says how much a request may have.
        seconds: a body must be there so long after its headers, or the request ends with 408; the
            clock of the whole body, so that a byte now and then does not help.
    """

    def __init__(self, app: ASGIApp, max_bytes: Callable[[Scope], int], seconds: float) -> None:
        self.app = app
        self._max_bytes, self._seconds = max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self._max_bytes(scope)
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > most:
            await respond_to(scope, _too_large(most))(scope, receive, send)
            return
        await self.app(scope, self._counted(receive, most), send)

    def _counted(self, receive: Receive, most: int) -> Receive:
        read = 0
        complete = False
        until = asyncio.get_running_loop().time() + self._seconds

        async def counted() -> Message:
            nonlocal read, complete
            if complete:  # what follows is only that the client leaves, which may take long
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                raise self._too_slow() from error
            read += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if read > most:
                raise _too_large(most)
            return message

        return counted

    def _too_slow(self) -> ProblemError:
        told = f"The request was not there after {self._seconds:g} seconds."
        return ProblemError(408, Kind.TOO_SLOW, told, headers={"Connection": "close"})


def _too_large(most: int) -> ProblemError:
    # The connection must end: what is left of the body would be read as the next request.
    told = f"The body has more than {most:,} bytes: send a smaller photo."
    return ProblemError(413, Kind.TOO_LARGE, told, headers={"Connection": "close"})


class Deadline:
    """Answers 503 in place of an app that takes too long.

    The app's task is cancelled and not waited for: a thread that works for it cannot be stopped,
    and whoever asked shall not wait until it has ended. An answer that has begun goes on.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self._seconds = seconds
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and wait no longer than it may take."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = over = False

        async def in_time(message: Message) -> None:
            nonlocal begun
            if not over:
                begun = True
                await send(message)

        async def work() -> None:
            await self.app(scope, receive, in_time)

        task = asyncio.create_task(work())
        try:
            await asyncio.wait([task], timeout=self._seconds)
            if task.done() or begun:
                await task
                return
            over = True
            await respond_to(scope, self._out_of_time())(scope, receive, send)
        finally:
            if not task.done():
                self._let_go(task)

    def _let_go(self, task: "asyncio.Task[None]") -> None:
        """Cancel a task, and keep it from being collected until it has ended."""
        task.cancel()
        self._late.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._late.discard(task)
        with suppress(asyncio.CancelledError):
            if error := task.exception():
                log.error("a request that was out of time failed: %s", error)

    def _out_of_time(self) -> ProblemError:
        told = f"No answer was found within {self._seconds:g} seconds."
        headers = {"Retry-After": _RETRY_SECONDS, "Connection": "close"}
        return ProblemError(503, Kind.OUT_OF_TIME, told, headers=headers)


class Failures:
    """Answers a failure of ours with a problem that tells nothing of it, and the log everything.

    Within all other middleware, so that this answer too has their headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer for an app that cannot."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            await respond_to(scope, failure())(scope, receive, send)
