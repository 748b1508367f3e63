"""Where the items of each category lie among the rows of a version."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.row_ranges import merged
from indexer.vector_index import RowRange
from vsearch.taxonomy import CategoryPath, is_within


@dataclass(frozen=True)
class CategoryRows:
    """Where the items of one primary category lie."""

    category_id: int
    path: CategoryPath
    start: int
    stop: int


def subtree_ranges(
    categories: Sequence[CategoryRows], subtree: CategoryPath
) -> tuple[RowRange, ...]:
    """Return the rows of a category and all below it, in as few ranges as can be."""
    within = (part for part in categories if is_within(part.path, subtree))
    return merged((part.start, part.stop) for part in within)


def large_subtrees(categories: Sequence[CategoryRows], more_than: int) -> list[CategoryPath]:
    """Return the categories that have, with all below them, more than so many rows, but not all.

    Of categories that have the same rows, as an only child has those of its parent, the uppermost.
    """
    rows: Counter[CategoryPath] = Counter()
    for part in categories:
        for depth in range(1, len(part.path) + 1):
            rows[part.path[:depth]] += part.stop - part.start
    total = sum(part.stop - part.start for part in categories)
    return sorted(
        path
        for path, count in rows.items()
        if more_than < count < total and rows.get(path[:-1]) != count
    )
