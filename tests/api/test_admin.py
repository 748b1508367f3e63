"""The staff's view over HTTP."""

import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.staff import REPORT
from indexer.audit_file import AuditRow
from indexer.build import build
from indexer.open_questions import keep_questions
from indexer.shop import Shop
from tests.api.conftest import Serve
from tests.api.key_holder import bearer, make_key
from tests.indexer.tiny_shop import TinyEmbedder, add_further, painted
from vsearch.images import content_hash

APPLE, FURTHER = content_hash(painted(1)), content_hash(painted(101))


@pytest.fixture
def client(shop: Shop, serve: Serve) -> TestClient:
    """A client with an admin's key; the apple's photo and a customer's are doubtful."""
    rows = [
        AuditRow("1.png", APPLE, "apple", "label", "item_id", "apple", "pear", "0.98"),
        AuditRow("101.png", FURTHER, "apple", "label", "item_id", "apple", "pear", "0.81"),
    ]
    keep_questions(shop, rows)
    made = serve(shop.path, poll_seconds=0.05)
    made.headers.update(bearer(make_key(shop.path, "admin")))
    return made


def get(client: TestClient, path: str, status: int = 200, **asked: object) -> dict[str, Any]:
    response = client.get(f"/v1/admin/{path}", params=asked)  # type: ignore[arg-type]
    assert response.status_code == status, response.text
    document: dict[str, Any] = response.json()
    return document


@pytest.mark.parametrize("scope", [None, "search", "write"])
def test_nobody_but_admins_sees_any_of_it(shop: Shop, serve: Serve, scope: str | None) -> None:
    client = serve(shop.path)
    headers = bearer(make_key(shop.path, scope)) if scope else {}
    document = client.get("/openapi.json").json()
    routes = [path for path in document["paths"] if path.startswith("/v1/admin/")]
    assert len(routes) >= 8
    for path in routes:
        for method in document["paths"][path]:
            answer = client.request(method, path.format(content_hash=APPLE), headers=headers)
            assert answer.status_code == (403 if scope else 401), (method, path)


def test_what_the_shop_holds_and_what_serves(client: TestClient, shop: Shop) -> None:
    told = get(client, "status")
    assert (told["items"], told["indexed"], told["waiting"], told["rejected"]) == (5, 5, 0, 0)
    assert (told["model"], told["index"]) == (shop.current().model, shop.current().index)
    assert (told["questions"], told["report"], told["rebuild_due"]) == (2, False, None)
    assert client.delete("/v1/items/knife").status_code == 200
    changed = get(client, "status")
    assert (changed["items"], changed["dead_rows"]) == (4, 1)


def test_everything_is_checked(client: TestClient, shop: Shop) -> None:
    told = get(client, "checks")
    names = {one["name"]: one["ok"] for one in told["checks"]}
    assert {"items", "rows", "index versions"} <= names.keys()
    index = shop.current().index
    assert index is not None
    vectors = shop.indexes / index / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x55")
    found = {one["name"]: one for one in get(client, "checks")["checks"]}
    assert not found["index versions"]["ok"]
    assert "is damaged" in found["index versions"]["detail"]


def test_a_version_is_rolled_back(client: TestClient, shop: Shop, embedder: TinyEmbedder) -> None:
    first = shop.current().index
    (shop.models / embedder.model_fingerprint).mkdir(parents=True)
    shop.delete(["knife"])
    second = build(shop, embedder=embedder).version
    listed = get(client, "versions")["versions"]
    assert [(one["version"], one["current"]) for one in listed] == [(second, True), (first, False)]
    answer = client.post("/v1/admin/rollback", json={"version": first})
    assert answer.status_code == 200, answer.text
    assert [one["current"] for one in answer.json()["versions"]] == [False, True]
    for _ in range(100):
        if client.get("/readyz").json()["index"] == first:
            break
        time.sleep(0.05)
    assert client.get("/readyz").json()["index"] == first
    problem = client.post("/v1/admin/rollback", json={"version": "../../etc"})
    assert (problem.status_code, problem.json()["type"]) == (409, "/problems/conflict")
    assert client.post("/v1/admin/rollback", json={}).status_code == 422


def test_models_and_rejects_are_listed(client: TestClient, shop: Shop) -> None:
    assert isinstance(get(client, "models")["models"], list)
    assert get(client, "rejects") == {"rejects": [], "total": 0}
    (key,) = shop.catalogue.item_keys(["knife"]).values()
    shop.catalogue.reject_photo(shop.catalogue.photos_of(key)[0].key, "it is broken")
    told = get(client, "rejects")
    assert told["total"] == 1
    assert (told["rejects"][0]["item_id"], told["rejects"][0]["reason"]) == (
        "knife",
        "it is broken",
    )
    assert get(client, "status")["rejected"] == 1


def test_labels_that_the_model_lacks_are_told(client: TestClient, shop: Shop) -> None:
    told = get(client, "new-labels")
    # The model of this shop knows three of its categories' last names, none as it is written there.
    assert {one["name"] for one in told["labels"]} == {
        *("Fruit > Apple", "Fruit > Pear", "Dairy > Milk", "Dairy > Cream", "Kitchen")
    }
    assert {one["name"]: one["photos"] for one in told["labels"]}["Fruit > Pear"] == 2
    assert all(one["reason"] for one in told["problems"])


def test_doubtful_labels_wait_for_a_person(client: TestClient, shop: Shop) -> None:
    told = get(client, "questions")
    assert (told["total"], told["pages"]) == (2, 1)
    first = told["questions"][0]
    assert (first["item"]["item_id"], first["suggested_item"]["item_id"]) == ("apple", "pear")
    assert (first["photo"], first["label"], first["doubt"]) == ("1.png", "apple", "0.98")
    asked = {"content_hash": FURTHER, "item_id": "apple", "verdict": "relabel"}
    answer = client.post("/v1/admin/questions", json=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["questions"] == 1
    (pear,) = shop.catalogue.item_keys(["pear"]).values()
    assert FURTHER in [photo.content_hash for photo in shop.catalogue.photos_of(pear)]
    again = client.post("/v1/admin/questions", json=asked)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")
    wrong = client.post("/v1/admin/questions", json={**asked, "verdict": "perhaps"})
    assert wrong.status_code == 422


def test_a_photo_is_shown_to_who_decides_while_it_is_asked_about(
    client: TestClient, shop: Shop, serve: Serve
) -> None:
    path = f"/v1/admin/questions/{FURTHER}/photo"
    photo = client.get(path)
    assert photo.headers["content-type"] == "image/jpeg"
    assert photo.headers["cache-control"] == "no-store"
    assert serve(shop.path).get(path).status_code == 401
    asked = {"content_hash": FURTHER, "item_id": "apple", "verdict": "accept"}
    assert client.post("/v1/admin/questions", json=asked).status_code == 200
    assert client.get(path).status_code == 404
    add_further(shop, "apple", 102, "train")
    other = content_hash(painted(102))
    assert client.get(f"/v1/admin/questions/{other}/photo").status_code == 404


def test_the_report_is_shown_apart_from_everything(client: TestClient, shop: Shop) -> None:
    assert get(client, "report", 404)["type"] == "/problems/no-report"
    model = shop.current().model
    assert model is not None
    folder = shop.models / model
    folder.mkdir(parents=True)
    (folder / REPORT).write_text("<!doctype html><title>Report</title>")
    page = client.get("/v1/admin/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert get(client, "status")["report"] is True
