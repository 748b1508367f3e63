"""Filters within categories, against a look at every item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.filter_match import matches
from indexer.filter_syntax import Filter, within
from indexer.live_columns import LiveColumns
from indexer.records import ItemRow
from tests.indexer.filter_shop import catalogues, filters, opened, paths, quick
from vsearch.taxonomy import CategoryPath, is_within


@pytest.mark.parametrize("in_memory", [True, False])
@quick
@given(catalogues, st.none() | filters(), st.lists(paths, min_size=1, max_size=2), catalogues)
def test_exactly_the_items_as_they_are_now(
    in_memory: bool,
    before: list[ItemRow],
    wanted: Filter | None,
    subtrees: list[CategoryPath],
    after: list[ItemRow],
) -> None:
    asked = within(subtrees, wanted)
    assert asked is not None
    with opened(before) as catalogue:
        items = LiveColumns(catalogue) if in_memory else catalogue
        for _ in range(2):
            expected = [
                item.key
                for item in catalogue.items("ok")
                if (wanted is None or matches(wanted, item))
                and any(
                    is_within(path, subtree)
                    for path in (item.category, *item.further_paths)
                    for subtree in subtrees
                )
            ]
            assert items.matching_keys(asked).tolist() == expected
            catalogue.upsert_items(after)


@given(st.none() | filters())
def test_without_a_category_nothing_further_is_asked_for(wanted: Filter | None) -> None:
    assert within([], wanted) is wanted
