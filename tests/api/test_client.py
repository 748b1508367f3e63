"""The client for programs, against the API itself and against servers that misbehave."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from api.client import ApiError, AsyncClient, Client
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.key_holder import make_key
from tests.indexer.tiny_shop import painted


@pytest.fixture
def asked(shop: Shop, serve: Serve) -> Iterator[Client]:
    """A client that may write, whose requests go straight to the app."""
    app = serve(shop.path)
    key = make_key(shop.path, "write")
    with Client("http://testserver", key, transport=_to(app)) as client:
        yield client


def _to(app: TestClient) -> httpx2.BaseTransport:
    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = app.request(
            request.method, str(request.url), content=request.read(), headers=request.headers
        )
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return httpx2.MockTransport(handle)


def test_a_program_asks_all_there_is_to_ask(asked: Client, tmp_path: Path) -> None:
    photo = tmp_path / "pear.png"
    photo.write_bytes(painted(2))
    answer = asked.search(photo, top_k=2, category=["Fruit"], facets=["category"])
    assert [hit.item_id for hit in answer.hits] == ["pear", "apple"]
    assert answer.facets is not None
    assert answer.total == 2
    crop = asked.search(painted(2), crop=(0, 0, 0.5, 1), group="group_id", explain=False)
    assert len(crop.hits) == 5
    batch = asked.search_batch([photo, b"no photo"], top_k=1)
    assert [one.problem is None for one in batch.results] == [True, False]
    assert asked.classify(photo).labels == asked.search(photo).labels
    assert [hit.item_id for hit in asked.similar("pear", category=["Fruit"]).hits] == ["apple"]
    assert asked.items(category=["Dairy"], sort="title", page_size=1).total == 2
    assert asked.item("café crème").title == "The café crème"
    assert asked.item("A/1").category == "Dairy > Milk"
    assert [child.name for child in asked.categories().children] == ["Dairy", "Fruit", "Kitchen"]
    assert asked.facets("category", where="title contains 'pear'").total == 1
    assert "title" in [one.name for one in asked.fields().fields]
    assert asked.shop().index == answer.index


def test_a_program_changes_items(asked: Client) -> None:
    told = asked.put_item("A/2", category="Dairy > Milk", photos=[painted(30)])
    assert (told.added, told.searchable) == (1, 1)
    assert asked.search(painted(30), top_k=1).hits[0].item_id == "A/2"
    told = asked.put_items([{"item_id": "A/2", "category": "Dairy", "attributes": {"fat": 3.5}}])
    assert told.changed == 1
    assert asked.item("A/2").attributes == {"fat": 3.5}
    assert asked.delete_item("A/2").photos_deleted == 1
    with pytest.raises(ApiError, match="The shop has no item “A/2”") as raised:
        asked.item("A/2")
    assert (raised.value.status, raised.value.problem["type"]) == (404, "/problems/unknown-item")


def test_the_same_with_an_event_loop(shop: Shop, serve: Serve) -> None:
    app = serve(shop.path).app

    async def ask() -> tuple[list[str], list[str], int]:
        transport = httpx2.ASGITransport(app)
        key = make_key(shop.path, "write")
        async with AsyncClient("http://testserver", key, transport=transport) as client:
            answers = await asyncio.gather(*(client.search(painted(n), top_k=1) for n in (1, 2)))
            await client.put_item("new", category="Fruit", photos=[painted(40)])
            batch = await client.search_batch([painted(40), painted(5)], top_k=1)
            found = [one.answer.hits[0].item_id for one in batch.results if one.answer]
            total = (await client.items()).total
            assert (await client.item("new")).category == "Fruit"
            assert (await client.classify(painted(1))).model == (await client.shop()).model
            assert (await client.similar("pear")).hits
            assert (await client.facets("title")).total == total
            assert (await client.fields()).fields
            assert (await client.categories()).items == total
            await client.put_items([{"item_id": "new", "category": "Kitchen"}])
            await client.delete_item("new")
            return [answer.hits[0].item_id for answer in answers], found, total

    assert asyncio.run(ask()) == (["apple", "pear"], ["new", "café crème"], 6)


Answers = Iterator[httpx2.Response | Exception]


def client_of(answers: Answers, retries: int = 3) -> tuple[Client, list[str]]:
    """A client whose server answers these in turn, and what it was asked."""
    asked: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx2.MockTransport(handle)
    return Client("http://shop", retries=retries, transport=transport), asked


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client has waited; it does not in fact."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


SHOP = {
    **{"name": "Shop", "model": None, "index": None, "max_photo_bytes": 1},
    **{"max_photo_pixels": 1, "max_photos": 1, "max_top_k": 1},
}


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(waits: list[float]) -> None:
    busy = [httpx2.Response(code, headers={"Retry-After": "7"}) for code in (503, 429)]
    lost = httpx2.ConnectError("refused")
    client, asked = client_of(iter([*busy, lost, httpx2.Response(200, json=SHOP)]))
    assert client.shop().name == "Shop"
    assert asked == ["/v1/shop"] * 4
    assert waits[:2] == [7, 7]
    assert 0 < waits[2] <= 1


def test_nobody_asks_for_ever(waits: list[float]) -> None:
    client, asked = client_of(iter([httpx2.ConnectError("refused")] * 9), retries=2)
    with pytest.raises(ApiError, match="http://shop cannot be reached: refused") as raised:
        client.shop()
    assert (raised.value.status, len(asked), len(waits)) == (0, 3, 2)
    far = httpx2.Response(503, headers={"Retry-After": "86400"}, text="down")
    client, _ = client_of(iter([far, far]), retries=1)
    with pytest.raises(ApiError, match="503"):
        client.shop()
    assert waits[-1] == 30


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: httpx2.Response(422, json={"detail": "top_k: too many"}), "top_k: too many"),
        (lambda: httpx2.Response(404, text="<html>"), "404 Not Found"),
        (lambda: httpx2.Response(400, json=["odd"]), "400 Bad Request"),
        (lambda: httpx2.Response(200, text="<html>"), "does not answer as this API"),
        (lambda: httpx2.Response(200, json={"name": "Shop"}), "does not answer as this API"),
    ],
)
def test_what_is_refused_is_not_asked_again(
    answer: Callable[[], httpx2.Response], told: str, waits: list[float]
) -> None:
    client, asked = client_of(iter([answer()]))
    with pytest.raises(ApiError, match=told):
        client.shop()
    assert (len(asked), waits) == (1, [])


def test_a_photo_that_cannot_be_read_is_not_sent(tmp_path: Path) -> None:
    client, asked = client_of(iter([]))
    with pytest.raises(FileNotFoundError):
        client.search(tmp_path / "none.jpg")
    assert asked == []
