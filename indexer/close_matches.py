"""“This very photo is already in the catalogue”: the same file, or a copy of the same picture."""

from collections.abc import Sequence

from indexer.same_photo import SamePhoto
from indexer.search_hits import SearchHit
from indexer.shop import Shop
from vsearch.difference_hash import Look, is_copy
from vsearch.images import ImageError, content_hash, decode, read_photo

HITS = 3  # the first hits that are looked at
NEAR_COSINE = 0.6  # copies of one picture are as similar; see `near_duplicates`
_SHORTER_SIDE = 64  # pixels decoded at least


def same_photo(shop: Shop, data: bytes, hits: Sequence[SearchHit]) -> SamePhoto | None:
    """Return whose photo this is, if the catalogue has it.

    The same file is found whatever the hits are; a copy among the views of the first `HITS`.
    Held-out photos are not of the catalogue.

    Args:
        shop: the shop.
        data: the query's file, which can be decoded.
        hits: what was found for it, best first.
    """
    item_id = shop.catalogue.item_with_photo(content_hash(data))
    if item_id is not None:
        return SamePhoto(item_id, same_file=True)
    near = [hit for hit in hits[:HITS] if hit.score >= NEAR_COSINE]
    if not near:
        return None
    own = _look(shop, data)
    photos = shop.catalogue.photos_by_key([hit.photo_key for hit in near])
    hashes = [photo.content_hash for photo in photos.values()]
    looks = shop.catalogue.looks(hashes)
    for hit in near:
        photo = photos.get(hit.photo_key)
        if photo is None:
            continue
        look = looks.get(photo.content_hash)
        if look is None:
            try:
                look = _look(shop, read_photo(photo.path, max_bytes=shop.settings.max_bytes))
            except ImageError:
                continue  # the photo's file is gone; its embedding is not
        if is_copy(own, look):
            return SamePhoto(hit.item.item_id, same_file=False)
    return None


def _look(shop: Shop, data: bytes) -> Look:
    photo = decode(data, max_pixels=shop.settings.max_pixels, shorter_side=_SHORTER_SIDE)
    return Look.of(photo)
