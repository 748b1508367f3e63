"""What paths may be asked with: HEAD, Allow, preflights of browsers, ids that look like paths."""

import asyncio
import base64
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from api.item_path import ItemPaths
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.key_holder import bearer, make_key
from tests.indexer.tiny_shop import painted

ORIGIN = "https://shop.example"


def operations(client: TestClient) -> list[tuple[str, str]]:
    """Return every method with its path, as the description has them."""
    paths = client.get("/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, told in paths.items() for method in told]
    return [(m, p.format(item_id="A/1", content_hash="0" * 64)) for m, p in found]


def test_every_get_answers_head_alike_but_for_the_body(shop: Shop, serve: Serve) -> None:
    client = serve(shop.path)
    key = bearer(make_key(shop.path, "admin"))
    asked = [path for method, path in operations(client) if method == "GET"]
    assert len(asked) > 15
    for path in [*asked, "/", "/docs", "/static/main.js"]:
        got, head = (client.request(method, path, headers=key) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"], path
        assert ("content-length" in head.headers) == ("content-length" in got.headers), path


def test_head_needs_the_key_that_get_needs(shop: Shop, serve: Serve) -> None:
    client = serve(shop.path, public_search=False)
    assert client.head("/v1/items").status_code == 401
    assert client.head("/v1/items", headers=bearer(make_key(shop.path, "search"))).is_success
    told = client.get("/metrics", headers=bearer(make_key(shop.path, "admin"))).text
    for status in (200, 401):
        labels = f'{{method="HEAD",route="/v1/items",status="{status}"}}'
        assert f"vsearch_requests_total{labels} 1.0" in told


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/items", "GET, HEAD, POST"),
        ("POST", "/v1/items/pear", "GET, HEAD, PUT, DELETE"),
        ("PUT", "/v1/items/pear/photo", "GET, HEAD"),
        ("DELETE", "/v1/items/pear/similar", "GET, HEAD"),
        ("GET", "/v1/search", "POST"),
        ("OPTIONS", "/v1/admin/questions", "GET, HEAD, POST"),
    ],
)
def test_a_405_names_every_method_of_the_path(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


def test_browsers_of_known_sites_may_ask_everything(shop: Shop, serve: Serve) -> None:
    client = serve(shop.path, cors_origins=(ORIGIN,), public_search=False)
    for method, path in operations(client):
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "x-api-key, content-type",
        }
        told = client.options(path, headers=asked)
        assert told.status_code == 200, path
        assert told.headers["access-control-allow-origin"] == ORIGIN
        assert method in told.headers["access-control-allow-methods"]
        other = client.options(path, headers={**asked, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
    refused = client.get("/v1/items", headers={"Origin": ORIGIN})
    assert refused.status_code == 401  # told to the site's script, too
    assert refused.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("root_path", ["", "/shop"])
@pytest.mark.parametrize(
    "item_id", ["pear/photo", "pear/similar", "/photo", "a//b/", "50%2Fphoto", "ü?#/similar/photo"]
)
def test_items_whose_ids_look_like_other_paths(
    shop: Shop, serve: Serve, item_id: str, root_path: str
) -> None:
    client = serve(shop.path, root_path=root_path)
    client.headers.update(bearer(make_key(shop.path, "write")))
    photos = [base64.b64encode(painted(9)).decode()]
    path = f"/v1/items/{quote(item_id, safe='')}"
    put = client.put(path, json={"category": "Fruit", "photos": photos})
    assert put.json()["added"] == 1, put.text
    assert shop.catalogue.get(item_id) is not None
    got, head = client.get(path), client.head(path)
    assert (got.status_code, got.json()["item_id"]) == (200, item_id)
    assert (head.status_code, head.headers["content-length"]) == (
        200,
        got.headers["content-length"],
    )
    assert client.get(f"{path}/photo").content == painted(9)
    similar = client.get(f"{path}/similar")
    assert item_id not in [hit["item_id"] for hit in similar.json()["hits"]]
    # A slash that is not encoded still parts an item from what is asked of it.
    assert client.get("/v1/items/pear/photo").headers["content-type"].startswith("image/")
    assert client.get("/v1/items/pear/similar").json()["hits"]
    assert client.patch(path).headers["allow"] == "GET, HEAD, PUT, DELETE"
    assert client.delete(path).json() == {"item_id": item_id, "photos_deleted": 1}
    assert client.get(path).status_code == 404


def test_servers_that_tell_no_raw_path_and_clients_that_encode_all_of_it() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])

    def ask(path: str, **told: object) -> None:
        scope = {"type": "http", "path": path, **told}
        asyncio.run(ItemPaths(app)(scope, None, None))  # type: ignore[arg-type]
        assert scope["path"] == path  # as it was, for those outside

    ask("/v1/items/a b/photo")
    ask("/v1/items/a b", raw_path=b"/v1%2Fitems%2Fa%20b")
    ask("/s/v1/items/a/photo", root_path="/s", raw_path=b"/s/v1/%69tems/a%2fphoto")
    ask("/v1/categories/%2F", raw_path=b"/v1/categories/%252F")
    assert seen == [
        *("/v1/items/a%20b/photo", "/v1/items/a%20b"),
        *("/s/v1/items/a%2fphoto", "/v1/categories/%2F"),
    ]


def test_documents_have_their_type_and_texts_their_charset(client: TestClient) -> None:
    expected = {
        "/v1/items": "application/json",
        "/v1/items/none": "application/problem+json",
        "/metrics": "text/plain; version=0.0.4; charset=utf-8",
        "/problems/busy": "text/plain; charset=utf-8",
        "/": "text/html; charset=utf-8",
        "/openapi.json": "application/json",
    }
    assert {path: client.get(path).headers["content-type"] for path in expected} == expected
