"""The pair of model and index that the server answers with, and how a new one takes over."""

import asyncio
import logging
import math
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from api.busy import busy
from api.listener import Listener
from api.loading import LoadNetwork, load_warm, open_version
from api.pair import Pair, Workers
from api.problems import Kind, ProblemError
from api.shared_network import GATHER_SECONDS, SharedNetwork
from indexer.search import Searcher
from indexer.shop import Current, Shop
from vsearch.errors import VsearchError

RETRY_SECONDS = 30.0  # before a pair that could not be loaded is tried again
_JOIN_SECONDS = 10.0  # for a pass that is under way when the server ends

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How much is done at once.

    Attributes:
        photos: requests' photos that are held from decoding to the answer; the next is refused.
        decoders: threads that decode; each holds one decoded photo.
        searchers: threads that search.
        gather_seconds: how long a pass through the network waits for photos being decoded.
        batching: False gives every photo a pass of its own, for comparison.
        batches: of photos that the network may be given at once.
    """

    photos: int = 64
    decoders: int = min(4, os.cpu_count() or 1)
    searchers: int = min(4, os.cpu_count() or 1)
    gather_seconds: float = GATHER_SECONDS
    batching: bool = True
    batches: int = 1


class LivePair:
    """Holds the pair that serves and replaces it when another process publishes.

    A request holds one pair to its end, so model and index always belong together; the old pair is
    closed when its last request has ended. The new one is loaded and warm before it takes over; one
    that cannot be loaded is reported in the log, and the old one goes on serving. Where only the
    index is new, both pairs share the network, and photos of both its passes.

    Attributes:
        limits: how much is done at once.
        listener: told of what happens.
        held: photos that are held now.
        settled: called once another network has taken over, in the thread that has loaded it; a
            process that serves for long lets it be `api.long_lived.settle`.
    """

    def __init__(
        self,
        shop: Shop,
        load: LoadNetwork = load_warm,
        limits: Limits | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.listener = listener or Listener()
        self.held = 0
        self.settled: Callable[[], None] = lambda: None
        self._shop = shop
        self._load = load
        self._workers = Workers.start(self.limits.decoders, self.limits.searchers)
        self._pair: Pair | None = None
        self._lock = threading.Lock()
        self._tried: Current | None = None
        self._retry_at = 0.0

    @property
    def waiting(self) -> int:
        """How many photos wait for their pass through the network."""
        return self._pair.network.waiting if self._pair else 0

    def pair(self) -> Pair:
        """Return the pair that serves now, to be asked about; `hold` it to work with it.

        Raises:
            ProblemError: 503 while the shop has none.
        """
        if self._pair is None:
            raise ProblemError(
                503,
                Kind.NOT_BUILT,
                "This shop has no trained model and index yet: run `vsearch train` and "
                "`vsearch build`. The server takes them over without a restart.",
                headers={"Retry-After": "30"},
            )
        return self._pair

    def searcher(self) -> Searcher:
        """Return what searches with the pair that serves now; it takes no photo after that.

        Raises:
            ProblemError: 503 while the shop has none.
        """
        return self.pair().searcher

    @contextmanager
    def hold(self, photos: int = 1) -> Iterator[Pair]:
        """Hold the pair that serves, and places for photos, within the block.

        Args:
            photos: how many photos the request has; 0 for one that needs no place.

        Raises:
            ProblemError: 503 with Retry-After where so many places are not free, or while the shop
                has no pair.
        """
        pair = self.pair()
        while not pair.lease.take():  # another one has taken over just now
            pair = self.pair()
        try:
            self._take_places(photos)
            try:
                yield pair
            finally:
                self._take_places(-photos)
        finally:
            pair.lease.leave()

    def _take_places(self, photos: int) -> None:
        with self._lock:
            # Alone, a request may have more photos than there are places.
            free = photos <= 0 or not self.held or self.held + photos <= self.limits.photos
            self.held += photos if free else 0
        if not free:
            self.listener.refused()
            raise busy("All places are taken.")

    def refresh(self) -> None:
        """Load the published pair, unless it is the one that was loaded or failed just now."""
        try:
            current = self._shop.current()
        except (VsearchError, OSError) as error:
            log.error("what serves cannot be looked up: %s", error)
            return
        if current.index is None or (current == self._tried and time.monotonic() < self._retry_at):
            return
        self._tried = current
        told = f"model {current.model} with index {current.index}"
        try:
            self._replace(self._open(current))
        # Whatever goes wrong with the new pair, even in a driver, the old one must go on serving.
        except Exception as error:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            log.error("%s cannot serve: %s", told, error)
            self.listener.not_taken_over(str(error))
        else:
            self._retry_at = math.inf
            log.info("%s serves", told)
            self.listener.took_over(current.model or "", current.index)

    @asynccontextmanager
    async def watched(
        self, poll_seconds: float, then: Callable[[Searcher], None] | None = None
    ) -> AsyncIterator[None]:
        """Load what is published, then look for something newer every `poll_seconds`.

        Args:
            poll_seconds: between two looks.
            then: called with what serves after each look, in a thread; must raise nothing.
        """
        await asyncio.to_thread(self.refresh)
        watch = asyncio.create_task(self._watch(poll_seconds, then))
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])
            await asyncio.to_thread(self._stop)

    async def _watch(self, poll_seconds: float, then: Callable[[Searcher], None] | None) -> None:
        while True:
            await asyncio.sleep(poll_seconds)
            await asyncio.to_thread(self.refresh)
            if then is not None and self._pair is not None:
                await asyncio.to_thread(then, self._pair.searcher)

    def _open(self, current: Current) -> Pair:
        """Return a pair that is ready: its network compiled, its index looked into once."""
        old = self._pair
        if old is not None and old.model == current.model and old.network.lease.take():
            network = old.network
        else:
            network = self._share(current)
        try:
            return Pair(open_version(self._shop, current, network), network, self._workers)
        except BaseException:
            network.lease.leave()
            raise

    def _share(self, current: Current) -> SharedNetwork:
        return SharedNetwork(
            self._load(self._shop, current.model),
            gather_seconds=self.limits.gather_seconds,
            batching=self.limits.batching,
            batches=self.limits.batches,
            told=self.listener.passed,
        )

    def _replace(self, new: Pair) -> None:
        old, self._pair = self._pair, new
        if old is not None:
            old.lease.leave()
        if old is None or old.network is not new.network:
            del old
            self.settled()

    def _stop(self) -> None:
        pair, self._pair = self._pair, None
        if pair is not None:
            pair.lease.leave()
            pair.network.close(_JOIN_SECONDS)
        self._workers.stop()
