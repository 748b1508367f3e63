"""Who may ask over HTTP: scopes, public searching, rate limits, foreign origins, proxies."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.types import Receive, Scope, Send

from api.access import needs_of
from api.app import GROUPS
from api.gate import Gate
from api.keys_file import KeysFile
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.key_holder import bearer, make_key
from tests.indexer.tiny_shop import painted

ORIGIN = "https://shop.example"


def told(response: Response) -> Mapping[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    return document


@pytest.fixture
def closed(shop: Shop, serve: Serve) -> TestClient:
    """A server that wants a key for everything."""
    return serve(shop.path, public_search=False, public_photos=False)


def test_every_route_says_what_it_needs() -> None:
    open_ones = {"/healthz", "/readyz", "/", "/staff"}
    for group in GROUPS:
        for route in group.router.routes:
            assert isinstance(route, APIRoute)
            assert bool(needs_of(route.dependencies)) != (route.path in open_ones), route.path


def test_changes_need_a_key_even_on_this_machine(client: TestClient, shop: Shop) -> None:
    assert client.get("/v1/items/apple").status_code == 200
    answer = client.delete("/v1/items/apple")
    assert told(answer)["type"] == "/problems/unauthorized"
    assert answer.headers["www-authenticate"] == 'Bearer realm="vsearch"'
    key = make_key(shop.path, "search")
    refused = client.delete("/v1/items/apple", headers=bearer(key))
    assert (refused.status_code, told(refused)["type"]) == (403, "/problems/forbidden")
    assert "this needs write" in refused.json()["detail"]
    assert client.get("/v1/items/apple").status_code == 200
    for scope in ("write", "admin"):
        key = make_key(shop.path, scope)
        gone = client.delete("/v1/items/apple", headers=bearer(key))
        assert gone.status_code in {200, 404}
    assert client.get("/v1/items/apple").status_code == 404


def test_without_public_search_all_but_health_needs_a_key(closed: TestClient, shop: Shop) -> None:
    photo = {"photo": painted(1)}
    asked = [
        ("POST", "/v1/search", photo),
        ("POST", "/v1/classify", photo),
        ("GET", "/v1/categories", None),
        ("GET", "/v1/items/apple", None),
        ("GET", "/v1/items/apple/photo", None),
    ]
    key = make_key(shop.path, "search")
    for method, path, files in asked:
        assert closed.request(method, path, files=files).status_code == 401, path
        for headers in (bearer(key), {"X-API-Key": key}, {"Authorization": f"bearer  {key} "}):
            answer = closed.request(method, path, headers=headers, files=files)
            assert answer.status_code == 200, path
    assert closed.get("/healthz").status_code == 200
    assert closed.get("/readyz").status_code == 200


def test_a_key_that_is_wrong_is_refused_where_none_is_needed(
    client: TestClient, shop: Shop
) -> None:
    key = make_key(shop.path, "search")
    assert client.get("/v1/categories", headers=bearer(key)).status_code == 200
    KeysFile(shop.path).revoke("a key to search")
    for headers in (bearer(key), bearer("nonsense"), bearer(""), {"X-API-Key": "é".encode()}):
        refused = client.get("/v1/categories", headers=headers)  # type: ignore[arg-type]
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    # A password for a proxy in front is not ours to judge.
    proxied = client.get("/v1/categories", headers={"Authorization": "Basic dTpw"})
    assert proxied.status_code == 200


def test_a_stranger_is_refused_before_a_byte_of_the_body_is_read(
    closed: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []
    answer = Gate.__call__

    async def watched(gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        async def read() -> Any:
            passed.append(scope["path"])
            return await receive()

        await answer(gate, scope, read, send)

    monkeypatch.setattr(Gate, "__call__", watched)
    for path in ("/v1/search", "/v1/classify", "/v1/items"):
        refused = closed.post(path, content=b"x" * 1000)
        assert (refused.status_code, refused.headers["connection"]) == (401, "close")
    assert not passed
    closed.post("/v1/nothing", content=b"x")
    assert passed == []  # a route that there is not reads nothing either


def test_two_ways_of_sending_a_key_are_documented(client: TestClient, closed: TestClient) -> None:
    document = closed.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] == {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of the shop, as `vsearch keys SHOP add NAME` makes it.",
        },
        "keyHeader": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "A key of the shop, as `vsearch keys SHOP add NAME` makes it.",
        },
    }
    either: list[dict[str, list[str]]] = [{"key": []}, {"keyHeader": []}]
    search = document["paths"]["/v1/search"]["post"]
    assert search["security"] == either
    assert {"401", "403", "408", "413", "429", "500", "503"} <= set(search["responses"])
    told = search["responses"]["429"]["$ref"].removeprefix("#/components/responses/")
    assert "Retry-After" in document["components"]["responses"][told]["headers"]
    public = client.get("/openapi.json").json()["paths"]
    assert public["/v1/search"]["post"]["security"] == [*either, {}]
    assert public["/v1/items"]["post"]["security"] == either
    assert "security" not in public["/healthz"]["get"]
    assert "408" not in public["/v1/categories"]["get"]["responses"]


class TestRates:
    """How often one key, or one address without a key, may ask."""

    def test_a_key_has_its_own_bucket(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, key_rate=0.001, key_burst=2)
        one, other = (make_key(shop.path, "search", name) for name in ("one", "other"))
        answers = [client.get("/v1/categories", headers=bearer(one)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        left = [answer.headers["ratelimit"].split(";")[1] for answer in answers]
        assert left == ["r=1", "r=0", "r=0"]
        refused = told(answers[-1])
        assert refused["type"] == "/problems/rate-limited"
        assert int(answers[-1].headers["retry-after"]) > 900
        assert client.get("/v1/categories", headers=bearer(other)).status_code == 200
        assert client.get("/v1/categories").status_code == 200  # an address, which has no limit
        assert client.get("/readyz", headers=bearer(one)).status_code == 200

    def test_balancers_are_never_turned_away(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, "/shop", address_rate=0.001, address_burst=1)
        for path in ("/shop/readyz", "/shop/healthz") * 3:  # as uvicorn has the path
            assert client.get(path).status_code == 200
        codes = [client.get("/shop/v1/categories").status_code for _ in range(2)]
        assert codes == [200, 429]

    def test_wrong_keys_count_against_the_address(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, address_rate=0.001, address_burst=3)
        answers = [client.get("/v1/categories", headers=bearer("no")) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]

    def test_pictures_of_a_page_hardly_count(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, address_rate=0.001, address_burst=2)
        assert client.get("/v1/categories").status_code == 200
        for _ in range(15):
            assert client.get("/v1/items/apple/photo").status_code == 200

    def test_each_photo_of_a_batch_counts(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, key_rate=0.001, key_burst=4)
        headers = bearer(make_key(shop.path, "search"))
        photos = [("photo", (f"{number}.png", painted(number))) for number in range(3)]
        answers = [client.post("/v1/search/batch", files=photos, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert client.get("/v1/categories", headers=headers).status_code == 429

    def test_by_default_only_this_machine_asks_without_limit(
        self, shop: Shop, serve: Serve
    ) -> None:
        here, elsewhere = serve(shop.path), serve(shop.path, host="0.0.0.0", public_search=True)
        assert "ratelimit" not in here.get("/v1/categories").headers
        assert elsewhere.get("/v1/categories").headers["ratelimit-policy"] == '"address";q=40;w=8'
        assert serve(shop.path, host="0.0.0.0").get("/v1/categories").status_code == 401

    def test_a_proxy_is_believed_only_when_it_is_trusted(
        self, shop: Shop, serve: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        rates = {"address_rate": 0.001, "address_burst": 1, "public_search": True}
        plain = serve(shop.path, **rates)
        behind = serve(shop.path, trusted_proxies=("10.0.0.0/8",), **rates)

        def ask(client: TestClient, forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return client.get("/v1/categories", headers=headers).status_code

        assert [ask(plain, f"192.0.2.{n}") for n in range(3)] == [200, 429, 429]
        assert caplog.text.count("set trusted_proxies") == 1
        assert [ask(behind, f"192.0.2.{n}") for n in range(3)] == [
            200,
            429,
            429,
        ]  # no proxy of ours
        trusted = TestClient(behind.app, client=("10.1.2.3", 5000))
        assert [ask(trusted, f"192.0.2.{n}, 10.9.9.9") for n in (7, 8, 7)] == [200, 200, 429]
        assert caplog.text.count("set trusted_proxies") == 1
        # What a client writes itself stands before what the proxies add.
        assert ask(trusted, "198.51.100.1, 192.0.2.8") == 429


class TestOrigins:
    """Scripts of other web sites: a widget on the shop's own pages."""

    PREFLIGHT: Mapping[str, str] = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    def test_none_may_by_default(self, client: TestClient) -> None:
        answer = client.get("/v1/categories", headers={"Origin": ORIGIN})
        assert "access-control-allow-origin" not in answer.headers
        assert client.options("/v1/search", headers=self.PREFLIGHT).status_code == 405

    def test_one_that_is_listed_may_search_with_a_key(self, shop: Shop, serve: Serve) -> None:
        client = serve(
            shop.path, public_search=False, cors_origins=(ORIGIN,), key_rate=0.001, key_burst=2
        )
        asked = client.options("/v1/search", headers=self.PREFLIGHT)
        assert asked.status_code == 200  # without a key, which a browser does not send here
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        assert "POST" in asked.headers["access-control-allow-methods"]
        allowed = asked.headers["access-control-allow-headers"].lower()
        assert {"authorization", "content-type", "x-api-key"} <= set(allowed.split(", "))
        headers = {"Origin": ORIGIN, **bearer(make_key(shop.path, "search"))}
        photo = {"photo": painted(1)}
        answers = [client.post("/v1/search", files=photo, headers=headers) for _ in range(3)]
        answers.append(client.post("/v1/search", files=photo, headers={"Origin": ORIGIN}))
        assert [answer.status_code for answer in answers] == [200, 200, 429, 401]
        for answer in answers:  # a script learns of refusals, too, and of when to come back
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "Retry-After" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answers[0].headers

    def test_one_that_is_not_listed_may_not(self, shop: Shop, serve: Serve) -> None:
        client = serve(shop.path, cors_origins=(ORIGIN,))
        for origin in ("https://shop.example.evil", "http://shop.example", "null"):
            answer = client.options("/v1/search", headers={**self.PREFLIGHT, "Origin": origin})
            assert answer.status_code == 400
            answer = client.get("/v1/categories", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers

    def test_a_failure_is_told_to_a_listed_one_too(
        self, shop: Shop, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = serve(shop.path, cors_origins=(ORIGIN,))

        def broken(*_: object) -> None:
            raise RuntimeError("a bug of ours")

        monkeypatch.setattr("indexer.catalogue.Catalogue.get", broken)
        answer = client.get("/v1/items/apple", headers={"Origin": ORIGIN})
        assert answer.status_code == 500
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["x-content-type-options"] == "nosniff"


class TestHeaders:
    """What browsers are told."""

    def test_every_answer_has_them(self, client: TestClient) -> None:
        for path in ("/v1/categories", "/v1/nothing", "/readyz", "/docs", "/openapi.json"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "server" not in headers

    def test_no_page_runs_a_script_of_a_stranger(self, client: TestClient) -> None:
        policy = client.get("/v1/categories").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        docs = client.get("/docs")
        scripts = docs.headers["content-security-policy"].partition("script-src ")[2].split(";")[0]
        assert docs.text.count("<script>") == scripts.count("'sha256-") == 1
        assert "unsafe" not in scripts

    def test_answers_are_kept_by_nobody_and_photos_for_long(self, client: TestClient) -> None:
        answer = client.post("/v1/search", files={"photo": painted(1)})
        assert answer.headers["cache-control"] == "no-store"
        assert "max-age" in client.get("/v1/items/apple/photo").headers["cache-control"]


def test_a_log_has_no_key(client: TestClient, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    keys = [make_key(shop.path, scope) for scope in ("search", "admin")]
    with caplog.at_level(logging.DEBUG):
        client.get("/v1/categories", headers=bearer(keys[0]))
        client.delete("/v1/items/none", headers={"X-API-Key": keys[1]})
        client.get("/v1/categories", headers=bearer(keys[0][:-1] + "!"))
    lines = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert sum("api.access" in line for line in lines) == 3
    assert not any(key.split("_", 2)[2][:20] in line for key in keys for line in lines)
    told_of = [getattr(record, "fields", {}).get("key") for record in caplog.records]
    assert [one for one in told_of if one] == [key.split("_")[1] for key in keys]
