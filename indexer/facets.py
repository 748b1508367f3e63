"""Facets: how many items there are of each value under a filter.

Counted are items in state ok, whether or not they are in an index already. With `multi_select` a
facet passes over its own selection, so that a shopper who has chosen red still sees how many blue
ones there are: parts of the filter's outermost `and` that ask for nothing but the facet's field
are left out for that facet. A filter `colour = 'red' and price < 50` counts colours among the items
below 50, and prices among the red ones. Without it every facet counts what the filter leaves.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.filter_syntax import (
    CATEGORY,
    And,
    Field,
    Filter,
    Operand,
    all_of,
    fields_of,
    predicates,
)
from indexer.histogram import Bucket, histogram
from indexer.item_columns import Column, ItemColumns
from vsearch.taxonomy import CategoryPath, ancestors, format_path

TOP = 20
BUCKETS = 10


@dataclass(frozen=True)
class ValueFacet:
    """The values of a text or bool field.

    Attributes:
        name: of the field.
        counts: the commonest values with their numbers of items, equal ones in ascending order;
            values that the filter names are always among them, even with none.
        others: items with any other value.
        missing: items without a value.
    """

    name: str
    counts: tuple[tuple[str | bool, int], ...]
    others: int
    missing: int

    def to_json(self) -> dict[str, object]:
        """Return what programs read."""
        values = [{"value": value, "count": count} for value, count in self.counts]
        return {
            "name": self.name,
            "values": values,
            "others": self.others,
            "missing": self.missing,
        }


@dataclass(frozen=True)
class NumberFacet:
    """The values of a number field.

    Attributes:
        name: of the field.
        minimum, maximum: None where no item has a value.
        buckets: numbers of items between round bounds of equal distance.
        missing: items without a value.
    """

    name: str
    minimum: int | float | None
    maximum: int | float | None
    buckets: tuple[Bucket, ...]
    missing: int

    def to_json(self) -> dict[str, object]:
        """Return what programs read."""
        return asdict(self)


@dataclass(frozen=True)
class CategoryCount:
    """The items of one category: `own` on that very path, `subtree` on it or below it.

    An item with several paths counts once for each category that holds any of them.
    """

    path: CategoryPath
    own: int
    subtree: int


@dataclass(frozen=True)
class CategoryFacet:
    """The tree of the categories that hold items, each after the one above it."""

    name: str
    counts: tuple[CategoryCount, ...]

    def to_json(self) -> dict[str, object]:
        """Return what programs read."""
        counts = [
            {"path": format_path(count.path), "own": count.own, "subtree": count.subtree}
            for count in self.counts
        ]
        return {"name": self.name, "categories": counts}


Facet = ValueFacet | NumberFacet | CategoryFacet


def facets(
    columns: ItemColumns,
    fields: Sequence[Field],
    wanted: Filter | None = None,
    *,
    multi_select: bool = True,
    top: int = TOP,
    buckets: int = BUCKETS,
    among: NDArray[np.int64] | None = None,
) -> list[Facet]:
    """Count the items under a filter by the values of fields.

    Args:
        columns: the fields, and those of the filter, must be among them.
        fields: one facet each.
        wanted: the filter; None: all items.
        multi_select: whether a facet passes over its own selection; see the module.
        top: how many values of a text field are told.
        buckets: at most so many for a number field.
        among: shape (items,), int64: count only these items, such as those with rows in an index.

    Raises:
        ValueError: `top` is less than 1, or `buckets` less than 2.
    """
    if top < 1 or buckets < 2:
        raise ValueError(f"top must be at least 1 and buckets 2, not {top} and {buckets}")
    base = columns.live if among is None else np.isin(columns.keys, among)
    masks: dict[Filter | None, NDArray[np.bool_]] = {}
    found: list[Facet] = []
    for field in fields:
        left = without_own(wanted, field) if multi_select else wanted
        if left not in masks:
            masks[left] = base & columns.mask(left)
        counted = _Counted.of(columns.columns[field], masks[left])
        if field == CATEGORY:
            found.append(_category_facet(counted))
        elif field.kind == "number":
            found.append(_number_facet(field.name, counted, buckets))
        else:
            found.append(_value_facet(field.name, counted, top, _named(wanted, field)))
    return found


def without_own(wanted: Filter | None, field: Field) -> Filter | None:
    """Return a filter without the parts of its outermost `and` that ask for one field alone."""
    if wanted is None:
        return None
    parts = wanted.parts if isinstance(wanted, And) else (wanted,)
    left = [part for part in parts if fields_of(part) != {field}]
    return all_of(*left) if left else None


@dataclass(frozen=True)
class _Counted:
    """A column's entries that some items have: ascending, each with its count, at least one."""

    entries: list[Any]
    counts: NDArray[np.int64]
    missing: int

    @classmethod
    def of(cls, column: Column, mask: NDArray[np.bool_]) -> "_Counted":
        counts = np.bincount(column.codes[mask] + 1, minlength=len(column.entries) + 1)
        used = np.flatnonzero(counts[1:])
        return cls([column.entries[place] for place in used], counts[1:][used], int(counts[0]))


def _named(wanted: Filter | None, field: Field) -> set[Operand]:
    """Return the values that a filter names for a field."""
    return {
        operand
        for predicate in (predicates(wanted) if wanted is not None else ())
        if predicate.field == field and predicate.operator in {"=", "in"}
        for operand in predicate.operands
    }


def _value_facet(name: str, counted: _Counted, top: int, named: set[Operand]) -> ValueFacet:
    order = np.argsort(-counted.counts, kind="stable")
    chosen = [(counted.entries[i], int(counted.counts[i])) for i in order[:top]]
    others = named - {value for value, _ in chosen}
    rest = [
        (counted.entries[i], int(counted.counts[i]))
        for i in order[top:]
        if counted.entries[i] in others
    ]
    absent = sorted(others - {value for value, _ in rest}, key=str)
    counts = (*chosen, *rest, *((value, 0) for value in absent))
    told = sum(count for _, count in counts)
    return ValueFacet(name, counts, int(counted.counts.sum()) - told, counted.missing)


def _number_facet(name: str, counted: _Counted, buckets: int) -> NumberFacet:
    entries = counted.entries
    low, high = (entries[0], entries[-1]) if entries else (None, None)
    return NumberFacet(
        name, low, high, histogram(entries, counted.counts, buckets), counted.missing
    )


def _category_facet(counted: _Counted) -> CategoryFacet:
    own: Counter[CategoryPath] = Counter()
    subtree: Counter[CategoryPath] = Counter()
    for paths, count in zip(counted.entries, counted.counts.tolist(), strict=True):
        own.update(dict.fromkeys(paths, count))
        levels = (level for path in paths for level in ancestors(path))
        subtree.update(dict.fromkeys(levels, count))
    counts = (CategoryCount(path, own[path], subtree[path]) for path in sorted(subtree))
    return CategoryFacet(CATEGORY.name, tuple(counts))
