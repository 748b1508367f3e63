"""How many requests each key or address may make: a token bucket for each.

A bucket holds up to `burst` tokens and gains `rate` a second; a request takes one. The headers
that tell a client of it are those of draft-ietf-httpapi-ratelimit-headers-10. The processes of one
server take from the same buckets: `api.shared_buckets`.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

MOST_BUCKETS = 10_000  # a million strangers must not fill the memory

Bucket = tuple[float, float]
"""Tokens that were in it, and when: seconds of the clock."""


class Buckets(AbstractContextManager["Buckets"], Protocol):
    """Buckets by name; nobody else changes them while they are entered."""

    def __len__(self) -> int: ...

    def get(self, name: str) -> Bucket | None:
        """Return a bucket; None where it is not known."""

    def put(self, name: str, bucket: Bucket) -> None:
        """Keep a bucket."""


class OwnBuckets:
    """Buckets of one process, of which those that were used last are kept.

    A bucket that is given up was not used for longer than any of the others, so it is most likely
    full again: forgetting it gives little away.

    Args:
        most: buckets.
    """

    def __init__(self, most: int = MOST_BUCKETS) -> None:
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def __enter__(self) -> "OwnBuckets":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def get(self, name: str) -> Bucket | None:
        """Return a bucket; None where it is not known."""
        return self._buckets.get(name)

    def put(self, name: str, bucket: Bucket) -> None:
        """Keep a bucket."""
        self._buckets[name] = bucket
        self._buckets.move_to_end(name)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)


@dataclass(frozen=True)
class Allowance:
    """What a bucket says to a request.

    Attributes:
        granted: whether the request may go on.
        left: how many more may follow at once.
        retry_after: whole seconds until as much is there again; 0 where it was granted.
        headers: RateLimit-Policy and RateLimit, and Retry-After where it was refused.
    """

    granted: bool
    left: int
    retry_after: int
    headers: dict[str, str]


class RateLimit:
    """What each name may still ask for.

    Args:
        policy: the name of this limit in headers.
        rate: tokens a second; 0: there is no limit.
        burst: tokens that a full bucket has.
        buckets: where they are kept; by default in this process.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        policy: str,
        rate: float,
        burst: int,
        buckets: Buckets | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy, self.rate, self.burst = policy, rate, burst
        self._buckets: Buckets = OwnBuckets() if buckets is None else buckets
        self._clock = clock

    def take(self, name: str, tokens: float = 1) -> Allowance:
        """Take tokens of a bucket, all or none.

        More than the bucket holds are granted by a full one, which then is in debt: a large batch
        must be possible at all.
        """
        if not self.rate:
            return Allowance(True, self.burst, 0, {})
        needed = min(tokens, float(self.burst))
        with self._buckets as buckets:
            now = self._clock()
            held, since = buckets.get(name) or (float(self.burst), now)
            held = min(self.burst, held + (now - since) * self.rate)
            granted = held >= needed
            if granted:
                held -= tokens
            buckets.put(name, (held, now))
        wait = 0 if granted else max(1, math.ceil((needed - held) / self.rate))
        return self._told(granted, held, wait)

    def _told(self, granted: bool, held: float, wait: int) -> Allowance:
        left = max(0, int(held))
        full = math.ceil((self.burst - held) / self.rate)
        window = math.ceil(self.burst / self.rate)
        headers = {
            "RateLimit-Policy": f'"{self.policy}";q={self.burst};w={window}',
            "RateLimit": f'"{self.policy}";r={left};t={wait or full}',
        }
        if not granted:
            headers["Retry-After"] = str(wait)
        return Allowance(granted, left, wait, headers)


def household(address: str) -> str:
    """Return under which name an address counts: an IPv6 customer has 2⁶⁴ of them, so by /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
