"""Sets of rows as ranges, against sets of numbers; where categories and large ones of them lie."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from indexer.category_rows import CategoryRows, large_subtrees, subtree_ranges
from indexer.row_ranges import Ranges, holds, merged, size_of, without
from indexer.vector_index import rows_in

cuts = st.lists(st.integers(0, 40), unique=True, max_size=16).map(sorted)
ranges = cuts.map(lambda ends: list(zip(ends[::2], ends[1::2], strict=False)))


def rows(some: Ranges) -> set[int]:
    return {*rows_in(some).tolist()}


@given(ranges)
def test_merged_ranges_hold_the_same_rows_and_none_touch(some: Ranges) -> None:
    pieces = [(row, row + 1) for row in sorted(rows(some))]
    found = merged(pieces)
    assert rows(found) == rows(some)
    assert size_of(found) == len(rows(some))
    assert all(stop < start for (_, stop), (start, _) in pairwise(found))


@given(ranges, ranges)
def test_merged_ranges_hold_a_part_where_they_have_all_of_its_rows(
    some: Ranges, part: Ranges
) -> None:
    assert holds(merged(some), part) == (rows(part) <= rows(some))


@given(ranges, st.data())
def test_ranges_without_a_part(some: Ranges, data: st.DataObject) -> None:
    taken = data.draw(st.sets(st.sampled_from(sorted(rows(some)))) if some else st.just(set()))
    part = merged((row, row + 1) for row in sorted(taken))
    left = without(some, part)
    assert rows(left) == rows(some) - taken
    assert all(start < stop for start, stop in left)


CATEGORIES = [
    CategoryRows(number, path, start, stop)
    for number, path, start, stop in [
        (1, ("Fruit", "Apple"), 0, 30),
        (2, ("Milk",), 30, 40),
        (3, ("Fruit",), 40, 41),
        (4, ("Fruit", "Apple", "Gala"), 41, 61),
        (5, ("Meat", "Beef", "Steak"), 61, 100),
    ]
]


def test_a_subtree_has_the_rows_of_all_below_it() -> None:
    assert subtree_ranges(CATEGORIES, ("Fruit",)) == ((0, 30), (40, 61))
    assert subtree_ranges(CATEGORIES, ("Fruit", "Apple")) == ((0, 30), (41, 61))
    assert subtree_ranges(CATEGORIES, ("Fruit", "Pear")) == ()


def test_large_subtrees_have_many_rows_but_not_all_and_none_twice() -> None:
    assert large_subtrees(CATEGORIES, 49) == [("Fruit",), ("Fruit", "Apple")]
    assert large_subtrees(CATEGORIES, 50) == [("Fruit",)]
    # Steak has the rows of Beef, which has those of Meat.
    assert large_subtrees(CATEGORIES, 30) == [("Fruit",), ("Fruit", "Apple"), ("Meat",)]
    assert large_subtrees(CATEGORIES[:1], 10) == []
    assert large_subtrees([], 10) == []
