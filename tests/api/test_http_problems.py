"""Every failure of the HTTP API: the right status, as a problem detail."""

import io
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from indexer.build import build
from indexer.shop import Shop
from tests.api.conftest import ITEMS, Serve
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop, painted
from vsearch.errors import VersionError

PHOTO = painted(1)


def problem(client: TestClient, method: str, path: str, **sent: object) -> dict[str, object]:
    """Send a request that fails; return its problem detail after the checks that hold for all."""
    response = client.request(method, path, **sent)  # type: ignore[arg-type]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    document: dict[str, object] = response.json()
    assert document["status"] == response.status_code
    assert {"type", "title", "detail"} <= set(document)
    if document["type"] != "about:blank":
        explained = client.get(str(document["type"]))
        assert explained.text.startswith(str(document["title"]))
    return document


def big_photo(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("photo", "status", "reason"),
    [
        (b"just words", 415, "not_an_image"),
        (b"%PDF-1.7 and so on", 415, "unsupported_format"),
        (PHOTO[:-40], 422, "truncated"),
        (b"", 422, "empty"),
        (big_photo(9000, 9000), 422, "too_many_pixels"),
    ],
)
@pytest.mark.parametrize("route", ["/v1/search", "/v1/classify"])
def test_a_photo_that_cannot_be_used(
    client: TestClient, route: str, photo: bytes, status: int, reason: str
) -> None:
    told = problem(client, "POST", route, files={"photo": photo})
    assert (told["status"], told["type"]) == (status, "/problems/invalid-photo")
    assert told["reason"] == reason


@pytest.mark.parametrize(
    ("fields", "kind", "said"),
    [
        ({"top_k": "0"}, "invalid-request", "top_k"),
        ({"top_k": "many"}, "invalid-request", "top_k"),
        ({"top_k": "201"}, "invalid-request", "at most 200"),
        ({"category": "Frut"}, "unknown-category", "“Fruit”"),
        ({"crop": "0,0,1"}, "invalid-photo", "x,y,width,height"),
        ({"crop": "0.5,0.5,0.6,0.5"}, "invalid-photo", "fractions"),
    ],
)
def test_a_field_that_is_wrong(
    client: TestClient, fields: dict[str, str], kind: str, said: str
) -> None:
    told = problem(client, "POST", "/v1/search", files={"photo": PHOTO}, data=fields)
    assert (told["status"], told["type"]) == (422, f"/problems/{kind}")
    assert said in str(told["detail"])


def test_a_request_without_a_photo_names_the_field(client: TestClient) -> None:
    told = problem(client, "POST", "/v1/search", data={"top_k": "0"})
    errors = told["errors"]
    assert isinstance(errors, list)
    assert {error["field"] for error in errors} == {"photo", "top_k"}


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nothing", 404, "about:blank"),
        ("GET", "/v1/search", 405, "about:blank"),
        ("GET", "/v1/items/none", 404, "/problems/unknown-item"),
        ("GET", "/v1/items/none/photo", 404, "/problems/unknown-item"),
        ("GET", "/v1/items/../../shop.toml", 404, "about:blank"),
        ("GET", "/v1/items/%2e%2e%2fshop.toml", 404, "/problems/unknown-item"),
        ("GET", "/docs/assets/../../app.py", 404, "about:blank"),
        ("GET", "/problems/none", 422, "/problems/invalid-request"),
    ],
)
def test_an_address_that_is_not_there(
    client: TestClient, method: str, path: str, status: int, kind: str
) -> None:
    told = problem(client, method, path)
    assert (told["status"], told["type"]) == (status, kind)


def test_a_rejected_item_is_not_shown(client: TestClient, shop: Shop) -> None:
    item = shop.catalogue.get("apple")
    assert item is not None
    photo = next(p for p in shop.catalogue.photos_of(item.key) if p.role == "catalogue")
    shop.catalogue.reject_photo(photo.key, "the file is gone")
    assert problem(client, "GET", "/v1/items/apple")["status"] == 404
    answer = client.post("/v1/search", files={"photo": PHOTO}).json()
    assert "apple" not in [hit["item_id"] for hit in answer["hits"]]


