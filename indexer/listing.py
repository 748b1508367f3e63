"""Items under a filter, a page at a time: what a storefront shows before anybody has a photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.filter_syntax import CATEGORY, Field, Filter, fields_of, within
from indexer.item_columns import ItemColumns
from indexer.records import Item
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.taxonomy import CategoryPath


@dataclass(frozen=True)
class Sort:
    """By which field items are listed; those without a value come last, either way."""

    field: Field
    descending: bool = False

    @classmethod
    def parse(cls, shop: Shop, text: str) -> "Sort":
        """Read `price` or `-price`, the latter for the greatest first.

        Raises:
            ShopError: items have no such field, or it has no order.
        """
        name = text.removeprefix("-")
        fields = shop.columns.fields()
        field = fields.find(name)
        if field is None or field == CATEGORY:
            told = "a category has no order" if field else fields.unknown(name)
            raise ShopError(f"items cannot be listed by “{name}”: {told}")
        return cls(field, text.startswith("-"))


@dataclass(frozen=True)
class Listing:
    """A page of items.

    Attributes:
        items: of this page, in order.
        total: items on all pages.
    """

    items: tuple[Item, ...]
    total: int


def listing(
    shop: Shop,
    categories: Sequence[CategoryPath] = (),
    where: Filter | None = None,
    *,
    text: str | None = None,
    sort: Sort | None = None,
    start: int = 0,
    count: int = 20,
) -> Listing:
    """Return some of the items in state ok for which a filter holds.

    Args:
        shop: the shop.
        categories: only items within one of these; none: all.
        where: only items for which this filter holds; None: all.
        text: only items that have a word of it, the best first where nothing else is asked for.
        sort: the order; None: as they were first imported.
        start: items before the page, at least 0.
        count: of the page, at least 1.

    Raises:
        ValueError: `start` or `count` is too small.
        ShopError: the text has no word, or too many.
    """
    if start < 0 or count < 1:
        raise ValueError(f"a page needs start ≥ 0 and count ≥ 1, not {start} and {count}")
    wanted = within(categories, where)
    fields = {*(fields_of(wanted) if wanted else ()), *((sort.field,) if sort else ())}
    columns = shop.columns.current(fields)
    places = np.flatnonzero(columns.mask(wanted))
    if text is not None:
        places = _worded(shop, columns, places, text)
    if sort is not None:
        places = _sorted(columns, places, sort)
    keys = columns.keys[places[start : start + count]].tolist()
    found = shop.catalogue.get_many(keys)
    # One that went since the columns were read leaves a gap rather than another's place.
    items = (found[key] for key in keys if key in found and found[key].state == "ok")
    return Listing(tuple(items), len(places))


def _worded(
    shop: Shop, columns: ItemColumns, places: NDArray[np.int64], text: str
) -> NDArray[np.int64]:
    """Return the places of items with a word of the text, the best first."""
    ranked = np.fromiter(shop.catalogue.items_by_text(text), np.int64)
    known = ranked[np.isin(ranked, columns.keys[places])]
    return np.searchsorted(columns.keys, known).astype(np.int64, copy=False)


def _sorted(columns: ItemColumns, places: NDArray[np.int64], sort: Sort) -> NDArray[np.int64]:
    """Return places by the sort's field, equal ones in the order they came in."""
    codes = columns.columns[sort.field].codes[places].astype(np.int64)
    ranks = -codes if sort.descending else codes
    ranks[codes < 0] = np.iinfo(np.int64).max
    return places[np.argsort(ranks, kind="stable")]
