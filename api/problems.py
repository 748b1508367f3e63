"""Every error of the HTTP API as a problem detail (RFC 9457, application/problem+json)."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.logs import request_id
from vsearch.errors import CategoryError, FilterError
from vsearch.images import ImageError, ImageProblem

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger(__name__)

_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


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
    INDEX_CHANGED = "index-changed"
    REJECTED_ITEM = "rejected-item"
    CONFLICT = "conflict"
    NO_REPORT = "no-report"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate-limited"
    TOO_SLOW = "too-slow"
    OUT_OF_TIME = "out-of-time"
    FETCH_REFUSED = "fetch-refused"
    ENDING = "ending"
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
    Kind.INDEX_CHANGED: "Another index version serves than the one whose pages are asked "
    "for: begin with the first page.",
    Kind.CONFLICT: "The shop is not in the state that this needs; the detail says why.",
    Kind.NO_REPORT: "The model that serves has no evaluation report.",
    Kind.REJECTED_ITEM: "The item, or a photo of it, cannot be taken in; it stays as it was.",
    Kind.UNAUTHORIZED: "The request needs an API key, or the one that it has is not valid.",
    Kind.FORBIDDEN: "The API key does not allow this: it needs one of another scope.",
    Kind.RATE_LIMITED: "Too many requests: ask again after `Retry-After` seconds.",
    Kind.TOO_SLOW: "The request did not arrive in time: send it again, or a smaller photo.",
    Kind.OUT_OF_TIME: "The server could not answer in time: ask again after `Retry-After` seconds.",
    Kind.FETCH_REFUSED: "The server fetches no photo from this address; send the photo itself.",
    Kind.ENDING: "The server is about to end; another one takes over.",
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


ANSWERED = (ImageError, CategoryError, FilterError, RequestValidationError, HTTPException)
"""What requests are refused with; any other exception is a failure of ours."""


def document_of(error: Exception, root_path: str = "") -> dict[str, object]:
    """Return an error as the members of a problem detail; any other has the type `about:blank`."""
    told = as_problem(error)
    kind = told.kind if isinstance(told, ProblemError) else None
    return {
        "type": f"{root_path}/problems/{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else phrase_of(told.status_code),
        "status": told.status_code,
        "detail": told.detail,
        **(told.members if isinstance(told, ProblemError) else {}),
    }


def respond_to(scope: Scope, error: Exception) -> JSONResponse:
    """Return an error as a problem detail.

    The access log and the metrics learn from the request's state why it was refused.
    """
    told = as_problem(error)
    document = document_of(told, scope.get("root_path", ""))
    if request_id.get():
        document["request_id"] = request_id.get()
    kind = told.kind if isinstance(told, ProblemError) else None
    phrase = phrase_of(told.status_code).casefold().replace(" ", "-")
    scope.setdefault("state", {})["refused"] = str(document.get("reason") or kind or phrase)
    headers = {"X-Content-Type-Options": "nosniff", **(told.headers or {})}
    return JSONResponse(document, told.status_code, headers, media_type=MEDIA_TYPE)


def phrase_of(status: int) -> str:
    """Return what RFC 9110 calls a status, whatever Python does: its names changed with 3.13."""
    known = status in HTTPStatus.__members__.values()
    return _RENAMED.get(status) or (HTTPStatus(status).phrase if known else "Client closed request")


def failure() -> HTTPException:
    """Return the 500 of a failure of ours, which tells nothing of it."""
    return HTTPException(500, "The server failed; its log says why.")


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


def as_problem(error: Exception) -> HTTPException:
    """Return what a request is answered with where it fails with an error."""
    match error:
        case ImageError():
            return of_photo(error)
        case CategoryError():
            return ProblemError(422, Kind.UNKNOWN_CATEGORY, str(error))
        case FilterError():
            return ProblemError(422, Kind.INVALID_FILTER, str(error))
        case RequestValidationError():
            return of_validation(error)
        case HTTPException():
            return error
        case _:
            return failure()


def _handle(request: Request, error: Exception) -> JSONResponse:
    """Answer an error; a handler of FastAPI."""
    return respond_to(request.scope, error)


def install(app: FastAPI) -> None:
    """Let the app answer every error with a problem detail and explain its problems."""
    for kind in (*ANSWERED, Exception):
        app.add_exception_handler(kind, _handle)
    app.add_api_route("/problems/{kind}", explain, include_in_schema=False)


def explain(kind: Kind) -> PlainTextResponse:
    """Explain one kind of problem to the person who follows its `type`."""
    return PlainTextResponse(f"{kind.replace('-', ' ').capitalize()}\n\n{EXPLANATIONS[kind]}\n")
