"""One model and one index that serve together, and the way of a shopper's photo through them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ParamSpec, TypeVar, Unpack

from PIL import Image

from api.lease import Lease
from api.shared_network import Predicted, SharedNetwork
from indexer.close_matches import SentPhoto
from indexer.embedding import PhotoPredictions, Pixels
from indexer.search import Asked, Searcher
from indexer.search_hits import SearchResult
from vsearch.images import Crop, load_with_glance

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Workers:
    """The threads that all pairs of a server share, beside each network's own.

    Attributes:
        decoders: turn files into pixels; each holds one decoded photo in memory.
        searchers: search, and do whatever else would hold up the event loop.
    """

    decoders: Executor
    searchers: Executor

    @classmethod
    def start(cls, decoders: int, searchers: int) -> "Workers":
        """Return so many of either."""
        return cls(
            ThreadPoolExecutor(decoders, thread_name_prefix="decode"),
            ThreadPoolExecutor(searchers, thread_name_prefix="search"),
        )

    def stop(self) -> None:
        """End the threads; what has not begun is not begun."""
        for pool in (self.decoders, self.searchers):
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Seen:
    """A shopper's photo after it went through the network.

    Attributes:
        data: its file.
        crop: the part that was looked at; None: all.
        predictions: what the network says, one row.
        batch: how many photos shared its pass.
        started: when its way began, `time.perf_counter` seconds.
        timings: milliseconds of the stages so far, "decode" and "embed".
        glance: the photo small, if it is large; see `load_with_glance`.
    """

    data: bytes
    crop: Crop | None
    predictions: PhotoPredictions
    batch: int
    started: float
    timings: dict[str, float] = field(default_factory=dict)
    glance: Image.Image | None = None

    @property
    def sent(self) -> SentPhoto | None:
        """The photo as the catalogue may have it; None where a part of it was looked at."""
        return None if self.crop else SentPhoto(self.data, self.glance)

    def timed(self, **stages: float) -> dict[str, float]:
        """Return all timings: further stages, "total" until now, and "wait".

        "wait" is what no stage accounts for: the photo waited for a thread, its batch, or its turn.
        """
        total = 1e3 * (time.perf_counter() - self.started)
        worked = self.timings | stages
        return {**worked, "wait": max(total - sum(worked.values()), 0.0), "total": total}


class Pair:
    """A model and an index that belong together; held by those who use it, closed after the last.

    All its coroutines can be cancelled: what has not begun by then is never done.

    Attributes:
        searcher: the same for plain functions in threads; its network is the shared one.
        network: the network.
        lease: who holds the pair; whoever makes it is the first.

    Args:
        searcher: as above.
        network: as above; its lease is taken for this pair, which leaves it in the end.
        workers: the server's threads.
    """

    def __init__(
        self,
        searcher: Searcher,
        network: SharedNetwork,
        workers: Workers,
    ) -> None:
        self.searcher = searcher
        self.network = network
        self._workers = workers
        self.lease = Lease(network.lease.leave)

    @property
    def model(self) -> str:
        """model_fingerprint of the model."""
        return self.network.model_fingerprint

    @property
    def index(self) -> str:
        """Name of the index version."""
        return self.searcher.version.name

    async def see(self, data: bytes, *, crop: Crop | None = None) -> Seen:
        """Decode a photo and let it go through the network, together with others that wait.

        Raises:
            ImageError: the photo cannot be used.
        """
        started = time.perf_counter()
        with self.network.expecting():
            (pixels, glance), decode = await self._in_thread(
                self._workers.decoders, self._load, data, crop
            )
            asked = self.network.submit(pixels)
        shared: Predicted = await asyncio.wrap_future(asked)
        timings = {"decode": decode, "embed": shared.worked}
        return Seen(data, crop, shared.answer, shared.jobs, started, timings, glance)

    async def decode(self, data: bytes, *, crop: Crop | None = None) -> Pixels:
        """Return a photo's pixels, (size, size, 3) uint8, as this pair's network sees them.

        Raises:
            ImageError: the photo cannot be used.
        """
        return (await self._in_thread(self._workers.decoders, self._load, data, crop))[0][0]

    async def predict(self, pixels: Pixels) -> Predicted:
        """Return what the network says of one photo, (size, size, 3) uint8, as one row."""
        return await asyncio.wrap_future(self.network.submit(pixels))

    async def search(self, seen: Seen, **asked: Unpack[Asked]) -> SearchResult:
        """Return what a photo shows and the items that look like it, with all timings.

        Args:
            seen: what `see` of this pair returned.
            asked: as `Searcher.answer` takes it.

        Raises:
            CategoryError: the shop has no such category.
        """
        answer = partial(self.searcher.answer, seen.predictions, sent=seen.sent, **asked)
        return await self._answered(seen, answer)

    async def classify(self, seen: Seen) -> SearchResult:
        """Return what a photo shows, without hits, with all timings."""
        return await self._answered(seen, partial(self.searcher.told, seen.predictions))

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a plain function gives, run in one of the threads that search."""
        bound = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._workers.searchers, bound)

    async def _answered(self, seen: Seen, answer: Callable[[], SearchResult]) -> SearchResult:
        result, search = await self._in_thread(self._workers.searchers, _clocked, answer)
        return replace(result, timings=seen.timed(search=search))

    def _load(
        self, data: bytes, crop: Crop | None
    ) -> tuple[tuple[Pixels, Image.Image | None], float]:
        limit = self.searcher.shop.settings.max_pixels
        look = partial(load_with_glance, data, self.network.spec, crop=crop, max_pixels=limit)
        return _clocked(look)

    @staticmethod
    async def _in_thread(
        pool: Executor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        bound = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(pool, bound)


def _clocked(work: Callable[[], T]) -> tuple[T, float]:
    """Return what it gives, and the milliseconds that it took."""
    started = time.perf_counter()
    return work(), 1e3 * (time.perf_counter() - started)
