"""Routes that take nothing but the request are called without FastAPI's way to them.

Matching, dependencies, the validation of no parameters and two layers for exceptions were a quarter
of what a search costs the event loop. FastAPI still describes these routes, and has all others.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import Needs, caller_of, needs_of, routes_of
from api.problems import ANSWERED, respond_to
from api.request_path import path_of
from api.settings import ServerSettings


@dataclass(frozen=True)
class DirectRoute:
    """A route whose function takes the request and returns the response."""

    route: APIRoute
    endpoint: Callable[[Request], Awaitable[Response]]
    needs: tuple[Needs, ...]

    @classmethod
    def of(cls, route: APIRoute) -> "DirectRoute | None":
        """Return a route as it is called directly; None of one that needs more than the request.

        Args:
            route: a route of a router, with the router's dependencies.
        """
        signature = inspect.signature(route.endpoint)
        taken = [parameter.annotation for parameter in signature.parameters.values()]
        found = needs_of(route.dependencies)
        if (
            (taken, signature.return_annotation) != ([Request], Response)
            or route.param_convertors
            or len(found) < len(route.dependencies)
            or not inspect.iscoroutinefunction(route.endpoint)
        ):
            return None
        return cls(route, route.endpoint, tuple(found))

    async def respond(self, request: Request) -> Response:
        """Return what the route answers, problems included.

        Raises:
            Exception: a failure of ours.
        """
        settings: ServerSettings = request.app.state.settings
        try:
            for one in self.needs:
                caller_of(request).require(one.scope, one.opened(settings))
            return await self.endpoint(request)
        except ANSWERED as error:
            return respond_to(request.scope, error)


class Direct:
    """The innermost layer before FastAPI's own: answers what needs nothing of those.

    Args:
        routers: those that the app has included, with their prefixes.
    """

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self.app = app
        found = map(DirectRoute.of, routes_of(routers))
        self.routes = {
            (method, one.route.path): one
            for one in found
            if one
            for method in one.route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        http = scope["type"] == "http"
        found = self.routes.get((scope["method"], path_of(scope))) if http else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = found.route
        response = await found.respond(Request(scope, receive, send))
        await response(scope, receive, send)
