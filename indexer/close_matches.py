"""“This very photo is already in the catalogue”: the same file, or a copy of the same picture."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cachetools import LRUCache
from PIL import Image

from indexer.records import Photo
from indexer.same_photo import SamePhoto
from indexer.search_hits import SearchHit
from indexer.shop import Shop
from vsearch.difference_hash import NEAR_BITS, Look, bits_apart, bits_of, is_copy
from vsearch.images import ImageError, content_hash, decode, read_photo

HITS = 3  # the first hits that are looked at
NEAR_COSINE = 0.6  # copies of one picture are as similar; see `near_duplicates`
_SHORTER_SIDE = 64  # pixels decoded at least
# A glance, made smaller still, is small in another way than catalogue photos are: of 160 copies it
# was 22 bits apart from those at most. As far apart as this, a photo is no copy; with 8 bits more
# one search of nine decoded its photo again for nothing.
_FAR_BITS = NEAR_BITS + 16

# Looks of catalogue photos by content hash, in memory: 8 MB at most. To read and decode three of
# them took a fifth of a search. What a hash names never changes, so all shops may share them.
_looks: LRUCache[str, Look] = LRUCache(8192)
_lock = threading.Lock()


@dataclass(frozen=True)
class SentPhoto:
    """A photo that was searched with.

    Attributes:
        data: its file, which can be decoded.
        glance: the photo small, as `load_with_glance` returns it, by which nearly all that are no
            copies are told without decoding them again; None: there is none.
    """

    data: bytes
    glance: Image.Image | None = None


def same_photo(shop: Shop, sent: SentPhoto, hits: Sequence[SearchHit]) -> SamePhoto | None:
    """Return whose photo this is, if the catalogue has it.

    The same file is found whatever the hits are; a copy among the views of the first `HITS`.
    Held-out photos are not of the catalogue.

    Args:
        shop: the shop.
        sent: the query.
        hits: what was found for it, best first.
    """
    item_id = shop.catalogue.item_with_photo(content_hash(sent.data))
    if item_id is not None:
        return SamePhoto(item_id, same_file=True)
    near = [hit for hit in hits[:HITS] if hit.score >= NEAR_COSINE]
    if not near:
        return None
    photos = shop.kept.photos([hit.photo_key for hit in near])
    looks = _looks_of(shop, photos.values())
    shown = [
        (hit.item.item_id, look)
        for hit in near
        if (photo := photos.get(hit.photo_key)) and (look := looks.get(photo.content_hash))
    ]
    copied = _copied(shop, sent, shown)
    return None if copied is None else SamePhoto(copied, same_file=False)


def _copied(shop: Shop, sent: SentPhoto, shown: Sequence[tuple[str, Look]]) -> str | None:
    """Return the first of some items whose photo this is a copy of, by item_id and look.

    A photo that was much larger than the catalogue's is found by its glance, any other more surely
    as catalogue photos are looked at, which takes another decoding.
    """
    if sent.glance is not None:
        bits = bits_of(sent.glance.convert("L").reduce(2))
        shown = [one for one in shown if bits_apart(bits, one[1].bits) <= _FAR_BITS]
    if not shown:
        return None
    own = [_look(shop, sent.data)]
    if sent.glance is not None:
        own.append(Look.of(sent.glance))
    return next(
        (item_id for item_id, look in shown if any(is_copy(one, look) for one in own)), None
    )


def _looks_of(shop: Shop, photos: Collection[Photo]) -> dict[str, Look]:
    """Return the looks of catalogue photos by content hash, those left out that are not there."""
    with _lock:
        known = {p.content_hash: look for p in photos if (look := _looks.get(p.content_hash))}
    new = [photo for photo in photos if photo.content_hash not in known]
    if new:
        found = shop.catalogue.looks([photo.content_hash for photo in new])
        for photo in new:
            if photo.content_hash not in found:
                try:
                    data = read_photo(photo.path, max_bytes=shop.settings.max_bytes)
                    found[photo.content_hash] = _look(shop, data)
                except ImageError:
                    continue  # the photo's file is gone; its embedding is not
        with _lock:
            _looks.update(found)
        known |= found
    return known


def _look(shop: Shop, data: bytes) -> Look:
    photo = decode(data, max_pixels=shop.settings.max_pixels, shorter_side=_SHORTER_SIDE)
    return Look.of(photo)
