"""What a request may take: bytes, time; and what of it stays."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import FORM_BYTES, BodyLimit, Deadline, Failures, body_limit
from api.problems import ProblemError
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.test_http_problems import big_photo
from tests.indexer.tiny_shop import painted

App = Callable[[Scope, Receive, Send], object]


def scope(path: str = "/v1/search", *headers: tuple[str, str]) -> Scope:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "path": path, "method": "POST", "headers": raw}


def ask(app: ASGIApp, of: Scope, messages: Sequence[Message], pause: float = 0.0) -> list[Message]:
    """Let an app answer a request whose messages come one after another; return its answer."""
    answer: list[Message] = []
    left = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(pause)
        if not left:
            await asyncio.Event().wait()  # the client stays
        return left.pop(0)

    async def send(message: Message) -> None:
        answer.append(message)

    asyncio.run(asyncio.wait_for(_answered(app, of, receive, send), 20))
    return answer


async def _answered(app: ASGIApp, of: Scope, receive: Receive, send: Send) -> None:
    await app(of, receive, send)


def status(answer: Sequence[Message]) -> int:
    return int(answer[0]["status"])


async def reads_all(of: Scope, receive: Receive, send: Send) -> None:
    """Answer with how many bytes the body has."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def chunks(*sizes: int) -> list[Message]:
    last = len(sizes) - 1
    return [
        {"type": "http.request", "body": bytes(size), "more_body": number < last}
        for number, size in enumerate(sizes)
    ]


class TestBytes:
    """The limit on bytes, of a body that is announced and of one that is not."""

    app = BodyLimit(reads_all, lambda _scope: 100, 10)

    def test_a_body_within_the_limit_passes(self) -> None:
        assert ask(self.app, scope(), chunks(50, 0, 50))[1]["body"] == b"100"

    @pytest.mark.parametrize("announced", [(), (("content-length", "10"),)])
    def test_one_that_sends_more_is_cut_off(self, announced: tuple[tuple[str, str], ...]) -> None:
        with pytest.raises(ProblemError) as raised:
            ask(self.app, scope("/", *announced), chunks(50, 51, 10**9))
        assert raised.value.status_code == 413

    def test_one_that_announces_more_is_not_read(self) -> None:
        answer = ask(self.app, scope("/", ("content-length", "101")), [])
        assert status(answer) == 413
        assert json.loads(answer[1]["body"])["type"] == "/problems/too-large"

    def test_photos_in_json_and_in_batches_may_take_more(self) -> None:
        kind = ("content-type", "application/json")

        def limit(of: Scope) -> int:
            return body_limit(of, 3_000_000, 9_000_000) - FORM_BYTES

        assert limit(scope()) == 3_000_000
        assert limit(scope("/v1/search", kind)) == 4_000_000
        assert limit(scope("/v1/search/batch")) == 9_000_000
        assert limit(scope("/v1/search/batch", kind)) == 12_000_000
        assert limit({**scope("/shop/v1/search/batch"), "root_path": "/shop"}) == 9_000_000


class TestSlowBodies:
    """A client that drips."""

    def test_one_that_drips_is_given_up(self) -> None:
        app = BodyLimit(reads_all, lambda _scope: 100, 0.05)
        with pytest.raises(ProblemError) as raised:
            ask(app, scope(), chunks(*[1] * 100), pause=0.01)
        assert (raised.value.status_code, raised.value.kind) == (408, "too-slow")

    def test_who_waits_for_the_answer_is_not_slow(self) -> None:
        async def waits(of: Scope, receive: Receive, send: Send) -> None:
            await receive()
            with pytest.raises(TimeoutError):  # and not a problem
                await asyncio.wait_for(receive(), 0.2)
            await reads_all(of, _empty, send)

        app = BodyLimit(waits, lambda _scope: 100, 0.05)
        assert status(ask(app, scope(), chunks(5))) == 200


async def _empty() -> Message:
    return {"type": "http.request", "body": b""}


