"""`PUT`, `POST` and `DELETE` of items: changes that are found, or gone, when they are answered."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter

from api.access import needs
from api.item_path import ITEM
from api.problems import Kind, ProblemError
from api.routes.context import Live, OpenShop, Settings, problems
from api.routes.filtered import ItemPath
from api.schemas.writing import (
    DeletedDocument,
    ItemInput,
    ItemsInput,
    NamedItem,
    UpsertDocument,
)
from api.taking_in import take_in
from indexer.embedding import PhotoEmbedder
from vsearch.errors import FingerprintMismatchError

router = APIRouter(
    prefix="/v1",
    tags=["changes"],
    dependencies=[needs("write")],
    responses=problems(
        _413="The request has too many bytes.",
        _422="An item, or a photo of it, cannot be taken in.",
        _503="Another model is just taking over: ask again.",
    ),
)


@router.put(ITEM, operation_id="put_item")
def put(
    item_id: ItemPath, item: ItemInput, shop: OpenShop, live: Live, settings: Settings
) -> UpsertDocument:
    """Add or change an item with all its photos, so that it is found when this is answered."""
    named = NamedItem.model_construct(item_id=item_id, **dict(item))
    told = _taken_in(shop, live, settings, [named])
    if told.rejected:
        first = told.rejected[0]
        raise ProblemError(
            422,
            Kind.REJECTED_ITEM,
            f"Item “{item_id}” was not taken in: {first.reason}",
            errors=[{"field": one.field, "message": one.reason} for one in told.rejected],
        )
    return told


@router.post("/items", operation_id="post_items")
def post(given: ItemsInput, shop: OpenShop, live: Live, settings: Settings) -> UpsertDocument:
    """Add or change several items; one that cannot be taken in does not stop the others."""
    return _taken_in(shop, live, settings, given.items)


@router.delete(ITEM, operation_id="delete_item", responses=problems(_404="No such item."))
def delete(item_id: ItemPath, shop: OpenShop) -> DeletedDocument:
    """Take an item out with its photos: no search finds it from now on."""
    report = shop.delete([item_id])
    if report.unknown:
        raise ProblemError(404, Kind.UNKNOWN_ITEM, f"The shop has no item “{item_id}”.")
    return DeletedDocument(item_id=item_id, photos_deleted=report.photos_deleted)


def _taken_in(
    shop: OpenShop, live: Live, settings: Settings, items: list[NamedItem]
) -> UpsertDocument:
    max_bytes = settings.max_bytes or shop.settings.max_bytes
    try:
        with _network(shop, live) as network:
            report, rejected = take_in(shop, items, network, max_bytes)
    except FingerprintMismatchError as error:
        told = "Another model is just taking over: ask again in a few seconds."
        raise ProblemError(503, Kind.BUSY, told, headers={"Retry-After": "3"}) from error
    return UpsertDocument(
        added=report.added,
        changed=report.changed,
        unchanged=report.unchanged,
        searchable=report.searchable,
        waiting=report.waiting,
        embedded=report.embedded,
        rejected=rejected,
    )


@contextmanager
def _network(shop: OpenShop, live: Live) -> Iterator[PhotoEmbedder | None]:
    """Hold the network that serves; None before the first build."""
    if shop.current().index is None:
        yield None
        return
    with live.hold(photos=0) as pair:
        yield pair.network
