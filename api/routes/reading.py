"""A photo and what is asked about it, read from a form or from JSON.

FastAPI reads a body in one way for each route; here either is taken, checked by the same document.
Nothing is written to a disk: parts within the server's limit stay in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio.to_thread
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from starlette.datastructures import FormData, UploadFile

from api.fetching import fetch_photo
from api.openapi import REF, without_null
from api.problems import Kind, ProblemError
from api.schemas.asking import PhotoAsked, PhotoSent
from api.schemas.example_photo import EXAMPLE_PHOTO
from api.settings import ServerSettings

MAX_FIELDS = 200
MAX_FIELD_BYTES = 64 * 1024
FORM, JSON = "multipart/form-data", "application/json"
_PLAIN_FORM = "application/x-www-form-urlencoded"

_MISSING = {"type": "missing", "loc": ("body", "photo"), "msg": "Field required, a photo's file"}

# A crop may be written so in JSON too.
_FOUR_NUMBERS = {
    "type": "array",
    "items": {"type": "number", "minimum": 0, "maximum": 1},
    "minItems": 4,
    "maxItems": 4,
}

Asked = TypeVar("Asked", bound=PhotoAsked)


@dataclass(frozen=True)
class Read(Generic[Asked]):
    """A request that was understood.

    Attributes:
        photos: the files with the names that the client gave them, in order.
        asked: what is asked about them.
    """

    photos: Sequence[tuple[str, bytes]]
    asked: Asked


@dataclass(frozen=True)
class Body(Generic[Asked]):
    """How the body of a route is read.

    Attributes:
        asked: the fields beside the photo.
        sent: the same with the photo, as JSON; None where a form alone is taken.
        example: of the fields beside the photo.
        several: whether there may be several photos.
    """

    asked: type[Asked]
    sent: type[PhotoSent] | None
    example: Mapping[str, Any] = field(default_factory=dict)
    several: bool = False

    async def read(self, request: Request, max_bytes: int, most: int = 1) -> Read[Asked]:
        """Read a request.

        Args:
            request: the request.
            max_bytes: of a photo.
            most: photos.

        Raises:
            ProblemError: 415 neither a form nor JSON; 413 a photo is too large; 422 there is none.
            RequestValidationError: a field is missing, unknown, or not allowed.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in (FORM, _PLAIN_FORM, ""):  # the latter two lack the photo, which is told
            form = request.form(
                max_files=most, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
            )
            async with form as parts:
                read = await self._of_form(parts)
        elif kind == JSON and self.sent is not None:
            read = self._of_json(await request.body())
        else:
            wanted = f"{FORM} or {JSON}" if self.sent else FORM
            told = f"The body is {kind or 'of no type'}, expected {wanted} with a field “photo”."
            raise ProblemError(415, Kind.INVALID_REQUEST, told)
        if not read.photos:
            read = await _fetched(request, read, max_bytes)
        for name, data in read.photos:
            if len(data) > max_bytes:
                told = f"The photo {name} has {len(data):,} bytes; at most {max_bytes:,} are taken."
                raise ProblemError(413, Kind.TOO_LARGE, told)
        return read

    async def _of_form(self, form: FormData) -> Read[Asked]:
        files = [part for part in form.getlist("photo") if isinstance(part, UploadFile)]
        photos = [(file.filename or "photo", await file.read()) for file in files]
        named = bool(photos or form.get("photo_url"))
        missing = [] if named else [_MISSING]
        try:
            asked = self.asked.model_validate(_fields(self.asked, form))
        except ValidationError as error:
            raise RequestValidationError([*missing, *_faults(error)]) from error
        if missing:
            raise RequestValidationError(missing)
        return Read(photos, asked)

    def _of_json(self, body: bytes) -> Read[Asked]:
        sent = self.sent
        assert sent is not None  # `read` has looked
        try:
            told = sent.model_validate_json(body, strict=True)  # "5" is no number there
        except ValidationError as error:
            raise RequestValidationError(_faults(error)) from error
        fields = told.model_dump(exclude={"photo"}, exclude_unset=True)
        asked = self.asked.model_construct(**fields)
        if told.photo is None and asked.photo_url is None:
            raise RequestValidationError([_MISSING])
        return Read([] if told.photo is None else [("photo", told.photo)], asked)

    def openapi(self) -> dict[str, Any]:
        """Return the description of the body, for `openapi_extra` of a route."""
        photo: dict[str, Any] = {
            "type": "string",
            "format": "binary",
            "description": "The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.",
        }
        if self.several:
            photo = {"type": "array", "items": photo, "minItems": 1}
        form = self.asked.model_json_schema(ref_template=f"{REF}{{model}}")
        told = {name: without_null(one) for name, one in form["properties"].items()}
        form = form | {
            "title": f"{form['title'].removesuffix('Asked')}{'Batch' if self.several else ''}Form",
            "properties": {"photo": photo, **told},
            "required": list(form.get("required", ())),
        }
        files: Any = ["a.jpg", "b.jpg"] if self.several else "photo.jpg"
        content = {FORM: {"schema": form, "example": {"photo": files, **self.example}}}
        if self.sent is not None:
            sent = self.sent.model_json_schema(ref_template=f"{REF}{{model}}")
            sent["properties"]["crop"]["anyOf"].append(_FOUR_NUMBERS)
            content[JSON] = {"schema": sent, "example": {"photo": EXAMPLE_PHOTO, **self.example}}
        return {"requestBody": {"required": True, "content": content}}


async def _fetched(request: Request, read: Read[Asked], max_bytes: int) -> Read[Asked]:
    """Return a request with the photo that it names by URL.

    Raises:
        ProblemError: 422, it may not or cannot be fetched.
    """
    url = read.asked.photo_url or ""
    settings: ServerSettings = request.app.state.settings
    data = await anyio.to_thread.run_sync(fetch_photo, settings, max_bytes, url)
    return Read([(url, data)], read.asked)


def _fields(model: type[BaseModel], form: FormData) -> dict[str, object]:
    """Return the fields of a form but the photo; those that repeat as lists, true and false."""
    return {
        name: _value(form, name, model.model_fields.get(name))
        for name in dict.fromkeys(form.keys())
        if name != "photo"
    }


def _value(form: FormData, name: str, field: FieldInfo | None) -> object:
    if field is not None and isinstance(field.get_default(), list):
        return form.getlist(name)
    if field is not None and field.annotation is bool:
        return {"true": True, "false": False}.get(str(form[name]), form[name])
    return form[name]


def _faults(error: ValidationError) -> list[dict[str, Any]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**one, "loc": ("body", *one["loc"])} for one in found]
