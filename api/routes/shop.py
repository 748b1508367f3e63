"""`GET /v1/shop`: which shop this is, and what a request may ask for."""

from fastapi import APIRouter

from api.access import needs
from api.routes.context import OpenShop, Settings
from api.schemas.shop import ShopDocument

router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[needs("search")])


@router.get("/shop", operation_id="get_shop")
def told(shop: OpenShop, settings: Settings) -> ShopDocument:
    """Return the shop's name, what serves, and the limits of requests."""
    current = shop.current()
    return ShopDocument(
        name=shop.settings.name,
        model=current.model,
        index=current.index,
        max_photo_bytes=settings.max_bytes or shop.settings.max_bytes,
        max_photo_pixels=shop.settings.max_pixels,
        max_photos=settings.max_batch,
        max_top_k=settings.max_top_k,
    )
