"""The description of the API: what every route may answer is said here once."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.access import needs_of
from api.problems import MEDIA_TYPE
from api.settings import ServerSettings

Operation = dict[str, Any]

_ANY = {"500": "The server failed; its log says why.", "503": "Nothing serves, or not in time."}
_KEYED = {
    "401": "An API key is needed, or the one that was sent is not valid.",
    "403": "The key does not allow this.",
    "429": "Too many requests.",
}
_BODY = {"408": "The body did not arrive in time.", "413": "The body has too many bytes."}
_HEADERS = {
    "401": {"WWW-Authenticate": "How to send a key."},
    "429": {"Retry-After": "Seconds to wait."},
    "503": {"Retry-After": "Seconds to wait."},
}


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Let the app describe itself with what the layers around its routes answer.

    Args:
        app: the app.
        routers: those that it has included.
    """
    listed = tuple(routers)

    def openapi() -> dict[str, Any]:
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


def _complete(
    document: dict[str, Any], routers: Iterable[APIRouter], settings: ServerSettings
) -> None:
    routes = (route for router in routers for route in router.routes)
    for route in routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        found = needs_of(route.dependencies)
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _add_answers(operation, keyed=bool(found))
            if found and all(one.opened(settings) for one in found):
                operation["security"] = [*operation["security"], {}]


def _add_answers(operation: Operation, *, keyed: bool) -> None:
    told = dict(_ANY)
    if keyed:
        told |= _KEYED
    if "requestBody" in operation:
        told |= _BODY
    for status, description in told.items():
        answer = operation["responses"].setdefault(status, _problem(description))
        for name, meaning in _HEADERS.get(status, {}).items():
            header = {"description": meaning, "schema": {"type": "string"}}
            answer.setdefault("headers", {}).setdefault(name, header)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _problem(description: str) -> Operation:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
