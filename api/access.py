"""Who may ask: what a route needs, and who a request comes from.

`needs` says it of a route. `api.gate` checks it before a byte of the body is read; the dependency
checks it once more, so that no route is open because the gate did not know it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import Scope as AsgiScope

from api.keys import ApiKey, Scope
from api.problems import Kind, ProblemError
from api.rate_limit import Allowance, RateLimit, household
from api.settings import ServerSettings
from api.shared_buckets import SharedBuckets

Opening = Literal["public_search", "public_photos", "public_metrics"]

_TOLD = "A key of the shop, as `vsearch keys SHOP add NAME` makes it."
BEARER = HTTPBearer(scheme_name="key", description=_TOLD, auto_error=False)
HEADER = APIKeyHeader(
    name="X-API-Key", scheme_name="keyHeader", description=_TOLD, auto_error=False
)


@dataclass(frozen=True)
class Caller:
    """Who a request comes from: a key, or nobody known, and the address that it came from."""

    key: ApiKey | None
    address: str

    def require(self, needed: Scope, opened: bool) -> None:
        """Check that the caller may do what needs a scope.

        Raises:
            ProblemError: 401 without a key where one is needed, 403 with one that allows less.
        """
        if self.key is None and not opened:
            raise unauthorized(f"This needs an API key of scope {needed}.")
        if self.key is not None and not opened and not self.key.scope.allows(needed):
            told = f"The key “{self.key.name}” is of scope {self.key.scope}; this needs {needed}."
            raise ProblemError(403, Kind.FORBIDDEN, told)


class Needs:
    """A dependency that lets a request pass only with a key of some scope.

    Args:
        scope: what the key must allow.
        open_by: the setting that opens the route to callers without a key; None: nothing does.
    """

    def __init__(self, scope: Scope, open_by: Opening | None) -> None:
        self.scope, self.open_by = scope, open_by

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[object, Security(BEARER)] = None,
        _header: Annotated[object, Security(HEADER)] = None,
    ) -> None:
        """Check the request's caller; the two schemes are here to be documented."""
        caller_of(request).require(self.scope, self.opened(request.app.state.settings))

    def opened(self, settings: ServerSettings) -> bool:
        """Say whether the route needs no key."""
        if self.open_by == "public_search":
            return settings.opens_search
        if self.open_by == "public_metrics":
            return settings.opens_metrics
        return self.open_by == "public_photos" and (settings.public_photos or settings.opens_search)


def needs(scope: Literal["search", "write", "admin"], open_by: Opening | None = None) -> Any:  # noqa: ANN401  as Depends
    """Return a dependency for routes: `dependencies=[needs("search")]`.

    Searching is open to all where the setting `public_search` says so; nothing else is, unless
    `open_by` names another setting.
    """
    opening: Opening | None = open_by or ("public_search" if scope == "search" else None)
    return Depends(Needs(Scope(scope), opening))


def routes_of(routers: Iterable[APIRouter]) -> Iterator[APIRoute]:
    """Yield the routes of routers that have their prefixes, in the order of matching."""
    for router in routers:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def needs_of(dependencies: Iterable[Any]) -> list[Needs]:
    """Return what a route's dependencies ask of callers."""
    found = (getattr(one, "dependency", None) for one in dependencies)
    return [one for one in found if isinstance(one, Needs)]


def caller_of(request: Request) -> Caller:
    """Return who a request comes from, as the gate found out."""
    caller = getattr(request.state, "caller", None)
    return caller if isinstance(caller, Caller) else Caller(None, "")


def presented_key(headers: Headers) -> str | None:
    """Return the key that a request carries; X-API-Key counts before Authorization.

    Another scheme than Bearer is a proxy's business and no key.
    """
    if given := headers.get("x-api-key"):
        return given.strip()
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.casefold() == "bearer" else None


def unauthorized(told: str, *, invalid: bool = False) -> ProblemError:
    """Return the 401 that asks for a key."""
    challenge = 'Bearer realm="vsearch"' + (', error="invalid_token"' if invalid else "")
    sent = "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
    headers = {"WWW-Authenticate": challenge}
    return ProblemError(401, Kind.UNAUTHORIZED, f"{told} {sent}", headers=headers)


def too_many(allowance: Allowance) -> ProblemError:
    """Return the 429 that tells when to come back."""
    told = f"Too many requests: ask again in {allowance.retry_after} seconds."
    return ProblemError(429, Kind.RATE_LIMITED, told, headers=allowance.headers)


@dataclass(frozen=True)
class RateLimits:
    """The rate limits of a server: for each key, and for each address without one."""

    keys: RateLimit
    addresses: RateLimit

    @classmethod
    def of(cls, settings: ServerSettings, shared: Path | None = None) -> "RateLimits":
        """Make those that the settings ask for.

        Args:
            settings: the settings.
            shared: the folder in which several processes count together; None: this one is alone.
        """

        def limit(policy: str, rate: float, burst: int) -> RateLimit:
            buckets = SharedBuckets(shared / f"{policy}.buckets") if shared else None
            return RateLimit(policy, rate, burst, buckets)

        return cls(
            limit("key", settings.key_rate, settings.key_burst),
            limit("address", settings.rate_by_address, settings.address_burst),
        )

    def take(self, caller: Caller, tokens: float = 1) -> tuple[str, Allowance]:
        """Take from the caller's bucket; return which limit it is, and what it says."""
        if caller.key is not None:
            return self.keys.policy, self.keys.take(caller.key.id, tokens)
        return self.addresses.policy, self.addresses.take(household(caller.address), tokens)


def charge(request: Request, tokens: int) -> None:
    """Let a request count as further ones, such as one for each further photo of a batch.

    Raises:
        ProblemError: 429, that is too many.
    """
    if tokens > 0:
        limit, allowance = request.app.state.rate_limits.take(caller_of(request), tokens)
        if not allowance.granted:
            request.app.state.metrics.rate_limited(limit)
            raise too_many(allowance)


def caller_without_key(scope: AsgiScope) -> Caller:
    """Return who a request comes from, as far as its connection tells."""
    client = scope.get("client")
    return Caller(None, client[0] if client else "")
