"""Seeded wrong labels in a shop: photos put under another item, as a careless hand would."""

from collections import defaultdict

import numpy as np

from indexer.label_changes import find_photo, move_photo
from indexer.records import Item
from indexer.shop import Shop


def swap_labels(shop: Shop, share: float, *, within_category: bool, seed: int = 0) -> set[str]:
    """Put a share of the train photos under other items; return the photos' content hashes.

    Args:
        shop: a shop whose labels are right.
        share: of all photos of split train; only further photos are moved.
        within_category: to an item of the same category, else to any other item.
        seed: draws photos and items, uniformly.
    """
    rng = np.random.default_rng(seed)
    pairs = list(shop.catalogue.photos(splits=["train"]))
    others = _others(list(shop.catalogue.items()), within_category)
    movable = [(i, p) for i, p in pairs if p.role == "further" and others[i.key]]
    chosen = rng.choice(len(movable), round(share * len(pairs)), replace=False)
    moved = [movable[place] for place in np.sort(chosen)]
    with shop.catalogue.transaction() as connection:
        for item, photo in moved:
            row = find_photo(connection, item.key, photo.content_hash)
            assert row is not None
            move_photo(connection, row, int(rng.choice(others[item.key])))
    return {photo.content_hash for _, photo in moved}


def _others(items: list[Item], within_category: bool) -> dict[int, list[int]]:
    keys: dict[object, list[int]] = defaultdict(list)
    for item in items:
        keys[item.category if within_category else None].append(item.key)
    return {
        item.key: [
            key for key in keys[item.category if within_category else None] if key != item.key
        ]
        for item in items
    }
