"""Every error of the HTTP API as a problem detail (RFC 9457, application/problem+json)."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from vsearch.errors import CategoryError, FilterError
from vsearch.images import ImageError, ImageProblem

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """The problems that are ours; each is explained at `/problems/KIND`, its `type`."""

    INVALID_PHOTO = "invalid-photo"
    TOO_LARGE = "too-large"
    INVALID_REQUEST = "invalid-request"
    UNKNOWN_CATEGORY = "unknown-category"
    UNKNOWN_ITEM = "unknown-item"
    NO_PHOTO = "no-photo"
    NOT_EMBEDDED = "not-embedded"
    INVALID_FILTER = "invalid-filter"
    REJECTED_ITEM = "rejected-item"
    BUSY = "busy"
    NOT_BUILT = "not-built"


EXPLANATIONS: Mapping[Kind, str] = {
    Kind.INVALID_PHOTO: "The file is not a photo that can be used; the member `reason` says why.",
    Kind.TOO_LARGE: "The request has more bytes than the server takes: send a smaller photo.",
    Kind.INVALID_REQUEST: "A field is missing or its value is not allowed; see the list `errors`.",
    Kind.UNKNOWN_CATEGORY: "The shop has no such category; GET /v1/categories lists them.",
    Kind.UNKNOWN_ITEM: "The shop has no item with this id.",
    Kind.NO_PHOTO: "The item has no catalogue photo that can be shown.",
    Kind.NOT_EMBEDDED: "The item is new and waits for its embedding, which the next build makes.",
    Kind.INVALID_FILTER: "`where` is not understood, or names a field that items have not; "
    "GET /v1/fields lists the fields.",
    Kind.REJECTED_ITEM: "The item, or a photo of it, cannot be taken in; it stays as it was.",
    Kind.BUSY: "The server cannot take this at the moment: ask again after `Retry-After` seconds.",
    Kind.NOT_BUILT: "Nothing serves yet: the shop needs `vsearch train` and `vsearch build`.",
}


class ProblemError(HTTPException):
    """A request that fails with one of our problems; `members` are its further members."""

    def __init__(
        self,
        status: int,
        kind: Kind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind
        self.members = members


def respond(error: HTTPException, root_path: str = "") -> JSONResponse:
    """Return an error as a problem detail; one that is not ours has the type `about:blank`."""
    kind = error.kind if isinstance(error, ProblemError) else None
    phrase = HTTPStatus(error.status_code).phrase
    document = {
        "type": f"{root_path}/problems/{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else phrase,
        "status": error.status_code,
        "detail": error.detail,
        **(error.members if isinstance(error, ProblemError) else {}),
    }
    # Of a failure of ours the middleware that adds this header to all responses never hears.
    headers = {"X-Content-Type-Options": "nosniff", **(error.headers or {})}
    return JSONResponse(document, error.status_code, headers, media_type=MEDIA_TYPE)


def of_photo(error: ImageError) -> ProblemError:
    """Return 413 for too many bytes, 415 for what is no supported image, else 422."""
    statuses = {
        ImageProblem.TOO_MANY_BYTES: 413,
        ImageProblem.NOT_AN_IMAGE: 415,
        ImageProblem.UNSUPPORTED_FORMAT: 415,
    }
    status = statuses.get(error.reason, 422)
    return ProblemError(status, Kind.INVALID_PHOTO, str(error), reason=error.reason)


def of_validation(error: RequestValidationError) -> ProblemError:
    """Return 422 with the fields at fault; what the client sent is not echoed."""
    errors = [
        {"field": ".".join(str(part) for part in found["loc"][1:]), "message": found["msg"]}
        for found in error.errors()
    ]
    told = "; ".join(f"{one['field']}: {one['message']}" for one in errors)
    return ProblemError(422, Kind.INVALID_REQUEST, told, errors=errors)


def _handle(request: Request, error: Exception) -> JSONResponse:
    """Answer an error; a handler of FastAPI."""
    if isinstance(error, ImageError):
        error = of_photo(error)
    elif isinstance(error, CategoryError):
        error = ProblemError(422, Kind.UNKNOWN_CATEGORY, str(error))
    elif isinstance(error, FilterError):
        error = ProblemError(422, Kind.INVALID_FILTER, str(error))
    elif isinstance(error, RequestValidationError):
        error = of_validation(error)
    elif not isinstance(error, HTTPException):
        # FastAPI raises the error again after this answer, and the server logs its traceback.
        error = HTTPException(500, "The server failed; its log says why.")
    return respond(error, request.scope.get("root_path", ""))


def install(app: FastAPI) -> None:
    """Let the app answer every error with a problem detail and explain its problems."""
    for kind in (
        ImageError,
        CategoryError,
        FilterError,
        RequestValidationError,
        HTTPException,
        Exception,
    ):
        app.add_exception_handler(kind, _handle)
    app.add_api_route("/problems/{kind}", explain, include_in_schema=False)


def explain(kind: Kind) -> PlainTextResponse:
    """Explain one kind of problem to the person who follows its `type`."""
    return PlainTextResponse(f"{kind.replace('-', ' ').capitalize()}\n\n{EXPLANATIONS[kind]}\n")
