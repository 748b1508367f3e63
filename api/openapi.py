"""The description of the API: what every route may answer is said here once."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.access import needs_of
from api.openapi_examples import add_examples
from api.problems import MEDIA_TYPE, phrase_of
from api.settings import ServerSettings

Operation = dict[str, Any]
Document = dict[str, Any]

REF = "#/components/schemas/"
_ANY = {"500": "The server failed; its log says why.", "503": "Nothing serves, or not in time."}
_KEYED = {
    "401": "An API key is needed, or the one that was sent is not valid.",
    "403": "The key does not allow this.",
    "429": "Too many requests.",
}
_BODY = {
    "400": "The body cannot be read.",
    "408": "The body did not arrive in time.",
    "413": "The body has too many bytes.",
}
_HEADERS = {
    "401": {"WWW-Authenticate": "How to send a key."},
    "429": {"Retry-After": "Seconds to wait."},
    "503": {"Retry-After": "Seconds to wait."},
}
# FastAPI's own answer to a wrong field, which `api.problems` replaces.
_FOREIGN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Let the app describe itself with what the layers around its routes answer.

    Args:
        app: the app.
        routers: those that it has included.
    """
    listed = tuple(routers)

    def openapi() -> Document:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _complete(document, listed, app.state.settings)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Document, routers: Iterable[APIRouter], settings: ServerSettings) -> None:
    components = document["components"]
    schemas, answers = components["schemas"], components.setdefault("responses", {})
    for route, operation in _operations(document, routers):
        found = needs_of(route.dependencies)
        _add_answers(operation, keyed=bool(found))
        if found and all(one.opened(settings) for one in found):
            operation["security"] = [*operation["security"], {}]
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = without_null(parameter["schema"])
        _name_bodies(operation, schemas)
        add_examples(operation, schemas)
        _share_answers(operation, answers)
    for name in _FOREIGN:
        schemas.pop(name, None)
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = dict(sorted(answers.items()))


def _operations(
    document: Document, routers: Iterable[APIRouter]
) -> Iterator[tuple[APIRoute, Operation]]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for method in route.methods or ():
                    yield route, document["paths"][route.path_format][method.lower()]


def _add_answers(operation: Operation, *, keyed: bool) -> None:
    told = dict(_ANY)
    if keyed:
        told |= _KEYED
    if "requestBody" in operation:
        told |= _BODY
    answers = operation["responses"]
    for status, description in told.items():
        answer = answers.setdefault(status, {"description": description})
        for name, meaning in _HEADERS.get(status, {}).items():
            header = {"description": meaning, "schema": {"type": "string"}}
            answer.setdefault("headers", {}).setdefault(name, header)
    for status, answer in answers.items():
        if int(status) >= 400:
            answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": f"{REF}ProblemDocument"}}}
    if answers.get("422", {}).get("description") == "Validation Error":
        answers["422"]["description"] = "A field is wrong."
    operation["responses"] = dict(sorted(answers.items()))


def _share_answers(operation: Operation, answers: dict[str, Any]) -> None:
    """Let answers that many operations have be described once."""
    told = operation["responses"]
    for status, description in (_ANY | _KEYED | _BODY).items():
        if told.get(status, {}).get("description") == description:
            name = phrase_of(int(status)).replace(" ", "")
            answers[name] = told[status]
            told[status] = {"$ref": f"#/components/responses/{name}"}


def _name_bodies(operation: Operation, schemas: dict[str, Any]) -> None:
    """Give bodies that routes describe themselves a name, so that clients have types for them."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("title")
        if name and "$ref" not in content["schema"]:
            schemas[name] = content["schema"]
            content["schema"] = {"$ref": f"{REF}{name}"}


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what a form or an address holds: it has no null, one leaves it out."""
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(options) != 1:
        return schema
    return {**options[0], **{name: told for name, told in schema.items() if name != "anyOf"}}
