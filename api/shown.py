"""Items and hits as documents, with the addresses of the photos that may be shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.schemas.items import HitDocument, ItemDocument
from indexer.grouping import Group
from indexer.records import Item, Photo
from indexer.shop import Shop
from vsearch.taxonomy import format_path

SIZE = 384  # pixels, of the photos that addresses name


class Shown:
    """Describes items for one request.

    Args:
        shop: the shop.
        root_path: what a proxy in front adds to every address.
    """

    def __init__(self, shop: Shop, root_path: str) -> None:
        self._kept = shop.kept
        self._root_path = root_path

    def items(self, items: Sequence[Item]) -> list[ItemDocument]:
        """Describe items."""
        return [ItemDocument(**told) for told in self._told(items)]

    def hits(self, groups: Sequence[Group]) -> list[HitDocument]:
        """Describe hits, each with its variants."""
        return [HitDocument(**told) for told in self.told(groups)]

    def told(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Return what `hits` does as plain values: to make documents takes as long as the rest."""
        told = self._told([group.hit.item for group in groups])
        views = self._kept.photos([group.hit.photo_key for group in groups])
        return [
            {
                **item,
                "score": group.hit.score,
                "view": self._view(group.hit.photo_key, views),
                "variants": [hit.item.item_id for hit in group.others],
            }
            for item, group in zip(told, groups, strict=True)
        ]

    def _told(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        photos = self._kept.shown_hashes([item.key for item in items])
        return [self._item(item, photos.get(item.key, [])) for item in items]

    def _item(self, item: Item, photos: Sequence[str]) -> dict[str, Any]:
        urls = [self._url(content_hash) for content_hash in photos]
        return {
            "item_id": item.item_id,
            "title": item.title,
            "category": format_path(item.category),
            "further_categories": [format_path(path) for path in item.further_paths],
            "group_id": item.group_id,
            "attributes": item.attributes,
            "photo_url": urls[0] if urls else None,
            "photos": urls,
        }

    def _view(self, photo_key: int, views: Mapping[int, Photo]) -> dict[str, Any] | None:
        photo = views.get(photo_key)
        if photo is None:
            return None
        shown = photo.role == "catalogue"
        url = self._url(photo.content_hash) if shown else None
        return {"role": photo.role, "photo_url": url}

    def _url(self, content_hash: str) -> str:
        return f"{self._root_path}/v1/photos/{content_hash}?size={SIZE}"
