"""The outermost middleware: gives each request an id, tells the log how it went, counts it."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import FIELDS, choose_request_id, request_id
from api.metrics import Metrics
from api.request_path import path_of

CLIENT_LEFT = 499  # what nginx calls it; nobody receives it
_QUIET = frozenset(("/healthz", "/readyz", "/metrics"))  # asked every few seconds by machines

log = logging.getLogger("api.access")


def observe(request: Request, timings: Mapping[str, float], unknown: bool | None) -> None:
    """Tell the access log and the metrics of a photo that was answered; from any thread.

    Args:
        request: the request.
        timings: milliseconds by stage; those of several photos of a request add up in the log.
        unknown: whether it shows something that the shop does not sell; None: nobody can tell.
    """
    state = request.scope.setdefault("state", {})
    told: dict[str, float] = state.setdefault("timings", {})
    for stage, taken in timings.items():
        told[stage] = told.get(stage, 0.0) + taken
    state["photos"] = state.get("photos", 0) + 1
    metrics: Metrics = request.app.state.metrics
    metrics.stages(timings)
    metrics.answered(unknown)


class RequestLog:
    """Adds X-Request-ID to every answer, and writes one line of the access log for each."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and tell how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        known = choose_request_id(headers.get("x-request-id"))
        token = request_id.set(known)
        seen = {"status": CLIENT_LEFT, "received": 0, "sent": 0}

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = known
            seen["sent"] += len(message.get("body", b""))
            await send(message)

        async def counted() -> Message:
            message = await receive()
            seen["received"] += len(message.get("body", b""))
            return message

        started = time.perf_counter()
        try:
            with self.metrics.answering():
                await self.app(scope, counted, with_id)
        finally:
            self._tell(scope, seen, time.perf_counter() - started)
            request_id.reset(token)

    def _tell(self, scope: Scope, seen: Mapping[str, int], seconds: float) -> None:
        state: dict[str, Any] = scope.get("state", {})
        route, status = route_of(scope), seen["status"]
        self.metrics.requests.labels(route, _method(scope), str(status)).inc()
        self.metrics.request_seconds.labels(route).observe(seconds)
        if refused := state.get("refused"):
            self.metrics.refused(refused)
        level = logging.DEBUG if path_of(scope) in _QUIET and status < 400 else logging.INFO
        client = scope.get("client") or ("",)
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            **seen,
            "milliseconds": round(seconds * 1000, 1),
            "client": client[0],
            "key": state.get("key"),
            "refused": refused,
            "photos": state.get("photos"),
            "stages": {name: round(taken, 1) for name, taken in state.get("timings", {}).items()},
        }
        told = {name: value for name, value in fields.items() if value not in (None, {})}
        log.log(
            level,
            "%s %s %s in %.1f ms",
            scope["method"],
            scope["path"],
            status,
            seconds * 1000,
            extra={FIELDS: told},
        )


def route_of(scope: Scope) -> str:
    """Return the route's own path, such as `/v1/items/{item_id}`: few, however many are asked."""
    path = getattr(scope.get("route"), "path_format", None)
    # One that was refused at the gate has not come as far as its route.
    return path if isinstance(path, str) else str(scope.get("state", {}).get("route", "none"))


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope["method"] in known else "other"
