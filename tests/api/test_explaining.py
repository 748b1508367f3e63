"""Explanations over HTTP: made by one thread and a second network, which hold nobody up."""

import gc
import shutil
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api import explaining
from api.app import create_app
from api.explain import explain_labels
from api.explaining import Explanations
from api.settings import ServerSettings
from indexer.embedding import load_embedder
from indexer.search import Searcher
from indexer.shop import Shop

PATIENCE = 20.0


@pytest.fixture
def shop_path(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained / "shop", tmp_path / "shop")


@pytest.fixture
def photo(trained: Path) -> bytes:
    with Shop.open(trained / "shop") as shop:
        item = next(shop.catalogue.items())
        return shop.catalogue.photos_of(item.key)[0].path.read_bytes()


@pytest.fixture
def asked(shop_path: Path) -> Iterator[TestClient]:
    app = create_app(ServerSettings(shop=shop_path, rebuild=False))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


class Held:
    """Holds up every explanation until it is let go; knows who made them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun, self.open = threading.Semaphore(0), threading.Event()
        self.threads: set[str] = set()

        def held(*given: Any) -> Any:
            self.threads.add(threading.current_thread().name)
            self.begun.release()
            assert self.open.wait(PATIENCE)
            return explain_labels(*given)

        patch.setattr(explaining, "explain_labels", held)


def test_explanations_need_no_file_of_the_model(
    asked: TestClient, shop_path: Path, photo: bytes
) -> None:
    shutil.rmtree(shop_path / "models")
    answer = asked.post("/v1/explain", files={"photo": photo})
    assert answer.status_code == 200, answer.text
    assert answer.json()["labels"]


def test_searches_go_on_while_one_photo_at_a_time_is_explained(
    asked: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    monkeypatch.setattr(asked.app.state.explanations, "_most", 3)  # type: ignore[attr-defined]
    files = {"photo": photo}
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(asked.post, "/v1/explain", files=files)]
        waiting += [
            pool.submit(asked.post, "/v1/search", files=files, data={"explain": True})
            for _ in range(2)
        ]
        try:
            assert held.begun.acquire(timeout=PATIENCE)
            # All threads that search would be taken, were it they that explain.
            for _ in range(3):
                assert asked.post("/v1/search", files=files).status_code == 200
            while asked.app.state.explanations._held < 3:  # type: ignore[attr-defined]
                threading.Event().wait(0.01)
            refused = asked.post("/v1/explain", files=files)
            assert not held.begun.acquire(blocking=False)  # the others wait for the first
        finally:
            held.open.set()
        assert [one.result(PATIENCE).status_code for one in waiting] == [200] * 3
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
    assert refused.headers["Retry-After"] == "1"
    assert len(held.threads) == 1
    assert asked.post("/v1/explain", files=files).status_code == 200  # the places are free again


def test_a_batch_alone_may_have_more_photos_than_there_are_places(
    asked: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked.app.state.explanations, "_most", 1)  # type: ignore[attr-defined]
    files = [("photo", photo), ("photo", photo)]
    answer = asked.post("/v1/search/batch", files=files, data={"explain": True})
    assert answer.status_code == 200, answer.text
    assert all(one["answer"]["explanation"] for one in answer.json()["results"])


def test_the_second_network_is_let_go_when_another_model_serves(
    shop_path: Path, photo: bytes
) -> None:
    with Shop.open(shop_path) as shop:
        searcher = Searcher.open(shop)
        explanations = Explanations(shop)
        explanations.explain(searcher.embedder, photo, None)
        assert explanations._made is not None
        network = weakref.ref(explanations._made[1])
        explanations.keep(searcher)
        assert network() is not None
        other = Searcher.open(shop, embedder=load_embedder(shop, shop.current().model))
        other.embedder.bundle.__dict__["model_fingerprint"] = "another"
        explanations.keep(other)
        gc.collect()
        assert network() is None
        explanations.explain(searcher.embedder, photo, None)  # of a request that holds the old pair
        explanations.stop()
