"""The one photo of an item that may be shown."""

from indexer.records import Item
from indexer.shop import Shop
from vsearch.images import ImageError, ImageProblem, read_photo


def catalogue_photo(shop: Shop, item: Item) -> bytes:
    """Return the bytes of an item's first catalogue photo.

    Further labelled photos, which may be customers', never leave the shop: whatever shows a photo
    of an item asks here.

    Raises:
        ImageError: the item has no catalogue photo, or its file cannot be read.
    """
    for photo in shop.catalogue.photos_of(item.key):
        if photo.role == "catalogue":
            return read_photo(photo.path, max_bytes=shop.settings.max_bytes)
    raise ImageError(ImageProblem.MISSING, f"item “{item.item_id}” has no catalogue photo")
