"""What the label of an item is, for a model whose labels come from a column of the catalogue."""

from collections.abc import Mapping

from indexer.records import Item, Value
from vsearch.taxonomy import CategoryPath, format_path

CATEGORY, ITEM_ID = "category", "item_id"


def label_of(item: Item, column: str) -> str | None:
    """Return the name of the item's label, None where it has no value in the column.

    Args:
        item: an item of the catalogue.
        column: "category" (the primary path), "item_id" or the name of an attribute.
    """
    return label_name(column, item.item_id, item.category, item.attributes)


def label_name(
    column: str,
    item_id: str | None,
    category: CategoryPath | None,
    attributes: Mapping[str, Value],
) -> str | None:
    """Return the name of the label that these values make; see `label_of`."""
    if column == CATEGORY:
        return format_path(category) if category else None
    value = item_id if column == ITEM_ID else attributes.get(column)
    return None if value is None else str(value)
