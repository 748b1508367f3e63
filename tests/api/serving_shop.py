"""A shop that is served within the test, whose passes through the network can be held up."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from fastapi import Request
from starlette.types import Message

from api.listener import Listener
from api.live import Limits, LivePair
from indexer.embedding import PhotoEmbedder, Pixels
from indexer.shop import Shop
from tests.indexer.switching_shop import load
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions

PATIENCE = 20.0


class Heard(Listener):
    """Writes down what is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.passes: list[int] = []

    def passed(self, photos: int, ms: float) -> None:
        self.passes.append(photos)

    def refused(self) -> None:
        self.told.append("refused")

    def left(self) -> None:
        self.told.append("left")

    def took_over(self, model: str, index: str) -> None:
        self.told.append((model, index))

    def not_taken_over(self, reason: str) -> None:
        self.told.append(reason)


class Gate:
    """Holds up every pass through a tiny network while it is shut."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun, self.open = threading.Event(), threading.Event()
        self.open.set()
        self.photos = 0
        passes = TinyEmbedder.__call__

        def held(network: TinyEmbedder, pixels: Pixels) -> TinyPredictions:
            self.begun.set()
            self.photos += len(pixels)
            assert self.open.wait(PATIENCE)
            return passes(network, pixels)

        patch.setattr(TinyEmbedder, "__call__", held)

    @contextmanager
    def shut(self) -> Iterator[None]:
        self.begun.clear()
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()

    async def occupied(self) -> None:
        """Wait until a pass has begun."""
        assert await asyncio.to_thread(self.begun.wait, PATIENCE)


@asynccontextmanager
async def serving(
    shop: Shop, load: Callable[[Shop, str | None], PhotoEmbedder] = load, **limits: Any
) -> AsyncIterator[tuple[LivePair, Heard]]:
    """Serve a shop; nothing is taken over but by `refresh`."""
    heard = Heard()
    live = LivePair(shop, load, Limits(**limits), heard)
    async with live.watched(3600):
        yield live, heard


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE))


def client_of(*messages: Message) -> Request:
    """Return a request whose client sends these, and then nothing for ever."""
    sent = iter(messages)

    async def receive() -> Message:
        if (message := next(sent, None)) is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    return Request({"type": "http", "headers": []}, receive)
