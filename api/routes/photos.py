"""`GET /v1/photos/…`: catalogue photos in a few sizes."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from api.access import needs
from api.problems import Kind, ProblemError
from api.routes.context import Pictures, problems
from api.schemas.items import CONTENT_HASH
from api.thumbnails import Size
from vsearch.images import ImageError

CACHING = "public, max-age=31536000, immutable"

router = APIRouter(
    prefix="/v1", tags=["catalogue"], dependencies=[needs("search", open_by="public_photos")]
)

ContentHash = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{64}$",
        description="What the photo is known by, as the addresses in answers have it.",
        examples=[CONTENT_HASH],
    ),
]


@router.get(
    "/photos/{content_hash}",
    operation_id="get_photo",
    response_class=Response,
    responses={
        200: {"description": "The photo.", "content": {"image/jpeg": {}}},
        304: {"description": "The photo is the one that the client has."},
        **problems(
            _404="There is no such photo that may be shown, or its file cannot be read.",
            _422="No content hash, or a size that there is not.",
        ),
    },
)
def photo(
    content_hash: ContentHash,
    pictures: Pictures,
    size: Annotated[Size, Query(description="Pixels of the longer side, at most.")] = Size.MEDIUM,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a catalogue photo; further labelled photos are never shown."""
    try:
        picture = pictures.get(content_hash, size)
    except ImageError as error:
        told = "The photo's file cannot be read at the moment."
        raise ProblemError(404, Kind.NO_PHOTO, told) from error
    if picture is None:
        raise ProblemError(404, Kind.NO_PHOTO, "The shop shows no such photo.")
    headers = {"ETag": f'"{content_hash[:32]}-{size}"', "Cache-Control": CACHING}
    if has(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(picture, media_type="image/jpeg", headers=headers)


def has(if_none_match: str | None, etag: str) -> bool:
    """Say whether a client that sent If-None-Match has this version of a resource already."""
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in known or known == ["*"]
