"""The description of the API: committed, complete, with examples that are what they illustrate."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from api.openapi_examples import example_of
from api.openapi_file import FILE, described
from api.problems import Kind
from indexer.shop import Shop
from tests.api.conftest import Serve

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
PROBLEM = "application/problem+json"
OPERATIONS = {
    told["operationId"]: (method, path, told)
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
}


def test_the_committed_description_is_that_of_the_code() -> None:
    told = f"the API has changed: run `make openapi` and commit {FILE.name} with the change"
    assert FILE.read_text() == described(), told


def resolved(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer, which may be described among those that operations share."""
    name = answer.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else answer


def fits(example: object, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


def contents(answers: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for status, answer in answers.items():
        for media_type, content in resolved(answer).get("content", {}).items():
            yield status, media_type, content


def test_operations_have_names_for_programs() -> None:
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in OPERATIONS)
    assert {"search", "search_batch", "classify", "get_item", "put_item"} <= OPERATIONS.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_examples_that_fit(name: str) -> None:
    _, _, told = OPERATIONS[name]
    for parameter in told.get("parameters", ()):
        if parameter["required"]:
            fits(parameter["example"], parameter["schema"])
        for example in parameter["schema"].get("examples", ()):
            fits(example, parameter["schema"])
    for content in told.get("requestBody", {}).get("content", {}).values():
        fits(content["example"], content["schema"])
    for status, media_type, content in contents(told["responses"]):
        if media_type in ("image/jpeg", "image/*", "text/html"):
            continue  # of pictures and pages there is nothing to be shown in a description
        assert "example" in content, (name, status, example_of(content["schema"], SCHEMAS))
        if media_type != "text/plain":
            fits(content["example"], content["schema"])


def test_errors_are_problem_details_whose_examples_name_kinds_that_are_explained() -> None:
    kinds = {f"/problems/{kind}" for kind in Kind} | {"about:blank"}
    for _, _, told in OPERATIONS.values():
        for status, media_type, content in contents(told["responses"]):
            assert (media_type == PROBLEM) == (int(status) >= 400)
            if media_type == PROBLEM:
                assert content["example"]["status"] == int(status)
                assert content["example"]["type"] in kinds
    assert "HTTPValidationError" not in SCHEMAS


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_status_that_the_layers_answer_is_described(name: str) -> None:
    method, path, told = OPERATIONS[name]
    expected = {"200", "500", "503"}
    if path.startswith(("/v1", "/metrics")):
        expected |= {"401", "403", "429"}
    if method in ("post", "put"):
        expected |= {"400", "408", "413", "422"}
    if told.get("parameters"):
        expected.add("422")
    assert expected <= told["responses"].keys()


@pytest.mark.parametrize("name", ["search", "search_batch", "classify", "explain"])
def test_photos_are_taken_as_forms_and_all_but_batches_as_json(name: str) -> None:
    content = OPERATIONS[name][2]["requestBody"]["content"]
    forms = {"multipart/form-data"} if name == "search_batch" else set(content)
    assert set(content) == forms
    assert len(content) == 1 + (name != "search_batch")
    for one in content.values():
        schema = SCHEMAS[one["schema"]["$ref"].rpartition("/")[2]]
        assert "photo" in schema["properties"]
        assert schema["additionalProperties"] is False


def test_a_server_describes_itself_as_it_is_set(shop: Shop, serve: Serve) -> None:
    for public in (True, False):
        client = serve(shop.path, public_search=public)
        served = client.get("/openapi.json").json()
        security = served["paths"]["/v1/search"]["post"]["security"]
        assert ({} in security) == public
        assert {} not in served["paths"]["/v1/items"]["post"]["security"]
        assert served["info"]["title"].endswith(": search by photo")
    assert served["paths"] == DOCUMENT["paths"]


def test_the_example_photo_is_a_photo(client: TestClient) -> None:
    for name in ("search", "classify"):
        _, path, told = OPERATIONS[name]
        photo = told["requestBody"]["content"]["application/json"]["example"]["photo"]
        assert client.post(path, json={"photo": photo}).status_code == 200
