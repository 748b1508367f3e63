"""What is true of the photos that a shop is evaluated with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.labels import ITEM_ID, all_of, label_names
from indexer.manifest import QueryPhoto
from indexer.shop import Shop
from vsearch.taxonomy import CategoryPath, Taxonomy, is_within


@dataclass(frozen=True)
class Truth:
    """What is true of a query: item and category, None where not known, and labels by column."""

    item_id: str | None
    category: CategoryPath | None
    labels: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the labels of all columns."""
        return all_of(self.labels)


def truths(shop: Shop, queries: Sequence[QueryPhoto], columns: Sequence[str]) -> list[Truth]:
    """Return what is true of each query: what it says itself, else what its item's data say.

    Args:
        shop: the shop that knows the items.
        queries: what the manifest says.
        columns: where the model's labels come from.
    """
    keys = shop.catalogue.item_keys({query.item_id for query in queries if query.item_id})
    items = {i.item_id: i for i in shop.catalogue.get_many(list(keys.values())).values()}
    found, edits = [], shop.catalogue.edited_paths()
    for query in queries:
        item = items.get(query.item_id or "")
        category = query.category or (item.category if item else None) or None
        if category:  # the manifest may be older than the last edit of the tree
            category = edits.item_path(query.item_id or "", category) or category
        attributes = (item.attributes if item else {}) | query.attributes
        labels = label_names(columns, query.item_id, category, attributes)
        found.append(Truth(query.item_id, category, labels))
    return found


def own_kind(shop: Shop, known: Sequence[Truth], columns: Sequence[str]) -> NDArray[np.bool_]:
    """Return which queries show what the shop sells, (n,), as finely as its model tells.

    A model of items means the item by that; any other, something of the shop's categories.

    Args:
        shop: the shop.
        known: the truth of each of n queries.
        columns: where the model's labels come from.
    """
    own = sold_here(shop, known)
    if ITEM_ID in columns:
        items = shop.catalogue.item_keys({truth.item_id for truth in known if truth.item_id})
        named = np.array([truth.item_id is not None for truth in known], bool)
        own = np.where(named, [truth.item_id in items for truth in known], own)
    return own


def sold_here(shop: Shop, known: Sequence[Truth]) -> NDArray[np.bool_]:
    """Return which queries show something of the shop's own kind, (n,).

    That is an item of the shop, or something of a category that the shop has, however deep in it.
    """
    items = shop.catalogue.item_keys({truth.item_id for truth in known if truth.item_id})
    filled = set(shop.catalogue.category_counts())
    levels = set(Taxonomy.of(filled).paths)

    def in_the_shop(path: CategoryPath) -> bool:
        # A further kind of fruit is not of the shop because it has some fruit.
        return path in levels or any(is_within(path, category) for category in filled)

    return np.array(
        [
            truth.item_id in items or (truth.category is not None and in_the_shop(truth.category))
            for truth in known
        ],
        bool,
    )
