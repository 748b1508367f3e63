"""Changes of the catalogue over HTTP."""

import base64
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.key_holder import bearer, make_key
from tests.indexer.tiny_shop import painted
from vsearch.images import content_hash


@pytest.fixture
def client(shop: Shop, serve: Serve) -> TestClient:
    """A client that may write."""
    return writing(serve(shop.path), shop.path)


def writing(client: TestClient, shop: Path) -> TestClient:
    client.headers.update(bearer(make_key(shop, "write")))
    return client


def item(*seeds: int, **told: object) -> dict[str, object]:
    photos = [base64.b64encode(painted(seed)).decode() for seed in seeds]
    return {"title": "A plum", "category": "Fruit > Plum", "photos": photos, **told}


def best(client: TestClient, seed: int) -> str:
    answer = client.post("/v1/search", files={"photo": painted(seed)}).json()
    item_id: str = answer["hits"][0]["item_id"]
    return item_id


def put(client: TestClient, item_id: str, told: object, status: int = 200) -> dict[str, Any]:
    response = client.put(f"/v1/items/{item_id}", json=told)
    assert response.status_code == status, response.text
    document: dict[str, Any] = response.json()
    return document


def test_an_item_that_was_put_is_found_at_once(client: TestClient, shop: Shop) -> None:
    told = put(client, "plum", item(20, 21, attributes={"price": 2.5}, group_id="plums"))
    assert told == {
        **{"added": 1, "changed": 0, "unchanged": 0, "searchable": 1, "waiting": 0},
        **{"embedded": 2, "rejected": []},
    }
    assert best(client, 21) == "plum"
    document = client.get("/v1/items/plum").json()
    assert document["attributes"] == {"price": 2.5}
    assert document["group_id"] == "plums"
    assert client.get(document["photos"][1]).status_code == 200
    assert (shop.photos / content_hash(painted(20))[:2]).is_dir()


def test_photos_stay_where_none_are_sent(client: TestClient) -> None:
    put(client, "plum", item(20))
    told = put(client, "plum", {"title": "Another name", "category": "Fruit"})
    assert (told["changed"], told["embedded"]) == (1, 0)
    document = client.get("/v1/items/plum").json()
    assert (document["title"], document["category"]) == ("Another name", "Fruit")
    assert best(client, 20) == "plum"
    # Also those of a manifest, which lie outside of the shop.
    told = put(client, "pear", {"category": "Fruit > Pear", "further_categories": ["Offers"]})
    assert (told["changed"], told["embedded"]) == (1, 0)
    assert len(client.get("/v1/items/pear").json()["photos"]) == 2
    assert put(client, "pear", {"category": "Fruit > Pear"})["changed"] == 1
    assert client.get("/v1/items/pear").json()["further_categories"] == []


def test_photos_that_are_sent_replace_those_before(client: TestClient) -> None:
    put(client, "plum", item(20))
    assert put(client, "plum", item(22))["embedded"] == 1
    assert best(client, 22) == "plum"
    assert client.get(f"/v1/photos/{content_hash(painted(20))}").status_code == 404


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (item(20, photos=["bm8gcGhvdG8="]), "no picture that we know"),
        (item(20, photos=[]), "photo"),
        (item(20, category=" > "), "category"),
        (item(20, attributes={"photos": "x"}), "no attribute"),
        ({"category": "Fruit"}, "photo"),
    ],
)
def test_an_item_that_cannot_be_taken_in_changes_nothing(
    client: TestClient, told: dict[str, object], said: str
) -> None:
    problem = put(client, "plum", told, 422)
    assert problem["type"] == "/problems/rejected-item"
    assert said in problem["detail"]
    assert client.get("/v1/items/plum").status_code == 404


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"category": "Fruit", "photos": ["not base64 at all!"]},
        {"category": "Fruit", "colour": "red"},
        {"category": "Fruit", "attributes": {"colour": ["red"]}},
        {"category": "x" * 751},
        [],
    ],
)
def test_what_is_no_item_is_refused(client: TestClient, told: object) -> None:
    assert put(client, "plum", told, 422)["type"] == "/problems/invalid-request"


def test_one_bad_item_does_not_stop_the_others(client: TestClient) -> None:
    items = [
        item(20) | {"item_id": "plum"},
        item(21, photos=["bm8="]) | {"item_id": "bad"},
        item(22, category="") | {"item_id": "nowhere"},
        item(23) | {"item_id": "x/y"},
    ]
    response = client.post("/v1/items", json={"items": items})
    assert response.status_code == 200, response.text
    told = response.json()
    assert (told["added"], told["searchable"]) == (2, 2)
    assert sorted(one["item_id"] for one in told["rejected"]) == ["bad", "nowhere"]
    assert (best(client, 20), best(client, 23)) == ("plum", "x/y")


def test_an_item_that_was_deleted_is_gone_at_once(client: TestClient) -> None:
    assert best(client, 4) == "A/1"
    assert client.delete("/v1/items/A/1").json() == {"item_id": "A/1", "photos_deleted": 1}
    assert best(client, 4) != "A/1"
    assert client.delete("/v1/items/A/1").status_code == 404


def test_before_the_first_build_items_wait(tmp_path: Path, serve: Serve) -> None:
    with Shop.create(tmp_path / "new") as shop:
        told = put(writing(serve(shop.path), shop.path), "plum", item(20))
        assert (told["added"], told["searchable"], told["waiting"]) == (1, 0, 1)


def test_nobody_writes_without_a_key_that_may(shop: Shop, serve: Serve) -> None:
    client = serve(shop.path)
    assert client.delete("/v1/items/apple").status_code == 401
    headers = bearer(make_key(shop.path, "search"))
    assert client.delete("/v1/items/apple", headers=headers).status_code == 403
    assert client.get("/v1/items/apple").status_code == 200


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"Item ID": "x"}, "an item's own"),
        ({"image_path": "ab/abc.jpg"}, "an item's own"),
        ({"Image": "ab/abc.jpg"}, "an item's own"),
        ({"photos ": "ab/abc.jpg"}, "an item's own"),
        ({"Size": 1, "size": 2}, "“Size” and “size” have the same name"),
    ],
)
def test_attributes_that_would_be_read_as_something_else_are_refused(
    shop: Shop, serve: Serve, attributes: dict[str, object], told: str
) -> None:
    client = serve(shop.path)
    client.headers.update(bearer(make_key(shop.path, "write")))
    photos = [base64.b64encode(painted(9)).decode()]
    item = {"category": "Fruit", "photos": photos, "attributes": attributes}
    answer = client.put("/v1/items/new", json=item)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_an_id_with_a_line_break_is_refused_as_one(shop: Shop, serve: Serve) -> None:
    client = serve(shop.path)
    client.headers.update(bearer(make_key(shop.path, "write")))
    photos = [base64.b64encode(painted(9)).decode()]
    answer = client.put("/v1/items/a%0Ab", json={"category": "Fruit", "photos": photos})
    assert answer.status_code == 422  # not 404: the path leads to its route
    assert "control characters" in answer.json()["detail"]