def test_a_failure_of_ours_tells_nothing_of_itself(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret path /etc/shop")

    monkeypatch.setattr(TinyEmbedder, "__call__", broken)
    told = problem(client, "POST", "/v1/search", files={"photo": PHOTO})
    assert told["status"] == 500
    assert "secret" not in str(told)


class TestTooLarge:
    """The limit on bytes, on a server that takes photos of 100,000."""

    @pytest.fixture
    def small(self, shop: Shop, serve: Serve) -> TestClient:
        return serve(shop.path, max_bytes=100_000)

    def test_a_body_that_announces_too_much_is_not_read(self, small: TestClient) -> None:
        read: list[int] = []

        def body() -> Iterator[bytes]:
            read.append(1)
            yield b"x"

        headers = {"Content-Length": "200000", "Content-Type": "multipart/form-data; boundary=b"}
        response = small.post("/v1/search", content=body(), headers=headers)
        assert response.status_code == 413
        assert response.headers["connection"] == "close"

    def test_a_body_in_chunks_is_cut_off_at_the_limit(self, small: TestClient) -> None:
        def body() -> Iterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
            for _ in range(40):
                yield bytes(10_000)

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        told = problem(small, "POST", "/v1/search", content=body(), headers=headers)
        assert (told["status"], told["type"]) == (413, "/problems/too-large")

    @pytest.mark.parametrize("route", ["/v1/search", "/v1/classify"])
    def test_a_photo_over_the_limit_in_a_body_that_is_not(
        self, small: TestClient, route: str
    ) -> None:
        told = problem(small, "POST", route, files={"photo": PHOTO + bytes(100_000)})
        assert (told["status"], told["type"]) == (413, "/problems/too-large")
        assert "100,000" in str(told["detail"])

    def test_a_photo_within_the_limit_passes(self, small: TestClient) -> None:
        assert small.post("/v1/search", files={"photo": PHOTO}).status_code == 200


class TestTakingOver:
    """What another process publishes while the server runs."""

    def wait(self, client: TestClient, index: str | None) -> dict[str, object]:
        for _ in range(200):
            health: dict[str, object] = client.get("/readyz").json()
            if health.get("index") == index:
                return health
            time.sleep(0.02)
        pytest.fail(f"{index} was never taken over, but {health}")

    def test_a_shop_without_an_index_answers_when_it_has_one(
        self, tmp_path: Path, serve: Serve, embedder: TinyEmbedder
    ) -> None:
        with make_shop(tmp_path, ITEMS) as shop:
            client = serve(shop.path, poll_seconds=0.02)
            for method, path in (("GET", "/readyz"), ("POST", "/v1/search")):
                told = problem(client, method, path, files={"photo": PHOTO})
                assert (told["status"], told["type"]) == (503, "/problems/not-built")
            assert client.get("/v1/categories").status_code == 200
            built = build(shop, embedder=embedder)
            health = self.wait(client, built.version)
        assert health["status"] == "ready"

    def test_a_new_version_is_taken_over(
        self, shop: Shop, serve: Serve, embedder: TinyEmbedder, tmp_path: Path
    ) -> None:
        client = serve(shop.path, poll_seconds=0.02)
        new = item_row(tmp_path / "source", "spoon", ("Kitchen",), [7])
        shop.catalogue.upsert_items([new])
        self.wait(client, build(shop, embedder=embedder).version)
        answer = client.post("/v1/search", files={"photo": painted(7)}).json()
        assert answer["hits"][0]["item_id"] == "spoon"

    def test_a_damaged_version_leaves_the_old_one_serving(
        self,
        shop: Shop,
        serve: Serve,
        embedder: TinyEmbedder,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        old = shop.current().index
        client = serve(shop.path, poll_seconds=0.02)
        shop.catalogue.upsert_items([item_row(tmp_path / "source", "spoon", ("Kitchen",), [7])])
        with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr("api.live.RETRY_SECONDS", 0.02)
            patch.setattr("api.live.open_version", _damaged)
            new = build(shop, embedder=embedder).version
            while not caplog.messages:
                time.sleep(0.02)
            assert client.get("/readyz").json()["index"] == old
        assert new in caplog.text
        self.wait(client, new)  # once it is whole again


def _damaged(*_: object, **__: object) -> None:
    raise VersionError("the index version is damaged")