class TestDeadline:
    """The time of one request."""

    def test_an_answer_in_time_passes(self) -> None:
        assert status(ask(Deadline(reads_all, 5), scope(), chunks(5))) == 200

    def test_one_that_comes_late_is_503_and_what_was_begun_is_cancelled(self) -> None:
        ended: list[str] = []

        async def slow(of: Scope, receive: Receive, send: Send) -> None:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        answer = ask(Deadline(slow, 0.05), scope(), [])
        assert status(answer) == 503
        told = json.loads(answer[1]["body"])
        assert told["type"] == "/problems/out-of-time"
        assert (b"retry-after", b"5") in answer[0]["headers"]
        assert ended == ["cancelled"]

    def test_a_thread_that_cannot_be_stopped_holds_nobody_up(self) -> None:
        stop = threading.Event()

        async def stuck(of: Scope, receive: Receive, send: Send) -> None:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, stop.wait, 10))
            await reads_all(of, _empty, send)  # nobody may hear this

        async def main() -> list[Message]:
            answer: list[Message] = []

            async def send(message: Message) -> None:
                answer.append(message)

            await Deadline(stuck, 0.05)(scope(), _empty, send)
            stop.set()
            await asyncio.sleep(0.05)
            return answer

        answer = asyncio.run(main())
        assert [message["type"] for message in answer] == [
            "http.response.start",
            "http.response.body",
        ]
        assert status(answer) == 503

    def test_an_answer_that_has_begun_goes_on(self) -> None:
        async def long(of: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(0.15)
            await send({"type": "http.response.body", "body": b"end"})

        assert ask(Deadline(long, 0.05), scope(), [])[-1]["body"] == b"end"

    def test_an_error_in_time_is_raised(self) -> None:
        async def fails(of: Scope, receive: Receive, send: Send) -> None:
            raise ProblemError(422, "invalid-request", "no")  # type: ignore[arg-type]

        with pytest.raises(ProblemError):
            ask(Deadline(fails, 5), scope(), [])

    def test_over_http(self, shop: Shop, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        stop = threading.Event()
        client = serve(shop.path, request_seconds=0.2)
        monkeypatch.setattr("indexer.catalogue.Catalogue.get", lambda *_: stop.wait(10) and None)
        answer = client.get("/v1/items/apple")
        stop.set()
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/out-of-time")


def test_a_failure_after_the_answer_has_begun_is_not_hidden() -> None:
    async def fails(of: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half an answer")

    with pytest.raises(RuntimeError, match="half"):
        ask(Failures(fails), scope(), [])


class Opened:
    """Files that were opened for writing while it watches, by the interpreter's audit events."""

    def __init__(self) -> None:
        self.watching = False
        self.paths: list[str] = []
        sys.addaudithook(self)  # it cannot be taken away, but it looks only while it is asked to

    def __call__(self, event: str, given: tuple[object, ...]) -> None:
        if not self.watching:
            return
        if event == "open" and (_writes(given[1]) or _flags_write(given[2])):
            self.paths.append(str(given[0]))
        elif event.startswith("tempfile."):
            self.paths.append(f"{event} {given}")


def _writes(mode: object) -> bool:
    return isinstance(mode, str) and any(letter in mode for letter in "wax+")


def _flags_write(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & 3)


@pytest.fixture(scope="module")
def audit() -> Opened:
    return Opened()


@pytest.fixture
def opened(audit: Opened) -> Iterator[Opened]:
    """Watch what is written from now on."""
    audit.paths.clear()
    audit.watching = True
    yield audit
    audit.watching = False


@pytest.mark.parametrize("route", ["/v1/search", "/v1/classify", "/v1/search/batch"])
def test_a_shoppers_photo_is_written_nowhere(
    client: TestClient, tmp_path: Path, opened: Opened, route: str
) -> None:
    large = big_photo(2000, 1500)
    large += bytes(3 * 2**20 - len(large)) if len(large) < 3 * 2**20 else b""
    opened.paths.clear()
    for photo in (painted(1), painted(2)[:-20], b"no photo", large):
        answer = client.post(route, files={"photo": photo})
        assert answer.status_code in {200, 415, 422}
    # The database's files are SQLite's own, which asks nobody; they hold no photo of a request.
    assert opened.paths == []
    (tmp_path / "probe").write_bytes(b"x")
    assert opened.paths == [str(tmp_path / "probe")]  # it does watch
