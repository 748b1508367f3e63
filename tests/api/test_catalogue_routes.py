"""What the shop sells, over HTTP: items, photos, categories, facets."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from indexer.build import build
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.indexer.tiny_shop import TinyEmbedder, add_further, item_row, painted
from vsearch.images import content_hash

SHIRT, SHOE, SALE = ("Clothes", "Shirt"), ("Clothes", "shoe_wear"), ("Offers", "Sale")
ROWS: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]], str | None, dict[str, Any]]] = {
    "red shirt": (SHIRT, [SALE], "shirt", {"colour": "red", "price": 20.0}),
    "blue shirt": (SHIRT, [], "shirt", {"colour": "blue", "price": 25.0}),
    "shoe 2": (SHOE, [], None, {"colour": "red", "price": 80.0}),
    "shoe/10": (SHOE, [], None, {"price": 90.0}),
}


@pytest.fixture
def shop(tmp_path: Path, embedder: TinyEmbedder) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as made:
        source = tmp_path / "source"
        source.mkdir()
        made.catalogue.set_attribute_types({"colour": "text", "price": "float"}, lambda v, _: v)
        made.catalogue.upsert_items(
            replace(
                item_row(source, item_id, category, [seed]),
                further_paths=tuple(further),
                group_id=group,
                attributes=attributes,
            )
            for seed, (item_id, (category, further, group, attributes)) in enumerate(ROWS.items())
        )
        add_further(made, "shoe 2", 101, "train")
        build(made, embedder=embedder, views="all")
        yield made


def get(client: TestClient, path: str, status: int = 200, **asked: object) -> dict[str, Any]:
    response = client.get(path, params=asked)  # type: ignore[arg-type]
    assert response.status_code == status, response.text
    document: dict[str, Any] = response.json()
    return document


def ids(document: dict[str, Any], key: str = "items") -> list[str]:
    return [item["item_id"] for item in document[key]]


def test_items_are_listed_under_a_filter(client: TestClient) -> None:
    assert ids(get(client, "/v1/items")) == list(ROWS)
    assert ids(get(client, "/v1/items", category="Shirt", sort="-price")) == [
        "blue shirt",
        "red shirt",
    ]
    assert ids(get(client, "/v1/items", category=["Sale", "shoe_wear"])) == [
        *("red shirt", "shoe 2", "shoe/10")
    ]
    page = get(client, "/v1/items", where="price > 20", page=2, page_size=2)
    assert (ids(page), page["total"], page["page"], page["pages"]) == (["shoe/10"], 3, 2, 2)
    assert ids(get(client, "/v1/items", text="blue")) == ["blue shirt"]


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({"where": "prize < 3"}, "invalid-filter", "did you mean “price”"),
        ({"category": "Trousers"}, "unknown-category", "Trousers"),
        ({"sort": "-colours"}, "invalid-request", "did you mean “colour”"),
        ({"text": "?"}, "invalid-request", "has none"),
        ({"page": 0}, "invalid-request", "page"),
        ({"page_size": 1000}, "invalid-request", "page_size"),
    ],
)
def test_what_is_not_understood_is_told(
    client: TestClient, asked: dict[str, object], kind: str, told: str
) -> None:
    problem = get(client, "/v1/items", 422, **asked)
    assert problem["type"] == f"/problems/{kind}"
    assert told in problem["detail"]
    assert client.get(problem["type"]).status_code == 200


def test_the_tree_counts_further_places_and_follows_a_filter(client: TestClient) -> None:
    tree = get(client, "/v1/categories")
    assert tree["items"] == 4
    clothes, offers = tree["children"]
    assert (clothes["name"], clothes["items"], clothes["own"]) == ("Clothes", 4, 0)
    assert [(one["display_name"], one["path"], one["items"]) for one in clothes["children"]] == [
        ("Shirt", "Clothes > Shirt", 2),
        ("Shoe wear", "Clothes > shoe_wear", 2),
    ]
    assert [one["path"] for one in offers["children"]] == ["Offers > Sale"]
    red = get(client, "/v1/categories", where="colour = 'red'")
    assert (red["items"], red["children"][0]["items"]) == (2, 2)
    assert get(client, "/v1/categories", where="price > 1000") == {"items": 0, "children": []}


def test_facets_pass_over_their_own_selection(client: TestClient) -> None:
    found = get(client, "/v1/facets", where="colour = 'red'")
    assert found["total"] == 2
    facets = {facet["name"]: facet for facet in found["facets"]}
    assert {one["value"]: one["count"] for one in facets["colour"]["values"]} == {
        "red": 2,
        "blue": 1,
    }
    assert (facets["colour"]["kind"], facets["colour"]["missing"]) == ("values", 1)
    price = facets["price"]
    assert (price["kind"], price["minimum"], price["maximum"]) == ("numbers", 20, 80)
    assert sum(bucket["count"] for bucket in price["buckets"]) == 2
    paths = {one["path"]: one["subtree"] for one in facets["category"]["categories"]}
    assert paths == {
        **{"Clothes": 2, "Clothes > Shirt": 1, "Clothes > shoe_wear": 1},
        **{"Offers": 1, "Offers > Sale": 1},
    }
    (only,) = get(client, "/v1/facets", field="title", top=1)["facets"]
    assert (len(only["values"]), only["others"]) == (1, 3)


def test_fields_and_facets_that_there_are_not(client: TestClient) -> None:
    fields = get(client, "/v1/fields")["fields"]
    assert {one["name"]: one["kind"] for one in fields} == {
        **{"item_id": "text", "title": "text", "group_id": "text", "category": "category"},
        **{"colour": "text", "price": "number"},
    }
    assert "did you mean “colour”" in get(client, "/v1/facets", 422, field="color")["detail"]
    many = get(client, "/v1/facets", 422, field=["colour"] * 21)
    assert "at most 20" in many["detail"]


def test_photos_come_in_the_sizes_that_are_asked_for(client: TestClient) -> None:
    item = get(client, "/v1/items/shoe/10")
    assert item["photos"] == [item["photo_url"]]
    photo = client.get(item["photo_url"])
    assert photo.status_code == 200, photo.text
    assert photo.headers["content-type"] == "image/jpeg"
    assert "immutable" in photo.headers["cache-control"]
    with Image.open(BytesIO(photo.content)) as opened:
        assert max(opened.size) <= 384
    again = client.get(item["photo_url"], headers={"If-None-Match": photo.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(item["photo_url"].replace("384", "96"))
    assert other.headers["etag"] != photo.headers["etag"]
    assert client.get(item["photo_url"].replace("384", "385")).status_code == 422


def test_no_photo_but_the_catalogues_is_ever_shown(client: TestClient) -> None:
    for name in (content_hash(painted(101)), "0" * 64):
        assert get(client, f"/v1/photos/{name}", 404)["type"] == "/problems/no-photo"
    for name in ("shoe", "..%2f..%2fetc%2fpasswd", "A" * 64):
        assert client.get(f"/v1/photos/{name}").status_code in (404, 422)


def test_more_like_an_item(client: TestClient) -> None:
    found = get(client, "/v1/items/shoe/10/similar")
    assert sorted(ids(found, "hits")) == ["blue shirt", "red shirt", "shoe 2"]
    assert set(found) == {"hits", "total", "page", "pages", "model", "index", "timings"}
    assert (found["total"], found["page"], found["pages"]) == (3, 1, 1)  # itself left out
    whole = ids(found, "hits")
    pages = [
        *ids(get(client, "/v1/items/shoe/10/similar", top_k=2, page=1), "hits"),
        *ids(get(client, "/v1/items/shoe/10/similar", top_k=2, page=2), "hits"),
    ]
    assert pages == whole
    cheap = get(client, "/v1/items/shoe/10/similar", category="Shirt", where="price < 22")
    assert ids(cheap, "hits") == ["red shirt"]
    assert (cheap["total"], cheap["pages"]) == (1, 1)
    own = get(client, "/v1/items/shoe/10/similar", where="price > 20", top_k=1, page=2)
    assert (own["total"], own["page"], own["pages"]) == (2, 2, 2)
    assert ids(get(client, "/v1/items/shoe/10/similar", min_score=1), "hits") == []


def test_variants_of_a_product_are_one_hit(client: TestClient) -> None:
    found = get(client, "/v1/items/shoe/10/similar", group="group_id")
    variants = {hit["group_id"]: hit["variants"] for hit in found["hits"]}
    assert set(variants) == {"shirt", None}
    (first,) = (hit["item_id"] for hit in found["hits"] if hit["group_id"] == "shirt")
    assert variants["shirt"] == sorted({"red shirt", "blue shirt"} - {first})
    one = get(client, "/v1/items/shoe/10/similar", group="group_id", top_k=1, page=2)
    assert ids(one, "hits") == ids(found, "hits")[1:]


def test_an_item_found_by_a_customers_photo_does_not_show_it(
    client: TestClient, serve: Serve, shop: Shop
) -> None:
    answer = client.post("/v1/search", files={"photo": painted(101)}).json()
    hit = next(hit for hit in answer["hits"] if hit["item_id"] == "shoe 2")
    assert hit["view"] == {"role": "further", "photo_url": None}
    assert hit["photo_url"] is not None


def test_what_cannot_be_compared_is_told(client: TestClient, shop: Shop, tmp_path: Path) -> None:
    assert get(client, "/v1/items/none/similar", 404)["type"] == "/problems/unknown-item"
    too_far = get(client, "/v1/items/shoe/10/similar", 422, top_k=100, page=3)
    assert "narrow the search" in too_far["detail"]
    shop.catalogue.upsert_items([item_row(tmp_path / "source", "new", SHIRT, [50])])
    waits = get(client, "/v1/items/new/similar", 409)
    assert waits["type"] == "/problems/not-embedded"
