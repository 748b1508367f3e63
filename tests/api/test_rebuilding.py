"""The server has a new index built beside it when the changes call for one, one at a time."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import rebuilding
from api.rebuilding import Process, Rebuilder, start_build
from indexer import rebuild
from indexer.build import build
from indexer.live import delete
from indexer.search import Searcher
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.indexer.tiny_shop import TinyEmbedder


class Starter:
    """Starts programs that stand for builds."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self.program = "import sys; sys.stdin.read()"

    def __call__(self, _shop: Path) -> Process:
        child = subprocess.Popen(
            [sys.executable, "-c", self.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(child)
        return child

    def end(self) -> None:
        """Let the last one end."""
        child = self.started[-1]
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None  # a build has none, either
        child.wait()


def printing(document: dict[str, str], code: int = 0) -> str:
    """Return a program that ends like a build."""
    return f"import sys; sys.stdin.read(); print({json.dumps(document)!r}); sys.exit({code})"


@pytest.fixture
def starter() -> Iterator[Starter]:
    made = Starter()
    yield made
    for child in made.started:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture
def searcher(shop: Shop, embedder: TinyEmbedder, monkeypatch: pytest.MonkeyPatch) -> Searcher:
    monkeypatch.setattr(rebuilding, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(rebuild, "FEW_DEAD", 0)
    return Searcher.open(shop, embedder=embedder)


def test_a_build_begins_when_one_is_due_and_only_one(
    shop: Shop, searcher: Searcher, starter: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rebuilder = Rebuilder(shop.path, starter)
    rebuilder.look(searcher)
    assert starter.started == []
    delete(shop, ["pear"])
    for _ in range(3):
        rebuilder.look(searcher)
    assert len(starter.started) == 1
    assert "2 of the index's 6 rows count no longer: a rebuild begins" in caplog.text
    rebuilder.stop()
    assert starter.started[0].returncode is not None
    rebuilder.look(searcher)
    assert len(starter.started) == 1


def test_the_same_index_is_not_rebuilt_again_at_once(
    shop: Shop, searcher: Searcher, starter: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    delete(shop, ["pear"])
    rebuilder = Rebuilder(shop.path, starter)
    starter.program = printing({"error": "another build is running"}, code=1)
    rebuilder.look(searcher)
    starter.end()
    for _ in range(2):
        rebuilder.look(searcher)
    assert len(starter.started) == 1
    assert "the rebuild failed: another build is running" in caplog.text
    build(shop, embedder=TinyEmbedder())
    delete(shop, ["apple"])
    newer = Searcher.open(shop, embedder=TinyEmbedder())
    starter.program = printing({"version": "v2"})
    rebuilder.look(newer)
    assert len(starter.started) == 2
    starter.end()
    rebuilder.look(newer)
    assert "the rebuild has ended: v2" in caplog.text


def test_a_build_that_cannot_be_started_is_told(
    shop: Shop, searcher: Searcher, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_shop: Path) -> Process:
        raise OSError("no process left")

    delete(shop, ["pear"])
    Rebuilder(shop.path, fail).look(searcher)
    assert "could not be started: no process left" in caplog.text


def test_a_look_is_taken_now_and_then(
    shop: Shop, searcher: Searcher, starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "LOOK_SECONDS", 1000.0)
    rebuilder = Rebuilder(shop.path, starter)
    rebuilder.look(searcher)
    delete(shop, ["pear"])
    rebuilder.look(searcher)
    assert starter.started == []


def test_the_program_is_a_build_of_the_shop(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        told, _ = start_build(shop.path).communicate(timeout=120)
    assert "has no trained model" in json.loads(told)["error"]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_server_looks_unless_it_is_told_not_to(
    shop: Shop, serve: Serve, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(Rebuilder, "look", lambda *_: looked.set())
    serve(shop.path, poll_seconds=0.01, rebuild=wanted)
    assert looked.wait(10 if wanted else 0.2) == wanted
