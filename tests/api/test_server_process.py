"""A real server: bodies on the wire, an end that drops nothing, several workers."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.ending import announced
from api.key_ring import KeyRing
from indexer.shop import Shop
from tests.api.key_holder import make_key
from tests.api.server_process import Server, answer, chunked, polled, started, upload_head
from tests.indexer.tiny_shop import painted

PART = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
END = b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that nothing is built of: no model has to be loaded."""
    path = tmp_path_factory.mktemp("served") / "shop"
    Shop.create(path).close()
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A server with small limits."""
    limits = ("--max-bytes", "200000", "--body-seconds", "0.5", "--log-level", "debug")
    with started(folder, *limits) as running:
        yield running


class TestBodies:
    """What clients send, and how they send it."""

    def test_a_body_that_drips_is_given_up(self, server: Server) -> None:
        with server.connect() as asked:
            asked.sendall(upload_head(1000) + PART)
            status, told = answer(asked)
            assert status == 408
            assert "/problems/too-slow" in told
            assert asked.recv(1) == b""  # and the connection is closed
        assert server.get("/healthz")[0] == 200

    def test_a_body_in_chunks_is_cut_off_at_the_limit(self, server: Server) -> None:
        sent = 0
        with server.connect() as asked:
            asked.sendall(upload_head(None))
            try:
                for part in chunked([PART, *[bytes(10_000)] * 1000]):
                    asked.sendall(part)
                    sent += len(part)
            except (BrokenPipeError, ConnectionResetError):
                pass  # as it should be: nobody reads 10 MB
            else:
                assert answer(asked)[0] == 413
        assert sent < 9_000_000
        for _ in polled("the line of the log"):
            if lines := [one for one in _told(server) if one.get("refused") == "too-large"]:
                break
        assert lines[0]["received"] < 2_000_000

    def test_a_body_that_announces_too_much_is_answered_unread(self, server: Server) -> None:
        with server.connect() as asked:
            asked.sendall(upload_head(10**9))
            assert answer(asked)[0] == 413

    def test_a_client_that_leaves_in_the_middle_harms_nobody(self, server: Server) -> None:
        with server.connect() as asked:
            asked.sendall(upload_head(100_000) + PART)
        assert server.get("/v1/categories")[0] == 200

    def test_a_body_that_is_whole_is_read(self, server: Server) -> None:
        photo = PART + painted(1) + END
        with server.connect() as asked:
            asked.sendall(upload_head(len(photo)) + photo)
            status, told = answer(asked)
        assert (status, "/problems/not-built" in told) == (503, True)


def test_keys_that_are_made_and_revoked_count_at_once(server: Server, folder: Path) -> None:
    key = make_key(folder, "admin")
    header = f"X-API-Key: {key}\r\n"
    assert server.get("/v1/categories", header)[0] == 200
    (folder / "keys.json").unlink()
    assert server.get("/v1/categories", header)[0] == 401


def test_the_log_is_json_and_uvicorns_lines_too(server: Server) -> None:
    server.get("/healthz", "X-Request-ID: mine\r\n")
    for _ in polled("the line"):
        if any(
            isinstance(line, dict) and line.get("request_id") == "mine" for line in server.lines
        ):
            break
    # The command's own notes come before.
    logged = _told(server)
    assert {"uvicorn.error", "api.access"} <= {line["logger"] for line in logged}
    assert len(server.lines) - len(logged) <= 1


class TestEnd:
    """SIGTERM."""

    def test_first_it_is_not_ready_then_it_ends_and_answers_what_has_begun(
        self, folder: Path
    ) -> None:
        key = make_key(folder, "search", "used at the end")
        with started(folder, "--drain-seconds", "1.5") as server, server.connect() as asked:
            photo = PART + painted(1) + END
            asked.sendall(upload_head(len(photo)) + photo[:50])
            server.get("/v1/categories", f"X-API-Key: {key}\r\n")
            server.end()
            for _ in polled("/readyz says that it ends"):
                status, told = server.get("/readyz")
                if "/problems/ending" in told:
                    break
            assert status == 503
            assert server.get("/v1/categories")[0] == 200  # balancers have not looked away yet
            for _ in polled("it stops listening"):
                try:
                    server.get("/healthz")
                except ConnectionError:
                    break
            asked.sendall(photo[50:])
            status, told = answer(asked)
            assert (status, "/problems/not-built" in told) == (503, True)
            assert server.process.wait(30) in {0, -signal.SIGTERM}
        (kept,) = KeyRing(folder)._current().values()
        assert kept.last_used is not None

    def test_a_second_signal_ends_the_waiting(self) -> None:
        draining, asked = threading.Event(), []
        before = signal.signal(signal.SIGTERM, lambda sig, _frame: asked.append(sig))

        async def main() -> None:
            with announced(draining, 600):
                signal.raise_signal(signal.SIGTERM)
                await asyncio.sleep(0)
                assert draining.is_set()
                assert asked == []
                signal.raise_signal(signal.SIGTERM)
                assert asked == [signal.SIGTERM]

        try:
            asyncio.run(main())
            signal.raise_signal(signal.SIGTERM)  # the handler from before is back
            assert len(asked) == 2
        finally:
            signal.signal(signal.SIGTERM, before)


def test_several_workers_serve_count_together_and_are_replaced(folder: Path) -> None:
    limits = ("--address-rate", "1e-6", "--address-burst", "400")
    with started(folder, "--workers", "2", *limits) as server:
        for _ in polled("both workers"):
            if len(_workers(server)) == 2:
                break
        answered = 10
        for _ in range(answered):
            assert server.get("/v1/categories")[0] == 200
        for _ in polled("whichever worker is asked tells all ten requests"):
            told = server.get("/metrics")[1]
            counted = re.findall(r'requests_total\{[^}]*/categories"[^}]*\} (\S+)', told)
            if sum(map(float, counted)) == 10:
                break
        assert "vsearch_requests_in_flight 1.0" in told
        assert 'vsearch_items{state="indexed"} 0.0' in told
        while server.get("/v1/categories")[0] == 200:
            answered += 1
        assert answered <= 400  # whichever worker it was
        os.kill(_workers(server)[0], signal.SIGKILL)
        for _ in polled("a new worker"):
            if len(_workers(server)) == 3:
                break
        assert server.get("/healthz")[0] == 200
        assert server.get("/v1/categories")[0] == 429  # the new one knows, too
        server.end()
        assert server.process.wait(60) in {0, -signal.SIGTERM}


def _workers(server: Server) -> list[int]:
    """Return the numbers of the processes that have begun to serve."""
    told = "\n".join(server.messages())
    return [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", told)]


def _told(server: Server) -> list[dict[str, Any]]:
    return [line for line in server.lines if isinstance(line, dict)]
