"""`GET /v1/categories` and `GET /v1/items/…`: what the shop sells."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from api.photos import catalogue_photo
from api.problems import Kind, ProblemError
from api.routes.context import OpenShop, PhotoUrls, problems
from api.schemas import CategoryTree, ItemDocument
from indexer.records import Item
from indexer.shop import Shop
from vsearch.images import ImageError, content_hash
from vsearch.photo_problems import format_of

router = APIRouter(prefix="/v1", tags=["catalogue"])

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}
CACHING = "public, max-age=300"


@router.get("/categories")
def categories(shop: OpenShop) -> CategoryTree:
    """Return the tree of categories with the number of items in each."""
    return CategoryTree.of(shop.catalogue.category_counts())


# An id may hold slashes, hence `:path`; the photo's route must come first, as it is the longer one.
@router.get(
    "/items/{item_id:path}/photo",
    response_class=Response,
    responses={
        200: {"description": "The photo as it is stored.", "content": {"image/*": {}}},
        304: {"description": "The photo is the one that the client has."},
        **problems(_404="No such item, or it has no photo that can be shown."),
    },
)
def item_photo(
    item_id: str, shop: OpenShop, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return an item's first catalogue photo; further labelled photos are never shown."""
    data, media_type = _shown_photo(shop, _item(shop, item_id))
    etag = f'"{content_hash(data)}"'
    headers = {"ETag": etag, "Cache-Control": CACHING}
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if etag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


@router.get("/items/{item_id:path}", responses=problems(_404="No such item."))
def item(item_id: str, shop: OpenShop, photo_url: PhotoUrls) -> ItemDocument:
    """Return an item."""
    return ItemDocument.of(_item(shop, item_id), photo_url)


def _item(shop: Shop, item_id: str) -> Item:
    found = shop.catalogue.get(item_id)
    if found is None or found.state != "ok":
        raise ProblemError(404, Kind.UNKNOWN_ITEM, f"The shop has no item “{item_id}”.")
    return found


def _shown_photo(shop: Shop, item: Item) -> tuple[bytes, str]:
    """Return a photo and its media type.

    The file may have become something else since it was imported: only images leave the shop.
    """
    told = f"The catalogue photo of item “{item.item_id}” cannot be read at the moment."
    try:
        data = catalogue_photo(shop, item)
    except ImageError as error:
        raise ProblemError(404, Kind.NO_PHOTO, told) from error
    media_type = MEDIA_TYPES.get(format_of(data) or "")
    if media_type is None:
        raise ProblemError(404, Kind.NO_PHOTO, told)
    return data, media_type
