"""What the labels of an item are, for a model whose labels come from columns of the catalogue."""

import unicodedata
from collections.abc import Mapping, Sequence

from indexer.records import Item, Value
from vsearch.taxonomy import CategoryPath, format_path

CATEGORY, ITEM_ID = "category", "item_id"
PLACES = (CATEGORY, ITEM_ID)  # columns whose labels have one place in the category tree each
SEPARATOR = "|"  # between the labels of one cell, as between further categories
SOLD_HERE = "sold here"  # the one label of a model that only tells the shop's kind from the rest

_TRUE = frozenset(("true", "yes", "y", "on", "1"))
_FALSE = frozenset(("false", "no", "n", "off", "0"))


def labels_of(item: Item, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of the item's labels by column; columns without a value are left out.

    Args:
        item: an item of the catalogue.
        columns: "category" (the primary path), "item_id" or names of attributes.
    """
    return label_names(columns, item.item_id, item.category, item.attributes)


def label_names(
    columns: Sequence[str],
    item_id: str | None,
    category: CategoryPath | None,
    attributes: Mapping[str, Value],
) -> dict[str, tuple[str, ...]]:
    """Return the names of the labels that these values make; see `labels_of`.

    Where labels come from one column they are called as its values are, else `column: value`. An
    attribute may list several values: `Red | Blue`.
    """
    values = {column: _values(attributes.get(column)) for column in columns}
    if CATEGORY in values:
        values[CATEGORY] = (format_path(category),) if category else ()
    if ITEM_ID in values:
        values[ITEM_ID] = () if item_id is None else (item_id,)
    if len(columns) > 1:
        values = {c: tuple(f"{c}: {value}" for value in own) for c, own in values.items()}
    return {column: own for column, own in values.items() if own}


def all_of(names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the labels of all columns."""
    return tuple(name for own in names.values() for name in own)


def _values(cell: Value) -> tuple[str, ...]:
    if not isinstance(cell, str):
        return () if cell is None else (str(cell),)
    parts = (part.strip() for part in cell.split(SEPARATOR))
    return tuple(dict.fromkeys(part for part in parts if part))


def in_order(names: set[str]) -> list[str]:
    """Return labels in the order of the model's outputs: by name, but of a yes and a no yes last.

    Where there are two labels, the last is the positive one.
    """
    return sorted(names, key=lambda name: (reads_as_boolean(names) and _is_true(name), name))


def reads_as_boolean(names: set[str]) -> bool:
    """Say whether these are a yes and a no, in one of the ways to write them."""
    folded = {name.casefold() for name in names}
    return len(names) == 2 and bool(folded & _TRUE) and bool(folded & _FALSE)


def _is_true(name: str) -> bool:
    return name.casefold() in _TRUE


def compared_name(name: str) -> str:
    """Return a name as it is compared: without regard to case, spaces and ways to write letters."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
