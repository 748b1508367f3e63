"""What a path may be asked with: HEAD wherever GET is answered, and an Allow that tells all of it.

Starlette's own Allow names the methods of a path's first route, and FastAPI's GET knows no HEAD.
"""

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import routes_of
from api.request_path import path_of

_ORDER = ("GET", "HEAD", "POST", "PUT", "DELETE")


class Methods:
    """Answers HEAD as GET without the body, and completes the Allow of a 405.

    Args:
        routers: those that the app has included, with their prefixes.
    """

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self.app = app
        self._routes = [
            (route.path_regex, frozenset(route.methods or ())) for route in routes_of(routers)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                if allowed := self._allowed(path_of(scope)):
                    MutableHeaders(scope=message)["Allow"] = allowed
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if not head:
            await self.app(scope, receive, told)
            return
        asked = {**scope, "method": "GET"}
        try:
            await self.app(asked, receive, told)
        finally:
            # The log and the metrics learn the route, and that it was HEAD.
            scope.update({**asked, "method": "HEAD"})

    def _allowed(self, path: str) -> str:
        found = {one for regex, methods in self._routes if regex.match(path) for one in methods}
        if "GET" in found:
            found.add("HEAD")
        return ", ".join(method for method in _ORDER if method in found)
