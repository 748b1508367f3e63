"""Which items of a category that is split go where."""

from collections.abc import Callable, Mapping
from pathlib import Path

from indexer.category_edits_checks import listed
from indexer.category_edits_records import items_of
from indexer.columns import Columns, column_name, read_category, read_id
from indexer.filter_syntax import Filter
from indexer.rows import Row, read_rows
from indexer.shop import Shop
from vsearch.errors import CategoryError, ManifestError
from vsearch.taxonomy import CategoryPath, format_path

Parts = Mapping[str, CategoryPath]
"""The new category of each item that goes, by item id."""

PartsOf = Callable[[CategoryPath], Parts]
"""From the category to its parts."""


def by_filter(shop: Shop, name: str, where: Filter, *, siblings: bool = False) -> PartsOf:
    """Let the items that a filter holds for go to one new category.

    Args:
        shop: the shop.
        name: of the new category.
        where: the filter.
        siblings: whether it lies beside the old one; else within it.
    """

    def parts(source: CategoryPath) -> Parts:
        path = _place(source, name, siblings=siblings)
        matching = set(shop.columns.matching_keys(where).tolist())
        return {item_id: path for key, item_id in _items(shop, source).items() if key in matching}

    return parts


def by_attribute(shop: Shop, attribute: str, *, siblings: bool = False) -> PartsOf:
    """Let each item go to a new category that is called as its value of an attribute.

    Args:
        shop: the shop.
        attribute: items without a value of it stay.
        siblings: whether the new categories lie beside the old one; else within it.

    Raises:
        CategoryError: the items have no such attribute.
    """
    types, column = shop.catalogue.attribute_types(), column_name(attribute)
    if column not in types:
        raise CategoryError(f"the items have no attribute “{attribute}”; they have {listed(types)}")

    def parts(source: CategoryPath) -> Parts:
        items = shop.catalogue.get_many(list(_items(shop, source)))
        values = {item.item_id: item.attributes.get(column) for item in items.values()}
        return {
            item_id: _place(source, str(value), siblings=siblings)
            for item_id, value in values.items()
            if value is not None
        }

    return parts


def by_file(shop: Shop, file: Path, *, siblings: bool = False) -> PartsOf:
    """Let items go where the rows of a file say: `item_id` and `category`.

    Args:
        shop: the shop.
        file: a manifest of these two columns; `category` is a whole path, or one new name.
        siblings: whether categories that are told by one name lie beside the old one; else within.

    Raises:
        ManifestError: the file cannot be read, or lacks a column.
    """
    rows = list(read_rows(file))
    names = [column_name(name) for name in (rows[0].values if rows else ())]
    columns = Columns.of(names, names)
    if columns.item_id is None or not columns.category:
        raise ManifestError(f"{file} needs the columns item_id and category")

    def parts(source: CategoryPath) -> Parts:
        own, found = set(_items(shop, source).values()), dict[str, CategoryPath]()
        for row in rows:
            item_id, path = _read(row, columns, file)
            if item_id not in own:
                raise CategoryError(
                    f"{file.name}, row {row.number}: “{item_id}” is no item of "
                    f"“{format_path(source)}”"
                )
            one_name = len(path) == 1
            found[item_id] = _place(source, path[0], siblings=siblings) if one_name else path
        return found

    return parts


def _read(row: Row, columns: Columns, file: Path) -> tuple[str, CategoryPath]:
    cells = {column_name(name): cell for name, cell in row.values.items()}
    try:
        if row.problem:
            raise ValueError(row.problem)
        item_id = read_id(cells.get(columns.item_id or ""))
        return item_id, read_category([cells.get(name) for name in columns.category])
    except ValueError as error:
        raise ManifestError(f"{file.name}, row {row.number}: {error}") from error


def _place(source: CategoryPath, name: str, *, siblings: bool) -> CategoryPath:
    return (*(source[:-1] if siblings else source), " ".join(name.split()))


def _items(shop: Shop, source: CategoryPath) -> dict[int, str]:
    """Return key and id of the category's items in state ok, those below it left out."""
    with shop.catalogue.frozen() as connection:
        rows = items_of(connection, source)
    return {row["item_key"]: row["item_id"] for row in rows if row["state"] == "ok"}
