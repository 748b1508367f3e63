"""The pair of model and index that the server answers with, and how a new one takes over."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from api.loading import open_warm
from api.problems import Kind, ProblemError
from indexer.embedding import PhotoEmbedder, PhotoPredictions, Pixels
from indexer.search import Searcher
from indexer.shop import Current, Shop
from vsearch.errors import VsearchError

RETRY_SECONDS = 30.0  # before a pair that could not be loaded is tried again

log = logging.getLogger(__name__)

OpenSearcher = Callable[[Shop], Searcher]


class OneThread:
    """A network that only its own thread runs, called from any number of request threads.

    On a GPU one owner keeps memory and kernel launches in order; on a CPU requests queue here
    instead of crowding one another's cores.
    """

    def __init__(self, embedder: PhotoEmbedder) -> None:
        self.bundle = embedder.bundle
        self.objective = embedder.objective
        self.spec = embedder.spec
        self.dim = embedder.dim
        self.embedding_fingerprint = embedder.embedding_fingerprint
        self.model_fingerprint = embedder.model_fingerprint
        self.batch_sizes = embedder.batch_sizes
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")

    def __call__(self, pixels: Pixels, /) -> PhotoPredictions:
        """Answer for photos of shape (n, size, size, 3)."""
        return self._thread.submit(self._embedder, pixels).result()

    def uncalibrated(
        self, logits: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities and shares, (n, labels) each, had nothing been calibrated."""
        return self._embedder.uncalibrated(logits)


def open_live(shop: Shop) -> Searcher:
    """Return the pair that serves, warm, its network in a thread of its own."""
    searcher = open_warm(shop)
    return Searcher(shop, OneThread(searcher.embedder), searcher.version)


class LivePair:
    """Holds the Searcher that serves and replaces it when another process publishes.

    A request takes the Searcher once and keeps it to its end, so model and index always belong
    together; the old pair is freed when its last request has ended. A pair that cannot be loaded
    is reported in the log, and the old one goes on serving.
    """

    def __init__(self, shop: Shop, open_searcher: OpenSearcher) -> None:
        self._shop = shop
        self._open = open_searcher
        self._held: Searcher | None = None
        self._tried: Current | None = None
        self._retry_at = 0.0

    def searcher(self) -> Searcher:
        """Return the pair that serves now.

        Raises:
            ProblemError: 503 while the shop has none.
        """
        if self._held is None:
            raise ProblemError(
                503,
                Kind.NOT_BUILT,
                "This shop has no trained model and index yet: run `vsearch train` and "
                "`vsearch build`. The server takes them over without a restart.",
                headers={"Retry-After": "30"},
            )
        return self._held

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
        pair = f"model {current.model} with index {current.index}"
        try:
            self._held = self._open(self._shop)
        # Whatever goes wrong with the new pair, even in a driver, the old one must go on serving.
        except Exception as error:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            log.error("%s cannot serve: %s", pair, error)
        else:
            self._retry_at = math.inf
            log.info("%s serves", pair)

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

    async def _watch(self, poll_seconds: float, then: Callable[[Searcher], None] | None) -> None:
        while True:
            await asyncio.sleep(poll_seconds)
            await asyncio.to_thread(self.refresh)
            if then is not None and self._held is not None:
                await asyncio.to_thread(then, self._held)
