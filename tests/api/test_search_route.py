"""Searches with a photo over HTTP: forms and JSON, filters, facets, pages, variants, reasons."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.settings import ServerSettings
from indexer.build import build
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.indexer.tiny_shop import TinyEmbedder, item_row, painted

SHIRT, SHOE = ("Clothes", "Shirt"), ("Clothes", "Shoe")


@pytest.fixture
def shop(tmp_path: Path, embedder: TinyEmbedder) -> Iterator[Shop]:
    """Six shirts in three colours, two a group, and six shoes without a group."""
    source = tmp_path / "source"
    source.mkdir()
    with Shop.create(tmp_path / "shop") as made:
        made.catalogue.set_attribute_types({"colour": "text", "price": "float"}, lambda v, _: v)
        shirts = [
            replace(
                item_row(source, f"shirt {seed}", SHIRT, [seed]),
                title=f"A {'striped' if seed == 5 else 'plain'} shirt",
                group_id=f"group {seed // 2}",
                attributes={"colour": ("red", "blue", "grey")[seed % 3], "price": float(seed)},
            )
            for seed in range(6)
        ]
        shoes = [item_row(source, f"shoe {seed}", SHOE, [seed]) for seed in range(10, 16)]
        made.catalogue.upsert_items([*shirts, *shoes])
        build(made, embedder=embedder)
        yield made


def post(client: TestClient, seed: int = 5, status: int = 200, **asked: object) -> dict[str, Any]:
    response = client.post("/v1/search", files={"photo": painted(seed)}, data=asked)
    assert response.status_code == status, response.text
    document: dict[str, Any] = response.json()
    return document


def encoded(seed: int) -> str:
    return base64.b64encode(painted(seed)).decode()


def ids(document: dict[str, Any]) -> list[str]:
    return [hit["item_id"] for hit in document["hits"]]


def without_timings(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "timings"}


def test_json_and_a_form_ask_the_same(client: TestClient) -> None:
    asked: dict[str, Any] = {
        **{"top_k": 3, "category": ["Shirt"], "where": "price > 1", "facets": ["colour"]}
    }
    by_form = post(client, **asked)
    response = client.post("/v1/search", json={"photo": encoded(5), **asked})
    assert response.status_code == 200, response.text
    assert without_timings(response.json()) == without_timings(by_form)
    assert len(by_form["hits"]) == 3
    crops = ("0,0,0.5,1", [0, 0, 0.5, 1])
    cropped = [
        without_timings(client.post("/v1/search", json={"photo": encoded(5), "crop": crop}).json())
        for crop in crops
    ]
    assert cropped[0] == cropped[1] == without_timings(post(client, crop=crops[0]))


def test_filters_total_and_facets(client: TestClient) -> None:
    found = post(client, where="colour = 'red'", facets=["all"])
    assert sorted(ids(found)) == ["shirt 0", "shirt 3"]
    assert (found["total"], found["page"], found["pages"]) == (2, 1, 1)
    facets = {facet["name"]: facet for facet in found["facets"]}
    assert {one["value"]: one["count"] for one in facets["colour"]["values"]} == {
        **{"red": 2, "blue": 2, "grey": 2},
    }
    assert facets["category"]["categories"][-1] == {
        **{"path": "Clothes > Shirt", "own": 2, "subtree": 2},
    }
    plain = post(client)
    assert (plain["total"], plain["facets"], plain["explanation"]) == (12, None, None)
    assert set(plain["timings"]) == {"decode", "embed", "wait", "search", "total"}


def test_pages_join_to_the_whole_and_belong_to_one_version(client: TestClient, shop: Shop) -> None:
    whole = ids(post(client, top_k=12))
    first = post(client, top_k=5, page=1)
    pages = [first, *(post(client, top_k=5, page=n, index=first["index"]) for n in (2, 3, 4))]
    assert [item for page in pages for item in ids(page)] == whole
    assert [page["pages"] for page in pages] == [3, 3, 3, 3]
    other = post(client, 5, 409, page=2, index="20200101T000000-00000000")
    assert other["type"] == "/problems/index-changed"
    assert other["index"] == shop.current().index
    assert "narrow the search" in post(client, 5, 422, top_k=100, page=3)["detail"]


def test_variants_are_one_hit(client: TestClient) -> None:
    found = post(client, group="group_id", category="Shirt")
    assert len(found["hits"]) == 3
    assert ids(found)[0] == "shirt 5"
    assert found["hits"][0]["variants"] == ["shirt 4"]
    assert ids(post(client, group="group_id", category="Shirt", top_k=2, page=2)) == ids(found)[2:]


def test_scores_and_words(client: TestClient) -> None:
    assert ids(post(client, min_score=0.999)) == ["shirt 5"]
    assert ids(post(client, 10, text="striped", top_k=2))[0] in {"shirt 5", "shoe 10"}
    assert post(client, 5, 422, text="…")["type"] == "/problems/invalid-request"


def test_restriction_is_told(client: TestClient) -> None:
    assert set(post(client, restrict="auto")["restricted"]) == {
        *("categories", "probability", "widened", "beyond")
    }


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"top_k": 0}, "top_k"),
        ({"top_k": "many"}, "top_k"),
        ({"page": 0}, "page"),
        ({"min_score": 2}, "min_score"),
        ({"min_score": "nan"}, "min_score"),
        ({"restrict": "yes"}, "restrict"),
        ({"group": "colour"}, "group"),
        ({"colour": "red"}, "colour"),
        ({"where": "x" * 4001}, "where"),
        ({"category": ["x"] * 51}, "category"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    client: TestClient, asked: dict[str, object], field: str
) -> None:
    for problem in (
        post(client, 5, 422, **asked),
        client.post("/v1/search", json={"photo": encoded(5), **asked}).json(),
    ):
        assert problem["type"] == "/problems/invalid-request"
        assert problem["errors"][0]["field"].split(".")[0] == field


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b'{"photo": "%%%"}', "application/json", 422),
        (b'{"photo": "bm8gcGhvdG8="}', "application/json", 415),
        (b"[" * 100_000, "application/json", 422),
        (b"<photo/>", "application/xml", 415),
        (b"--x\r\n", "multipart/form-data", 400),
        (b"no boundary here", "multipart/form-data; boundary=x", 400),
    ],
)
def test_a_body_that_is_broken_is_told(
    client: TestClient, body: bytes, kind: str, status: int
) -> None:
    response = client.post("/v1/search", content=body, headers={"Content-Type": kind})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_two_photos_are_one_too_many(client: TestClient) -> None:
    files = [("photo", painted(1)), ("photo", painted(2))]
    assert client.post("/v1/search", files=files).status_code == 400


def test_several_photos_at_once(client: TestClient) -> None:
    files = [
        ("photo", ("a.png", painted(5))),
        ("photo", ("b.png", b"no photo")),
        ("photo", ("c.png", painted(10))),
    ]
    response = client.post("/v1/search/batch", files=files, data={"top_k": 2})
    assert response.status_code == 200, response.text
    told = response.json()
    assert [one["photo"] for one in told["results"]] == ["a.png", "b.png", "c.png"]
    first, second, third = told["results"]
    assert (ids(first["answer"])[0], first["problem"]) == ("shirt 5", None)
    assert (second["answer"], second["problem"]["type"]) == (None, "/problems/invalid-photo")
    assert ids(third["answer"])[0] == "shoe 10"
    assert {one["answer"]["index"] for one in (first, third)} == {told["index"]}
    wrong = client.post("/v1/search/batch", files=files, data={"where": "price <"})
    assert wrong.json()["type"] == "/problems/invalid-filter"


def test_as_many_photos_as_the_server_takes(serve: Serve, shop: Shop) -> None:
    client = serve(shop.path, max_batch=2)
    files = [("photo", painted(seed)) for seed in range(3)]
    assert client.post("/v1/search/batch", files=files[:2]).status_code == 200
    assert client.post("/v1/search/batch", files=files).status_code == 400


def picture(uri: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(body)))


def test_reasons_of_a_trained_model(trained: Path) -> None:
    with Shop.open(trained / "shop") as shop:
        item = next(shop.catalogue.items())
        photo = shop.catalogue.photos_of(item.key)[0].path.read_bytes()
    files = {"photo": photo}
    with TestClient(create_app(ServerSettings(shop=trained / "shop"))) as client:
        found = client.post("/v1/search", files=files, data={"explain": True, "top_k": 2}).json()
        explained = found["explanation"]
        assert explained["labels"][0]["name"] == found["labels"][0]["name"]
        assert max(picture(explained["labels"][0]["picture"]).size) <= 480
        assert [hit["item_id"] for hit in explained["hits"]] == ids(found)
        asked = client.post("/v1/explain", files=files, data={"item_id": [item.item_id]})
        (hit,) = asked.json()["hits"]
        assert hit["similarity"] == pytest.approx(1, abs=1e-3)
        picture(hit["query"]).verify()
        unknown = client.post("/v1/explain", files=files, data={"item_id": ["none"]})
        assert unknown.status_code == 404


def test_no_url_is_fetched_unless_the_server_allows_it(
    client: TestClient, serve: Serve, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://cdn.example/photo.png"
    asked = {"photo_url": url, "top_k": 1}
    for refused in (
        client.post("/v1/search", json=asked),
        client.post("/v1/search", files={"photo_url": (None, url)}),
        serve(shop.path, fetch_hosts=("other.example",)).post("/v1/search", json=asked),
    ):
        assert refused.status_code == 422
        assert refused.json()["type"] == "/problems/fetch-refused"
    monkeypatch.setattr("indexer.remote.Fetcher.fetch", lambda _self, _url: painted(5))
    allowed = serve(shop.path, fetch_hosts=("cdn.example",))
    assert ids(allowed.post("/v1/search", json=asked).json()) == ["shirt 5"]
    assert client.post("/v1/search", json={"top_k": 1}).json()["errors"][0]["field"] == "photo"
