"""Rows of an index version that a filter leaves, against a look at every row."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.filter_match import matches
from indexer.filter_syntax import Filter
from indexer.filters import parse_filter
from indexer.live_columns import LiveColumns
from indexer.records import ItemRow
from indexer.row_mask import ItemSource, RowMask, filtered_rows, within
from indexer.shop import Shop
from indexer.vector_index import ExactIndex, RowRange
from indexer.versions import IndexVersion
from tests.indexer.filter_shop import catalogues, filters, opened, paths, quick
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop
from vsearch.taxonomy import CategoryPath, is_within

APPLE, PEAR, MILK, SALE = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk"), ("Sale",)


def rows_of(catalogue: Catalogue) -> NDArray[np.int64]:
    """Return the item of each row of a version, two views each, as a build sorts them."""
    items = [item for item, _ in catalogue.views("catalogue") for _ in range(2)]
    return np.array([item.key for item in items], np.int64)


@quick
@given(catalogues, st.none() | filters(), st.lists(paths, max_size=2), st.booleans(), catalogues)
def test_exactly_the_rows_of_the_items_as_they_are_now(
    before: list[ItemRow],
    wanted: Filter | None,
    subtrees: list[CategoryPath],
    in_memory: bool,
    after: list[ItemRow],
) -> None:
    with opened(before) as catalogue:
        item_keys = rows_of(catalogue)
        items: ItemSource = LiveColumns(catalogue) if in_memory else catalogue
        for _ in range(2):
            found = filtered_rows(items, item_keys, within(subtrees, wanted))
            live = {item.key: item for item in catalogue.items("ok")}
            expected = [
                row
                for row, key in enumerate(item_keys.tolist())
                if (item := live.get(key))
                and (wanted is None or matches(wanted, item))
                and any(
                    is_within(path, subtree)
                    for path in (item.category, *item.further_paths)
                    for subtree in subtrees or [()]
                )
            ]
            assert found.rows.tolist() == expected
            assert found.count == len(expected)
            assert [row for start, stop in found.ranges() for row in range(start, stop)] == expected
            catalogue.upsert_items(after)


ranges = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


@settings(deadline=None)
@given(ranges, ranges)
def test_ranges_are_merged_joined_and_cut(one: list[RowRange], other: list[RowRange]) -> None:
    def rows(told: list[RowRange]) -> set[int]:
        return {row for start, stop in told for row in range(start, stop)}

    first, second = RowMask.of_ranges(30, one), RowMask.of_ranges(30, other)
    for mask, expected in (
        (first, rows(one)),
        (first & second, rows(one) & rows(other)),
        (first | second, rows(one) | rows(other)),
    ):
        assert mask.rows.tolist() == sorted(expected)
        assert mask.rows.dtype == mask.bounds.dtype == np.int64
        found = mask.ranges()
        assert all(start < stop for start, stop in found)
        assert all(stop < start for (_, stop), (start, _) in pairwise(found))
        assert rows(found) == expected


def test_no_rows_at_all() -> None:
    nothing = RowMask.of_items(np.array([], np.int64), np.array([3], np.int64))
    assert (nothing.count, nothing.ranges(), nothing.bounds.shape) == (0, [], (0, 2))
    gone = RowMask.of_items(np.array([5, 5, 7], np.int64), np.array([], np.int64))
    assert (gone.count, gone.ranges()) == (0, [])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = make_shop(
        tmp_path, {"gala": (APPLE, [0, 1]), "milk": (MILK, [2]), "pear": (PEAR, [3, 4, 5])}
    )
    on_sale = item_row(tmp_path / "source", "cream", MILK, [6, 7])
    shop.catalogue.upsert_items([ItemRow(**(vars(on_sale) | {"further_paths": (SALE, APPLE)}))])
    return shop


def test_a_filter_on_a_version_gives_ranges_that_its_index_takes(shop: Shop) -> None:
    with shop:
        build(shop, embedder=TinyEmbedder())
        version = IndexVersion.open(shop.indexes / str(shop.current().index))
        live = LiveColumns(shop.catalogue)
        # Rows 0–2 are the gala's, 2–3 the milk's, 3–5 the cream's, 5–8 the pear's.
        assert version.ranges([APPLE]) == [(0, 2)]
        apples = filtered_rows(live, version.item_keys, within([APPLE]))
        assert apples.ranges() == [(0, 2), (3, 5)]
        assert filtered_rows(live, version.item_keys).ranges() == [(0, 8)]
        named = parse_filter("title contains 'cream'", live.fields())
        both = filtered_rows(live, version.item_keys, within([APPLE, PEAR], named))
        assert both.ranges() == [(3, 5)]
        index = ExactIndex(version.vectors)
        _, rows = index.search(version.vectors[:1], 8, apples.ranges())
        assert sorted(rows[rows >= 0]) == [0, 1, 3, 4]


def test_an_item_that_moves_takes_its_rows_along(shop: Shop) -> None:
    with shop:
        build(shop, embedder=TinyEmbedder())
        version = IndexVersion.open(shop.indexes / str(shop.current().index))
        shop.catalogue.upsert_items([item_row(shop.path.parent / "source", "gala", MILK, [0, 1])])
        for items in (LiveColumns(shop.catalogue), shop.catalogue):
            assert filtered_rows(items, version.item_keys, within([APPLE])).ranges() == [(3, 5)]
            assert filtered_rows(items, version.item_keys, within([MILK])).ranges() == [(0, 5)]
