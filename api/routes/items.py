"""`GET /v1/items` and `/v1/items/…`: what the shop sells, and what looks like it."""

import time
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from api.access import needs
from api.item_path import ITEM, PHOTO, SIMILAR
from api.pages import (
    GROUP,
    MIN_SCORE,
    PAGE,
    TOP_K,
    Page,
    PageSize,
    found_groups,
    hits_needed,
    page_count,
)
from api.photos import catalogue_photo
from api.problems import Kind, ProblemError
from api.routes.context import Documents, Live, OpenShop, Settings, problems
from api.routes.filtered import ItemPath, QueryFilter
from api.routes.photos import has
from api.schemas import ItemDocument, ItemPage
from api.schemas.answers import SimilarAnswer
from api.schemas.asking import SearchText, SortText
from indexer.grouping import Grouping
from indexer.listing import Sort, listing
from indexer.records import Item
from indexer.search import SearchHit
from indexer.shop import Shop
from vsearch.errors import CategoryError, ShopError
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
NO_ITEM = "No such item."


@router.get(
    "/items",
    operation_id="list_items",
    dependencies=[needs("search")],
    responses=problems(_422="No such category or field, or the filter is not understood."),
)
def items(
    shop: OpenShop,
    documents: Documents,
    asked: QueryFilter,
    text: Annotated[
        SearchText | None,
        Query(description="Only items that have a word of this, the best first; 1 to 32 words."),
    ] = None,
    sort: Annotated[
        SortText | None,
        Query(
            description="A field to sort by, `-` before it for the greatest first.",
            examples=["-price"],
        ),
    ] = None,
    page: Page = 1,
    page_size: PageSize = 24,
) -> ItemPage:
    """Return a page of the items under a filter."""
    try:
        order = Sort.parse(shop, sort) if sort else None
        found = listing(
            shop,
            asked.categories,
            asked.where,
            text=text or None,
            sort=order,
            start=(page - 1) * page_size,
            count=page_size,
        )
    except ShopError as error:
        raise ProblemError(422, Kind.INVALID_REQUEST, str(error)) from error
    return ItemPage(
        items=documents.items(found.items),
        total=found.total,
        page=page,
        pages=page_count(found.total, page_size),
    )


# What is asked of an item by a word after its id comes before the item itself.
@router.get(
    PHOTO,
    operation_id="get_item_photo",
    dependencies=[needs("search", open_by="public_photos")],
    response_class=Response,
    responses={
        200: {"description": "The photo as it is stored.", "content": {"image/*": {}}},
        304: {"description": "The photo is the one that the client has."},
        **problems(_404="No such item, or it has no photo that can be shown."),
    },
)
def item_photo(
    item_id: ItemPath, shop: OpenShop, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return an item's first catalogue photo; further labelled photos are never shown."""
    data, media_type = _shown_photo(shop, _item(shop, item_id))
    headers = {"ETag": f'"{content_hash(data)}"', "Cache-Control": CACHING}
    if has(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


@router.get(
    SIMILAR,
    operation_id="find_similar_items",
    dependencies=[needs("search")],
    responses=problems(
        _404=NO_ITEM,
        _409="The item waits for its embedding.",
        _422="No such category or field, or the filter is not understood.",
        _503="The shop has no model and index yet.",
    ),
)
def similar(
    item_id: ItemPath,
    shop: OpenShop,
    live: Live,
    settings: Settings,
    documents: Documents,
    asked: QueryFilter,
    top_k: Annotated[int, Query(ge=1, description=TOP_K)] = 10,
    page: Annotated[int, Query(ge=1, description=PAGE)] = 1,
    min_score: Annotated[float, Query(ge=-1, le=1, description=MIN_SCORE)] = -1.0,
    group: Annotated[Grouping, Query(description=GROUP)] = "none",
) -> SimilarAnswer:
    """Return the items that look like an item, itself left out."""
    started = time.perf_counter()
    hits_needed(top_k, page, settings.max_top_k)
    item = _item(shop, item_id)
    searcher = live.searcher()

    def search(count: int) -> list[SearchHit]:
        return searcher.items.similar(
            item_id,
            top_k=count,
            categories=asked.categories,
            where=asked.where,
            min_score=min_score,
        )

    try:
        groups = found_groups(search, top_k, page, group)
    except CategoryError:
        raise
    except ShopError as error:
        raise ProblemError(409, Kind.NOT_EMBEDDED, f"{error}.") from error
    total = asked.count_beside(shop, item)
    return SimilarAnswer(
        hits=documents.hits(groups),
        total=total,
        page=page,
        pages=page_count(min(total, settings.max_top_k), top_k),
        model=searcher.embedder.model_fingerprint,
        index=searcher.version.name,
        timings={"total": 1e3 * (time.perf_counter() - started)},
    )


@router.get(
    ITEM,
    operation_id="get_item",
    dependencies=[needs("search")],
    responses=problems(_404=NO_ITEM),
)
def item(item_id: ItemPath, shop: OpenShop, documents: Documents) -> ItemDocument:
    """Return an item."""
    (document,) = documents.items([_item(shop, item_id)])
    return document


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
