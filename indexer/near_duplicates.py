"""Copies of the same picture among a shop's photos, and those that several items share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from indexer.records import Item, Photo
from indexer.shop import Shop
from vsearch.data import LabelledPhoto, PhotoLimits
from vsearch.difference_hash import NEAR_LEVELS, Look, levels_apart, near_pairs
from vsearch.features import DECODERS, ahead
from vsearch.folds import grouped
from vsearch.images import ImageError, decode
from vsearch.progress import Progress, silent

# Copies of one photo are as similar to the network (measured: .69 and more of photos half as wide),
# where both embeddings are known.
NEAR_COSINE = 0.6
_BATCH = 512  # looks committed, or read, at a time
_SHORTER_SIDE = 64  # pixels decoded at least


@dataclass(frozen=True)
class SharedPhoto:
    """A photo of an item that shows the same picture as one of another item.

    Attributes:
        item: whose photo it is.
        photo: the photo.
        accepted: whether a person has decided that it may.
    """

    item: Item
    photo: Photo
    accepted: bool = False


@dataclass(frozen=True)
class DuplicateGroup:
    """Photos of several items that are the same picture.

    Attributes:
        photos: in the order of the catalogue.
        variants: whether all their items are variants of one product (one `group_id`).
        same_bytes: whether the files are identical.
        alike: the least cosine similarity among them; None where no two embeddings are known.
    """

    photos: tuple[SharedPhoto, ...]
    variants: bool
    same_bytes: bool
    alike: float | None

    def others(self, item_id: str) -> list[str]:
        """Return the ids of the items other than this one."""
        ids = dict.fromkeys(shared.item.item_id for shared in self.photos)
        return [one for one in ids if one != item_id]


def looks_of(
    shop: Shop, photos: Sequence[Photo], progress: Progress = silent
) -> tuple[dict[str, Look], dict[str, str]]:
    """Return how photos look by content hash, and why by path of those that cannot be read.

    What was looked at before is not decoded again.
    """
    hashes = list({photo.content_hash: None for photo in photos})
    looks: dict[str, Look] = {}
    for start in range(0, len(hashes), _BATCH):
        looks |= shop.catalogue.looks(hashes[start : start + _BATCH])
    missing = list({p.content_hash: p for p in photos if p.content_hash not in looks}.values())
    unreadable: dict[str, str] = {}
    progress("look", 0, len(missing))

    def look(photo: Photo) -> Look | str:
        try:
            return _look(shop, photo)
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(DECODERS) as pool:
        found = zip(missing, ahead(pool, look, missing), strict=True)
        done = 0
        while batch := list(islice(found, _BATCH)):
            new = [(photo.content_hash, seen) for photo, seen in batch if isinstance(seen, Look)]
            shop.catalogue.put_looks(new)
            looks |= dict(new)
            unreadable |= {str(p.path): seen for p, seen in batch if isinstance(seen, str)}
            done += len(batch)
            progress("look", done, len(missing))
    return looks, unreadable


def copies(
    hashes: Sequence[str],
    looks: Mapping[str, Look],
    embeddings: Mapping[str, NDArray[np.float32]],
) -> dict[str, int]:
    """Return the number of each content hash's picture; copies of one picture share a number.

    Args:
        hashes: distinct content hashes.
        looks: how they look; one without a look is a picture of its own.
        embeddings: their unit vectors, where known; a copy has to be similar to the network, too.
    """
    seen = [place for place, content in enumerate(hashes) if content in looks]
    found = [np.zeros((0, 2), np.int64)]
    if seen:
        bits = np.stack([looks[hashes[place]].bits for place in seen])
        places = np.stack([looks[hashes[place]].places for place in seen])
        known = [embeddings.get(hashes[place]) for place in seen]
        for pairs in near_pairs(bits):
            for start in range(0, len(pairs), _BATCH):
                few = pairs[start : start + _BATCH]
                found.append(few[_similar(few, known) & _same_colours(few, places)])
    joined = np.array(seen, np.int64)[np.concatenate(found)]
    numbers = grouped(joined.reshape(-1, 2), len(hashes))
    return dict(zip(hashes, numbers.tolist(), strict=True))


def shared_photos(
    photos: Iterable[tuple[Item, Photo]],
    pictures: Mapping[str, int],
    accepted: set[tuple[str, str]],
    embeddings: Mapping[str, NDArray[np.float32]],
) -> list[DuplicateGroup]:
    """Return the pictures that several items have, those within one product last.

    Groups all of whose photos a person has accepted are left out.

    Args:
        photos: of the catalogue, in its order.
        pictures: see `copies`.
        accepted: content hash and item id of photos that may be shared.
        embeddings: their unit vectors, where known.
    """
    members: dict[int, list[SharedPhoto]] = defaultdict(list)
    for item, photo in photos:
        known = (photo.content_hash, item.item_id) in accepted
        members[pictures[photo.content_hash]].append(SharedPhoto(item, photo, known))
    groups = [
        _group(shared, embeddings)
        for shared in members.values()
        if len({one.item.key for one in shared}) > 1 and not all(one.accepted for one in shared)
    ]
    return sorted(groups, key=lambda group: group.variants)


def _same_colours(pairs: NDArray[np.int64], places: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return levels_apart(places[pairs[:, 0]], places[pairs[:, 1]]) <= NEAR_LEVELS


def _similar(
    pairs: NDArray[np.int64], known: Sequence[NDArray[np.float32] | None]
) -> NDArray[np.bool_]:
    """Say which pairs the network finds similar, or knows too little about."""

    def similar(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> bool:
        return one is None or other is None or float(one @ other) >= NEAR_COSINE

    return np.array([similar(known[one], known[other]) for one, other in pairs.tolist()], bool)


def _group(
    shared: Sequence[SharedPhoto], embeddings: Mapping[str, NDArray[np.float32]]
) -> DuplicateGroup:
    products = {one.item.group_id for one in shared}
    hashes = {one.photo.content_hash for one in shared}
    known = [embeddings[content] for content in sorted(hashes) if content in embeddings]
    vectors = np.stack(known) if len(known) > 1 else None
    least = None if vectors is None else float((vectors @ vectors.T).min())
    return DuplicateGroup(
        photos=tuple(shared),
        variants=len(products) == 1 and None not in products,
        same_bytes=len(hashes) == 1,
        alike=1.0 if len(hashes) == 1 else least,
    )


def _look(shop: Shop, photo: Photo) -> Look:
    limits = PhotoLimits(shop.settings.max_bytes, shop.settings.max_pixels)
    data = LabelledPhoto(photo.path, photo.content_hash, (), catalogue=False).read(limits)
    return Look.of(decode(data, max_pixels=limits.max_pixels, shorter_side=_SHORTER_SIDE))
