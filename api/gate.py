"""The gate: whose request it is, whether that may be asked, and not too often.

It decides by the headers alone, before anything of a body is read: a stranger cannot make the
server receive and parse 20 MB to be told that a key is missing.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fastapi import APIRouter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import (
    Caller,
    Needs,
    RateLimits,
    caller_without_key,
    needs_of,
    presented_key,
    routes_of,
    too_many,
    unauthorized,
)
from api.key_ring import KeyRing
from api.metrics import Metrics
from api.problems import ProblemError, respond_to
from api.request_path import path_of
from api.settings import ServerSettings

FREE = frozenset(("/healthz", "/readyz"))  # of balancers, which ask often and have no key
log = logging.getLogger(__name__)

CHEAP = 0.05  # of a request: pictures and files of a page, which come by the dozen


@dataclass(frozen=True)
class Guarded:
    """A route and what it needs."""

    methods: frozenset[str]
    path: re.Pattern[str]
    told: str  # the path as logs and metrics tell it
    needs: tuple[Needs, ...]

    @classmethod
    def of(cls, routers: Iterable[APIRouter]) -> "list[Guarded]":
        """Return the guarded routes of routers, in the order in which they are matched."""
        return [
            cls(frozenset(route.methods or ()), route.path_regex, route.path_format, tuple(found))
            for route in routes_of(routers)
            if (found := needs_of(route.dependencies))
        ]


class Gate:
    """Knows each request's caller, or answers 401, 403 or 429 in place of the app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ServerSettings,
        ring: KeyRing,
        limits: RateLimits,
        guarded: Iterable[Guarded],
        metrics: Metrics,
    ) -> None:
        self.app = app
        self._settings, self._ring, self._limits = settings, ring, limits
        self._guarded = tuple(guarded)
        self._warned = bool(settings.trusted_proxies)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that may be asked, with its caller."""
        if scope["type"] != "http" or path_of(scope) in FREE:
            await self.app(scope, receive, send)
            return
        headers: dict[str, str] = {}
        self._look_for_proxy(scope)
        presented = presented_key(Headers(scope=scope))
        caller = self._caller(scope, presented)
        try:
            needed = self._needs(scope)
            headers = self._count(caller, needed)
            if presented is not None and caller.key is None:
                raise unauthorized("The API key is unknown, revoked or expired.", invalid=True)
            for one in needed:
                caller.require(one.scope, one.opened(self._settings))
        except ProblemError as error:
            error.headers = {**headers, **(error.headers or {}), **_close(scope)}
            await respond_to(scope, error)(scope, receive, send)
            return

        async def with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in headers.items():
                    MutableHeaders(scope=message).setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_limits)

    def _caller(self, scope: Scope, presented: str | None) -> Caller:
        caller = caller_without_key(scope)
        state = scope.setdefault("state", {})
        if presented is not None and (key := self._ring.find(presented)):
            caller = replace(caller, key=key)
            state["key"] = key.id
        state["caller"] = caller
        return caller

    def _look_for_proxy(self, scope: Scope) -> None:
        """Warn once that what comes through a proxy seems to come from this machine."""
        if not self._warned and "x-forwarded-for" in Headers(scope=scope):
            self._warned = True
            log.warning(
                "requests come through a proxy that is not trusted, so all count as one address, "
                "and searching may be open to everybody: set trusted_proxies (--trusted-proxies)"
            )

    def _needs(self, scope: Scope) -> tuple[Needs, ...]:
        path = path_of(scope)
        for one in self._guarded:
            if scope["method"] in one.methods and one.path.match(path):
                scope["state"]["route"] = one.told
                return one.needs
        return ()

    def _count(self, caller: Caller, needed: tuple[Needs, ...]) -> dict[str, str]:
        """Take from the caller's bucket; return the headers that tell of it."""
        cheap = all(one.open_by == "public_photos" for one in needed)
        limit, allowance = self._limits.take(caller, CHEAP if cheap else 1)
        if not allowance.granted:
            self._metrics.rate_limited(limit)
            raise too_many(allowance)
        return allowance.headers


def _close(scope: Scope) -> dict[str, str]:
    """Return a header that ends the connection where a body follows that nobody will read."""
    headers = Headers(scope=scope)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return {"Connection": "close"} if has_body else {}
