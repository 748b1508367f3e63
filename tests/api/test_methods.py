"""What paths may be asked with: HEAD, Allow, preflights of browsers, ids that look like paths."""

import base64

import pytest
from fastapi.testclient import TestClient

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


@pytest.mark.parametrize("item_id", ["new/photo", "new/similar"])
def test_no_id_may_look_like_a_path_of_another_item(shop: Shop, serve: Serve, item_id: str) -> None:
    client = serve(shop.path)
    client.headers.update(bearer(make_key(shop.path, "write")))
    photos = [base64.b64encode(painted(9)).decode()]
    item = {"item_id": item_id, "category": "Fruit", "photos": photos}
    (rejected,) = client.post("/v1/items", json={"items": [item]}).json()["rejected"]
    assert "must not end in /photo or /similar" in rejected["reason"]
    assert shop.catalogue.get(item_id) is None


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
