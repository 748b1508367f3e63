"""The HTTP API: questions asked with a photo, and what the shop sells."""

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.schemas.answers import SearchAnswer
from indexer.embedding import Pixels
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions, painted
from vsearch.buckets import passes_at_once
from vsearch.images import content_hash


def search(client: TestClient, seed: int, **fields: object) -> dict[str, Any]:
    response = client.post("/v1/search", files={"photo": painted(seed)}, data=fields)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["item_id"] for hit in answer["hits"]]


def test_a_photo_of_an_item_finds_it_first(client: TestClient) -> None:
    answer = search(client, 2)
    first = answer["hits"][0]
    assert first["score"] == pytest.approx(1, abs=1e-5)
    pear = [f"/v1/photos/{content_hash(painted(seed))}?size=384" for seed in (2, 3)]
    assert first == {
        "item_id": "pear",
        "title": "The pear",
        "category": "Fruit > Pear",
        "further_categories": [],
        "group_id": None,
        "attributes": {},
        "photo_url": pear[0],
        "photos": pear,
        "score": first["score"],
        "view": {"role": "catalogue", "photo_url": pear[0]},
        "variants": [],
    }
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert sorted(ids(answer)) == sorted({"apple", "pear", "A/1", "café crème", "knife"})


def test_the_answer_says_what_the_photo_shows(client: TestClient, shop: Shop) -> None:
    answer = search(client, 2)
    probabilities = {one["path"]: one["probability"] for one in answer["categories"]}
    fruit = probabilities["Fruit > Apple"] + probabilities["Fruit > Pear"]
    assert probabilities["Fruit"] == pytest.approx(fruit, abs=1e-6)
    assert sum(one["probability"] for one in answer["labels"]) == pytest.approx(1, abs=1e-5)
    assert answer["unknown"] is None
    assert [one["assigned"] for one in answer["labels"]] == [True, False, False]
    assert answer["model"] == shop.current().model
    assert answer["index"] == shop.current().index
    assert set(answer["timings"]) == {"decode", "embed", "search", "wait", "total"}


def test_an_answer_is_what_its_description_says(client: TestClient) -> None:
    asked: tuple[dict[str, object], ...] = ({}, {"restrict": "auto"}, {"facets": ["category"]})
    for fields in asked:
        answer = search(client, 2, **fields)
        assert SearchAnswer.model_validate(answer).model_dump(mode="json") == answer


def test_top_k_and_categories_restrict(client: TestClient) -> None:
    assert len(ids(search(client, 6, top_k=2))) == 2
    assert set(ids(search(client, 6, category="Fruit"))) == {"apple", "pear"}
    both = search(client, 6, category=["Fruit > Pear", "dairy/milk"])
    assert set(ids(both)) == {"pear", "A/1"}


def test_a_crop_is_searched_alone(client: TestClient) -> None:
    photo = _png(np.concatenate([_pixels(painted(2)), _pixels(painted(6))], axis=1))
    halves = {
        crop: ids(client.post("/v1/search", files={"photo": photo}, data={"crop": crop}).json())[0]
        for crop in ("0,0,0.5,1", "0.5,0,0.5,1")
    }
    assert halves == {"0,0,0.5,1": "pear", "0.5,0,0.5,1": "knife"}


def test_classify_tells_no_hits(client: TestClient) -> None:
    answer = client.post("/v1/classify", files={"photo": painted(2)}).json()
    assert "hits" not in answer
    assert answer["labels"] == search(client, 2)["labels"]


def test_the_tree_counts_whole_subtrees(client: TestClient) -> None:
    tree = client.get("/v1/categories").json()
    assert tree["items"] == 5
    assert {node["path"]: node["items"] for node in tree["children"]} == {
        "Dairy": 2,
        "Fruit": 2,
        "Kitchen": 1,
    }
    assert [child["path"] for child in tree["children"][1]["children"]] == [
        "Fruit > Apple",
        "Fruit > Pear",
    ]


@pytest.mark.parametrize("item_id", ["apple", "A/1", "café crème"])
def test_an_item_and_its_photo_are_where_the_hit_says(client: TestClient, item_id: str) -> None:
    item = client.get(f"/v1/items/{item_id}").json()
    assert item["item_id"] == item_id
    photo = client.get(f"/v1/items/{item_id}/photo")
    assert photo.headers["content-type"] == "image/png"
    seeds = {"apple": 1, "A/1": 4, "café crème": 5}
    assert photo.content == painted(seeds[item_id])  # and not the customer's photo of the apple


def test_a_photo_is_not_sent_again_to_who_has_it(client: TestClient) -> None:
    photo = client.get("/v1/items/apple/photo")
    assert "max-age" in photo.headers["cache-control"]
    etag = photo.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = client.get("/v1/items/apple/photo", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    other = client.get("/v1/items/apple/photo", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_a_file_that_is_no_longer_a_photo_is_not_shown(client: TestClient, shop: Shop) -> None:
    item = shop.catalogue.get("apple")
    assert item is not None
    shop.catalogue.photos_of(item.key)[0].path.write_text("<script>alert(1)</script>")
    response = client.get("/v1/items/apple/photo")
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/no-photo"


def test_threads_of_its_own_run_the_network(
    client: TestClient, embedder: TinyEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    answer = TinyEmbedder.__call__

    def watched(self: TinyEmbedder, pixels: Pixels) -> TinyPredictions:
        threads.append(threading.current_thread().name)
        return answer(self, pixels)

    monkeypatch.setattr(TinyEmbedder, "__call__", watched)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: ids(search(client, seed))[0], [1, 2, 4, 5, 6, 3]))
    assert found == ["apple", "pear", "A/1", "café crème", "knife", "pear"]
    # Where passes go side by side, as on a CPU of several cores, so many batches do.
    assert len(set(threads)) <= passes_at_once()
    assert all(name.startswith("network") for name in threads)


def test_a_shoppers_photo_never_touches_a_disk(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(_file: object) -> None:
        pytest.fail("the photo was written to a temporary file")

    monkeypatch.setattr(SpooledTemporaryFile, "rollover", written)
    photo = _png(np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8))
    assert len(photo) > 2**21
    assert client.post("/v1/classify", files={"photo": photo}).status_code == 200


def test_the_documentation_needs_no_internet(client: TestClient) -> None:
    page = client.get("/docs")
    assert "http://" not in page.text.replace("http://testserver", "")
    assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f'"/docs/assets/{asset}"' in page.text
        assert client.get(f"/docs/assets/{asset}").status_code == 200


def test_the_description_has_examples_and_problems(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/v1/search"]["post"]["responses"]
    assert {"200", "413", "415", "422", "503"} <= set(responses)
    assert "application/problem+json" in responses["413"]["content"]
    for name in ("HitDocument", "LabelDocument"):
        fields = document["components"]["schemas"][name]["properties"]
        assert all("examples" in field for field in fields.values())


def test_a_proxys_path_is_in_every_address(serve: Serve, shop: Shop) -> None:
    client = serve(shop.path, root_path="/shop")
    answer = client.post("/v1/search", files={"photo": painted(1)}).json()
    url = answer["hits"][0]["photo_url"]
    assert url == f"/shop/v1/photos/{content_hash(painted(1))}?size=384"
    assert '"/shop/docs/assets/swagger-ui.css"' in client.get("/docs").text
    assert client.get("/v1/items/none").json()["type"] == "/shop/problems/unknown-item"


def _pixels(photo: bytes) -> Pixels:
    return np.asarray(Image.open(BytesIO(photo)))


def _png(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
