"""A hundred switches between two pairs of model and index, while everybody asks."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ServerSettings
from indexer.search import Searcher
from indexer.shop import Current, Shop
from tests.indexer import switching_child
from tests.indexer.switching_shop import ITEMS, Seen, load, make_switching_shop, switch
from tests.indexer.tiny_shop import painted

SWITCHES, BY_BUILD = 100, 9  # every ninth brings a new version, and prunes an old one
PATIENCE = 60.0  # seconds after which a server has not taken over at all
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load networks of paint in place of the shop's models, wherever they are loaded."""
    monkeypatch.setattr("indexer.search.load_embedder", load)
    monkeypatch.setattr("api.loading.load_embedder", load, raising=False)


@contextmanager
def asking(client: TestClient, seen: Seen, errors: list[str]) -> Iterator[None]:
    """Ask over HTTP in three threads."""
    ended = threading.Event()

    def ask(first: int) -> None:
        for number in count(first):
            if ended.is_set():
                return
            photo = {"photo": painted(number % len(ITEMS))}
            answer = client.post("/v1/search", files=photo)
            if answer.status_code == 200:
                seen.add(answer.json())
            else:
                errors.append(answer.text)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@contextmanager
def another_process(shop: Path, told: dict[str, Any]) -> Iterator[None]:
    """Ask in a process of its own, which tells at the end what it has seen."""
    child = subprocess.Popen(
        [sys.executable, switching_child.__file__, str(shop)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OPENBLAS_NUM_THREADS": "1"},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield
        output, _ = child.communicate(timeout=PATIENCE)
        assert child.returncode == 0
        told |= json.loads(output)


def wait_for(seen: Seen, pair: Current) -> None:
    """Wait until the server has answered with a pair since it was published."""
    before, end = seen.pairs[str(pair.model), str(pair.index)], time.monotonic() + PATIENCE
    while seen.pairs[str(pair.model), str(pair.index)] == before:
        assert time.monotonic() < end, f"the server does not take {pair} over"
        time.sleep(0.002)


def test_no_answer_of_a_hundred_switches_is_mixed_and_none_fails(tmp_path: Path) -> None:
    seen, errors, told = Seen(), list[str](), dict[str, Any]()
    with make_switching_shop(tmp_path) as shop:
        published = {(str(pair.model), str(pair.index)) for pair in (shop.current(),)}
        app = create_app(ServerSettings(shop=shop.path, poll_seconds=0.01))
        with (
            TestClient(app) as client,
            asking(client, seen, errors),
            another_process(shop.path, told),
        ):
            for number in range(1, SWITCHES + 1):
                pair = switch(shop, by_build=not number % BY_BUILD)
                published.add((str(pair.model), str(pair.index)))
                wait_for(seen, pair)
    assert (errors, seen.mixed, told["mixed"]) == ([], [], [])
    # Nothing answered but what was published, and each of these did.
    assert seen.pairs.keys() == published
    assert len(published) == 1 + 1 + SWITCHES // BY_BUILD
    beside = {(model, index): times for model, index, times in told["pairs"]}
    assert beside.keys() <= published
    assert {model for model, _ in beside} == {model for model, _ in published}
    assert min(sum(seen.pairs.values()), sum(beside.values())) >= SWITCHES


def test_a_search_that_began_keeps_its_pair_to_the_end(tmp_path: Path) -> None:
    with make_switching_shop(tmp_path) as shop, Shop.open(shop.path) as other:
        searcher = Searcher.open(shop)
        pair = searcher.version.name, searcher.embedder.model_fingerprint
        seen = Seen()
        for number in range(4):  # its version is pruned on the way
            switch(other, by_build=True)
            seen.add(searcher.search(painted(number)).to_json())
        assert not searcher.version.folder.exists()
        assert (seen.mixed, seen.pairs) == ([], {(pair[1], pair[0]): 4})
