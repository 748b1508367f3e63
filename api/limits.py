"""ASGI middleware for every request: a limit on bytes, and headers that browsers heed."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Kind, ProblemError, respond


class BodyLimit:
    """Refuses a body of more than `max_bytes` before it is parsed or written to a temporary file.

    A request that announces more is answered without reading its body; one that sends more than
    it announced, or announces nothing (chunked), is cut off at the limit. FastAPI's own limit
    answers in plain text, this one with a problem detail.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self.max_bytes:
            response = respond(self._too_large(), scope.get("root_path", ""))
            await response(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.max_bytes:
                raise self._too_large()
            return message

        await self.app(scope, counted, send)

    def _too_large(self) -> ProblemError:
        # The connection must end: what is left of the body would be read as the next request.
        detail = f"The body has more than {self.max_bytes:,} bytes: send a smaller photo."
        return ProblemError(413, Kind.TOO_LARGE, detail, headers={"Connection": "close"})


class SafeHeaders:
    """Adds the headers that keep browsers from guessing a response's type."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its response."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self.app(scope, receive, with_headers)
