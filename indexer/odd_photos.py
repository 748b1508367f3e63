"""Photos that look more like another item's photos than like their own item's others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.records import Item, Photo
from vsearch.progress import Progress, silent

_BLOCK = 256  # photos compared with all others at a time
_NONE = -2.0  # less than any cosine


@dataclass(frozen=True)
class OddPhoto:
    """A photo whose nearest view is another item's.

    Attributes:
        item: whose photo it is.
        photo: the photo.
        nearest_item: whose view is nearest.
        nearest_photo: that view.
        own: cosine similarity with the nearest of the item's other photos.
        other: cosine similarity with the nearest view of another item.
    """

    item: Item
    photo: Photo
    nearest_item: Item
    nearest_photo: Photo
    own: float
    other: float

    @property
    def gap(self) -> float:
        """By how much the other item's view is nearer."""
        return self.other - self.own


def odd_photos(
    views: Sequence[tuple[Item, Photo]],
    vectors: NDArray[np.float32],
    progress: Progress = silent,
) -> list[OddPhoto]:
    """Return the odd photos, the widest gap first.

    Items with a single view have nothing to disagree with. Variants of the same product (one
    `group_id`) are not held against one another. Every view is compared with every other.

    Args:
        views: photos with their items.
        vectors: shape (n, dim), float32, unit length: their embeddings.
        progress: told of the stage "compare", in photos.
    """
    items = np.array([item.key for item, _ in views], np.int64)
    kin = _numbers([item.group_id or item.key for item, _ in views])
    found: list[OddPhoto] = []
    progress("compare", 0, len(views))
    for start in range(0, len(views), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(views)))
        cosines = vectors[rows] @ vectors.T
        own = np.where(items[rows, None] == items[None], cosines, _NONE)
        own[np.arange(len(rows)), rows] = _NONE
        other = np.where(kin[rows, None] == kin[None], _NONE, cosines)
        best_own, nearest = own.max(axis=1), other.argmax(axis=1)
        best_other = other[np.arange(len(rows)), nearest]
        odd = np.flatnonzero((best_own > _NONE) & (best_other > best_own))
        for i in odd:
            (item, photo), (near_item, near_photo) = views[rows[i]], views[nearest[i]]
            similar = float(best_own[i]), float(best_other[i])
            found.append(OddPhoto(item, photo, near_item, near_photo, *similar))
        progress("compare", int(rows[-1]) + 1, len(views))
    return sorted(found, key=lambda one: -one.gap)


def _numbers(names: Sequence[str | int]) -> NDArray[np.int64]:
    place: dict[str | int, int] = {}
    return np.array([place.setdefault(name, len(place)) for name in names], np.int64)
