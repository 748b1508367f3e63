"""What nobody waits for is not computed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from api.app import create_app
from api.live import LivePair
from api.problems import ProblemError
from api.settings import ServerSettings
from api.waiting import while_waited_for
from indexer.shop import Shop
from tests.api.serving_shop import Gate, Heard, client_of, run, serving
from tests.benchmarks.api_shoppers import request_of
from tests.indexer.switching_shop import load, make_switching_shop
from tests.indexer.tiny_shop import painted
from vsearch.images import ImageError


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with two pairs; the blue one serves."""
    with make_switching_shop(tmp_path) as made:
        yield made


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
                    first = []
                    for number in range(live.limits.batches):  # all that may be under way
                        first.append(asyncio.create_task(pair.see(painted(0))))
                        while gate.photos <= number:
                            await asyncio.sleep(0.001)

                    async def receive() -> Message:
                        if unread:
                            return unread.pop()
                        while not live.waiting:  # it is in the queue when its client leaves
                            await asyncio.sleep(0.001)
                        return {"type": "http.disconnect"}

                    await app(scope, receive, send)
                    assert live.held == 1
                    gate.open.set()
                    await asyncio.gather(*first)
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
                    asked = while_waited_for(client_of(), pair.see(painted(1)), listener=heard)
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(asked, 0.05)
                await first
                assert heard.passes == [1]
                assert heard.told[1:] == []

        run(ask())

    def test_whoever_leaves_and_is_out_of_time_at_once_is_cancelled(self) -> None:
        """The client's leaving must not swallow what somebody else has asked for."""

        async def ask() -> None:
            leaves = asyncio.Event()

            async def receive() -> Message:
                await leaves.wait()
                return {"type": "http.disconnect"}

            request = Request({"type": "http", "headers": []}, receive)
            waits = asyncio.create_task(while_waited_for(request, asyncio.sleep(60)))
            await asyncio.sleep(0.01)
            leaves.set()
            await asyncio.sleep(0)  # by now the client is known to have gone
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits

        run(ask())

    @pytest.mark.parametrize("turns", range(5))
    def test_who_leaves_with_the_answer_breaks_nothing_that_follows(self, turns: int) -> None:
        """However many turns of the loop lie between the leaving and the answer."""

        async def ask() -> None:
            leaves = asyncio.Event()

            async def receive() -> Message:
                await leaves.wait()
                return {"type": "http.disconnect"}

            async def works() -> str:
                await asyncio.sleep(0)  # whoever watches for the client has begun
                leaves.set()
                for _ in range(turns):
                    await asyncio.sleep(0)
                return "an answer"

            request = Request({"type": "http", "headers": []}, receive)
            heard = Heard()
            try:
                told: object = await while_waited_for(request, works(), listener=heard)
            except ProblemError as error:
                told = error.status_code
            assert (told, heard.told) in [("an answer", []), (499, ["left"])]
            for _ in range(3):
                await asyncio.sleep(0)  # would raise, were the task still to be cancelled

        run(ask())

    def test_what_the_work_raises_is_raised(self) -> None:
        async def fails() -> None:
            raise ImageError("not-an-image", "no photo")  # type: ignore[arg-type]

        async def ask() -> None:
            with pytest.raises(ImageError):
                await while_waited_for(client_of(), fails())

        run(ask())
