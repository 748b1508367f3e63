"""Examples for the description of the API, put together from those of the documents' fields.

A field's example stands once, beside the field; operations cannot show documents that do not exist.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException

from api.problems import MEDIA_TYPE, Kind, ProblemError, document_of

Schema = Mapping[str, Any]

_KINDS = {
    "401": Kind.UNAUTHORIZED,
    "403": Kind.FORBIDDEN,
    "404": Kind.UNKNOWN_ITEM,
    "408": Kind.TOO_SLOW,
    "409": Kind.CONFLICT,
    "413": Kind.TOO_LARGE,
    "415": Kind.INVALID_PHOTO,
    "422": Kind.INVALID_REQUEST,
    "429": Kind.RATE_LIMITED,
    "503": Kind.BUSY,
}
# Where an operation answers a status with another kind of problem than most.
_OWN_KINDS = {
    ("search", "409"): Kind.INDEX_CHANGED,
    ("search_batch", "409"): Kind.INDEX_CHANGED,
    ("find_similar_items", "409"): Kind.NOT_EMBEDDED,
    ("get_item_photo", "404"): Kind.NO_PHOTO,
    ("get_photo", "404"): Kind.NO_PHOTO,
    ("get_question_photo", "404"): Kind.NO_PHOTO,
    ("get_report", "404"): Kind.NO_REPORT,
    ("get_readiness", "503"): Kind.NOT_BUILT,
    ("put_item", "422"): Kind.REJECTED_ITEM,
}


def add_examples(operation: dict[str, Any], schemas: Mapping[str, Schema]) -> None:
    """Give an operation's parameters, body and answers an example each where they have none.

    Where a field has none the description goes without; a test names the field.

    Args:
        operation: is completed.
        schemas: those of the description, by name.
    """
    for parameter in operation.get("parameters", ()):
        if parameter.get("required"):
            _add(parameter, schemas)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _add(content, schemas, sent=True)
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            if media_type == MEDIA_TYPE:
                told = answer["description"]
                content["example"] = _problem(operation["operationId"], status, told)
            elif media_type == "application/json":
                _add(content, schemas)


def _add(described: dict[str, Any], schemas: Mapping[str, Schema], *, sent: bool = False) -> None:
    if "example" not in described:
        with suppress(ValueError):
            described["example"] = example_of(described["schema"], schemas, sent=sent)


def example_of(schema: Schema, schemas: Mapping[str, Schema], *, sent: bool = False) -> Any:  # noqa: ANN401  any JSON
    """Return an example of what a schema describes.

    Args:
        schema: a JSON schema as pydantic writes them.
        schemas: those that it may refer to, by name.
        sent: it is of a request, where fields that may be left out and have no example are.

    Raises:
        ValueError: a part of it has no example.
    """
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("default", "const"):
        if name in schema:
            return schema[name]
    return _composed(schema, schemas, sent)


def _composed(schema: Schema, schemas: Mapping[str, Schema], sent: bool) -> Any:  # noqa: ANN401
    """Return an example put together from those of a schema's parts."""
    match schema:
        case {"$ref": ref}:
            return example_of(schemas[ref.rpartition("/")[2]], schemas, sent=sent)
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return example_of(first, schemas, sent=sent)
        case {"type": "array", "items": items}:
            return [example_of(items, schemas, sent=sent)]
        case {"properties": properties}:
            needed = set(schema.get("required", ())) if sent else set(properties)
            return {
                name: example_of(one, schemas, sent=sent)
                for name, one in properties.items()
                if name in needed or one.get("examples", [None])[0] is not None
            }
        case {"type": "boolean"}:
            return False
    raise ValueError(f"no example for {dict(schema)}: give the field `examples`")


def _problem(operation_id: str, status: str, told: str) -> dict[str, object]:
    kind = _OWN_KINDS.get((operation_id, status)) or _KINDS.get(status)
    if kind is None:
        return document_of(HTTPException(int(status), told))
    return document_of(ProblemError(int(status), kind, told))
