"""The pair that serves: who holds it, how another takes over, and what nobody waits for."""

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import Request
from starlette.types import Message

from api.app import create_app
from api.listener import Listener
from api.live import Limits, LivePair
from api.problems import ProblemError
from api.settings import ServerSettings
from api.waiting import while_waited_for
from indexer.embedding import PhotoEmbedder, Pixels
from indexer.shop import Current, Shop
from tests.benchmarks.api_shoppers import request_of
from tests.indexer.switching_shop import BLUE, RED, load, make_switching_shop, switch
from tests.indexer.tiny_shop import SIDE, TinyEmbedder, TinyPredictions, painted
from vsearch.images import ImageError

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

    def timed_out(self) -> None:
        self.told.append("timed out")

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


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with two pairs; the blue one serves."""
    with make_switching_shop(tmp_path) as made:
        yield made


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


def test_photos_that_wait_share_a_pass_and_each_gets_its_own_answer(shop: Shop, gate: Gate) -> None:
    async def ask() -> None:
        async with serving(shop) as (live, heard):
            with live.hold() as pair:
                heard.passes.clear()
                with gate.shut():
                    asked = [asyncio.create_task(pair.see(painted(0)))]
                    await gate.occupied()
                    asked += [asyncio.create_task(pair.see(painted(i))) for i in range(1, 7)]
                    while live.waiting < 6:
                        await asyncio.sleep(0.001)
                seen = [await one for one in asked]
                assert heard.passes == [1, 4, 2]
                assert sorted(one.batch for one in seen) == [1, 2, 2, 4, 4, 4, 4]
                alone = TinyEmbedder(embedding_fingerprint=pair.network.embedding_fingerprint)
                for number, one in enumerate(seen):
                    result = await pair.search(one, top_k=3)
                    assert result.hits[0].item.item_id == f"item-{number}"
                    pixels = await pair.decode(painted(number))
                    expected = alone(pixels[None]).embeddings
                    np.testing.assert_array_equal(one.predictions.embeddings, expected)

    run(ask())


def test_without_batching_every_photo_has_a_pass_of_its_own(shop: Shop, gate: Gate) -> None:
    async def ask() -> None:
        async with serving(shop, batching=False) as (live, heard):
            with live.hold() as pair, gate.shut():
                asked = [asyncio.create_task(pair.see(painted(i))) for i in range(5)]
                while live.waiting < 4:
                    await asyncio.sleep(0.001)
            await asyncio.gather(*asked)
            assert heard.passes == [1] * 5

    run(ask())


def test_timings_add_up(shop: Shop) -> None:
    async def ask() -> None:
        async with serving(shop) as (live, _):
            with live.hold() as pair:
                seen = await pair.see(painted(1))
                timings = (await pair.search(seen)).timings
                shown = await pair.classify(seen)
        stages = ("decode", "embed", "search", "wait")
        assert set(timings) == {*stages, "total"}
        assert sum(timings[stage] for stage in stages) == pytest.approx(timings["total"])
        assert (shown.hits, shown.model) == ((), BLUE)
        assert shown.labels[0].name.startswith(BLUE)

    run(ask())


def test_a_photo_that_cannot_be_used_is_refused_and_frees_its_place(shop: Shop) -> None:
    async def ask() -> None:
        async with serving(shop) as (live, heard):
            with live.hold() as pair, pytest.raises(ImageError):
                await pair.see(b"no photo")
            assert (live.held, heard.passes) == (0, [])
            with live.hold() as pair, pytest.raises(ValueError, match="takes one photo"):
                await pair.predict(np.zeros((SIDE, SIDE, 4), np.uint8))
            assert (await pair.predict(np.zeros((SIDE, SIDE, 3), np.uint8))).jobs == 1

    run(ask())


def test_a_request_without_a_place_is_told_to_come_again(shop: Shop) -> None:
    async def ask() -> None:
        async with serving(shop, photos=3) as (live, heard):
            with live.hold(), live.hold(2):
                with pytest.raises(ProblemError) as refused, live.hold():
                    pass
                assert refused.value.status_code == 503
                assert refused.value.headers == {"Retry-After": "1"}
                assert live.held == 3
                with live.hold(0):  # what has no photo needs no place
                    pass
            with live.hold(100):  # alone, it may have as many as a request can
                assert live.held == 100
            assert live.held == 0
            assert heard.told[1:] == ["refused"]

    run(ask())


class TestTakingOver:
    def test_requests_in_flight_end_with_the_pair_that_they_began_with(
        self, shop: Shop, gate: Gate
    ) -> None:
        async def ask() -> None:
            async with serving(shop) as (live, heard):
                with gate.shut(), live.hold() as old:
                    asked = asyncio.create_task(old.see(painted(1)))
                    await gate.occupied()
                    published = await asyncio.to_thread(switch, shop, by_build=False)
                    takes_over = asyncio.create_task(asyncio.to_thread(live.refresh))
                    # Its network is warm without a pass; the gate is for passes.
                    await takes_over
                    with live.hold() as new:
                        assert (old.model, new.model) == (BLUE, RED)
                        gate.open.set()
                        seen, other = await asked, await new.see(painted(1))
                        results = await old.search(seen), await new.search(other)
                assert [result.model for result in results] == [BLUE, RED]
                assert [result.hits[0].item.item_id for result in results] == ["item-1"] * 2
                assert heard.told[-1] == (published.model, published.index)
                with pytest.raises(RuntimeError, match="closed"):
                    await old.see(painted(1))  # nobody holds it any more

        run(ask())

    def test_a_new_index_of_the_same_model_takes_the_network_on(self, shop: Shop) -> None:
        loads: list[str | None] = []

        def counted(shop: Shop, model: str | None) -> PhotoEmbedder:
            loads.append(model)
            return load(shop, model)

        async def ask() -> None:
            async with serving(shop, counted) as (live, _):
                with live.hold() as old:
                    switch(shop, by_build=True)
                    switch(shop, by_build=True)  # another version of the model that serves
                    await asyncio.to_thread(live.refresh)
                    with live.hold() as new:
                        assert (old.index != new.index, old.network is new.network) == (True, True)
                    await old.see(painted(1))
                with live.hold() as new:
                    await new.see(painted(1))  # the old pair's end has not ended the network

        run(ask())
        assert loads == [BLUE]

    def test_the_old_pair_is_freed(self, shop: Shop) -> None:
        async def ask() -> None:
            async with serving(shop) as (live, _):
                with live.hold() as pair:
                    await pair.search(await pair.see(painted(1)))
                    kept = [weakref.ref(thing) for thing in (pair, pair.network, pair.searcher)]
                del pair
                switch(shop, by_build=False)
                await asyncio.to_thread(live.refresh)
                for _ in range(100):  # the network's thread ends by itself
                    gc.collect()
                    if not any(ref() for ref in kept):
                        return
                    await asyncio.sleep(0.01)
                pytest.fail(f"still there: {[ref() for ref in kept if ref()]}")

        run(ask())

    def test_a_pair_that_cannot_be_loaded_leaves_the_old_one_serving(self, shop: Shop) -> None:
        def only_blue(shop: Shop, model: str | None) -> PhotoEmbedder:
            if model == RED:
                raise MemoryError("no memory for another network")
            return load(shop, model)

        async def ask() -> None:
            async with serving(shop, only_blue) as (live, heard):
                switch(shop, by_build=False)
                await asyncio.to_thread(live.refresh)
                with live.hold() as pair:
                    assert (await pair.search(await pair.see(painted(1)))).model == BLUE
                # An index that belongs to another model than it is published with.
                pairs = {
                    json.loads(p.read_text())["model_fingerprint"]: p.parent.name
                    for p in shop.indexes.glob("*/manifest.json")
                }
                shop.publish(Current(BLUE, pairs[RED]))
                await asyncio.to_thread(live.refresh)
                with live.hold() as pair:
                    assert (pair.model, pair.index) == (BLUE, pairs[BLUE])
                assert len(heard.told) == 3
                assert heard.told[1] == "no memory for another network"
                assert pairs[RED] in str(heard.told[2])

        run(ask())


class TestWaiting:
    """What nobody waits for."""

    def test_a_request_whose_client_has_gone_is_never_computed(
        self, shop: Shop, gate: Gate
    ) -> None:
        async def ask() -> None:
            async with serving(shop) as (live, heard):
                gone = client_of({"type": "http.request"}, {"type": "http.disconnect"})
                with live.hold() as pair, gate.shut():
                    first = asyncio.create_task(pair.see(painted(0)))
                    await gate.occupied()
                    with pytest.raises(ProblemError) as left:
                        await while_waited_for(gone, pair.see(painted(1)), listener=heard)
                    assert left.value.status_code == 499
                    stays = asyncio.create_task(
                        while_waited_for(client_of(), pair.see(painted(2)), listener=heard)
                    )
                    while not live.waiting:
                        await asyncio.sleep(0.001)
                    gate.open.set()
                    await first
                    assert (await stays).batch == 1
                assert heard.passes == [1, 1]
                assert heard.told[1:] == ["left"]

        run(ask())

    def test_who_leaves_while_a_search_waits_is_not_searched_for(
        self, shop: Shop, gate: Gate
    ) -> None:
        """Through all layers of the application, as a server calls it."""
        photo = request_of(painted(1), "/v1/search", 80).partition(b"\r\n\r\n")
        unread: list[Message] = [{"type": "http.request", "body": photo[2]}]
        headers = [
            (name.lower(), value)
            for name, _, value in (line.partition(b": ") for line in photo[0].split(b"\r\n")[1:])
        ]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/search",
            "raw_path": b"/v1/search",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        told: list[Message] = []

        async def send(message: Message) -> None:
            told.append(message)

        async def ask() -> None:
            app = create_app(ServerSettings(shop=shop.path, rebuild=False), load)
            async with app.router.lifespan_context(app):
                live: LivePair = app.state.live
                with live.hold() as pair, gate.shut():
                    first = asyncio.create_task(pair.see(painted(0)))
                    await gate.occupied()

                    async def receive() -> Message:
                        if unread:
                            return unread.pop()
                        while not live.waiting:  # it is in the queue when its client leaves
                            await asyncio.sleep(0.001)
                        return {"type": "http.disconnect"}

                    await app(scope, receive, send)
                    assert live.held == 1
                    gate.open.set()
                    await first
                    gate.photos = 0
                    await pair.see(painted(2))
                    assert gate.photos == 1  # what was asked in between is not among them

        run(ask())
        assert told[0]["status"] == 499

    def test_a_request_whose_time_is_up_is_never_computed(self, shop: Shop, gate: Gate) -> None:
        async def ask() -> None:
            async with serving(shop) as (live, heard):
                with live.hold() as pair, gate.shut():
                    first = asyncio.create_task(pair.see(painted(0)))
                    await gate.occupied()
                    with pytest.raises(ProblemError) as late:
                        await while_waited_for(
                            client_of(), pair.see(painted(1)), seconds=0.05, listener=heard
                        )
                assert (late.value.status_code, "0.05" in str(late.value.detail)) == (503, True)
                assert late.value.headers == {"Retry-After": "1"}
                await first
                assert heard.passes == [1]
                assert heard.told[1:] == ["timed out"]

        run(ask())

    def test_what_the_work_raises_is_raised(self) -> None:
        async def fails() -> None:
            raise ImageError("not-an-image", "no photo")  # type: ignore[arg-type]

        async def ask() -> None:
            with pytest.raises(ImageError):
                await while_waited_for(client_of(), fails())

        run(ask())
