"""One model and one index that serve together, and the way of a shopper's photo through them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from PIL import Image

from api.batching import Batcher, Shared
from api.chain import Chain
from api.lease import Lease
from api.questions import Answer, Asked, Question, answered
from api.seen import Seen
from api.shared_network import MOST, Predicted, SharedNetwork
from indexer.embedding import Pixels
from indexer.search import Searcher
from vsearch.images import Crop, load_with_glance

P = ParamSpec("P")
T = TypeVar("T")

Decoded = tuple[tuple[Pixels, Image.Image], float]
"""A photo's pixels, the photo small, and the milliseconds that it took."""

_JOIN_SECONDS = 10.0


@dataclass(frozen=True)
class Workers:
    """The threads that all pairs of a server share, beside each network's own.

    Attributes:
        decoders: turn files into pixels; each holds one decoded photo in memory.
        searchers: search, and do whatever else would hold up the event loop.
        answers: answer what is asked about photos, those that came out of a network together.
    """

    decoders: Executor
    searchers: Executor
    answers: Batcher[Asked, Answer]

    @classmethod
    def start(cls, decoders: int, searchers: int) -> "Workers":
        """Return so many of either."""
        return cls(
            ThreadPoolExecutor(decoders, thread_name_prefix="decode"),
            ThreadPoolExecutor(searchers, thread_name_prefix="search"),
            Batcher(answered, "answer", most=MOST, threads=searchers),
        )

    def stop(self) -> None:
        """End the threads; what has not begun is not begun."""
        for pool in (self.decoders, self.searchers):
            pool.shutdown(wait=True, cancel_futures=True)
        self.answers.close(_JOIN_SECONDS)


class Pair:
    """A model and an index that belong together; held by those who use it, closed after the last.

    All its coroutines can be cancelled: what has not begun by then is never done.

    Attributes:
        searcher: the same for plain functions in threads; its network is the shared one.
        network: the network.
        workers: the server's threads.
        lease: who holds the pair; whoever makes it is the first.

    Args:
        searcher: as above.
        network: as above; its lease is taken for this pair, which leaves it in the end.
        workers: likewise.
    """

    def __init__(
        self,
        searcher: Searcher,
        network: SharedNetwork,
        workers: Workers,
    ) -> None:
        self.searcher = searcher
        self.network = network
        self.workers = workers
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
        chain: Chain[Seen] = Chain()
        self._see(chain, data, crop, chain.end)
        return await chain.ended()

    async def ask(self, data: bytes, question: Question, *, crop: Crop | None = None) -> str:
        """Answer a question about a photo, both together with others that wait; return JSON.

        Raises:
            ImageError: the photo cannot be used.
        """
        chain: Chain[str] = Chain()

        def ask(seen: Seen) -> None:
            asked = Asked(self.searcher, question, seen)
            chain.then(self.workers.answers.submit(asked), end)

        def end(told: Shared[Answer]) -> None:
            if isinstance(told.answer, Exception):
                raise told.answer
            chain.end(told.answer)

        self._see(chain, data, crop, ask)
        return await chain.ended()

    def _see(
        self, chain: Chain[T], data: bytes, crop: Crop | None, then: Callable[[Seen], None]
    ) -> None:
        """Begin a photo's way, whose last step hands it on."""
        started = time.perf_counter()

        def passed(decoded: Decoded, shared: Predicted) -> None:
            (_, glance), took = decoded
            timings = {"decode": took, "embed": shared.worked}
            then(Seen(data, crop, shared.answer, shared.jobs, started, timings, glance))

        def embed(decoded: Decoded) -> None:
            (pixels, _), _ = decoded
            chain.then(self.network.submit(pixels), partial(passed, decoded))

        step = self.workers.decoders.submit(self._load, data, crop)
        self.network.expect(1)
        chain.then(step, embed)
        step.add_done_callback(lambda _: self.network.expect(-1))

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a plain function gives, run in one of the threads that search."""
        bound = partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.workers.searchers, bound)

    def _load(self, data: bytes, crop: Crop | None) -> Decoded:
        limit = self.searcher.shop.settings.max_pixels
        look = partial(load_with_glance, data, self.network.spec, crop=crop, max_pixels=limit)
        return _clocked(look)


def _clocked(work: Callable[[], T]) -> tuple[T, float]:
    """Return what it gives, and the milliseconds that it took."""
    started = time.perf_counter()
    return work(), 1e3 * (time.perf_counter() - started)
