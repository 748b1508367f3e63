"""Facets against a plain count over the items."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue
from indexer.facets import CategoryFacet, Facet, NumberFacet, ValueFacet, facets, without_own
from indexer.filter_match import field_values, matches
from indexer.filter_syntax import CATEGORY, Field, Filter, fields_of
from indexer.filters import parse_filter
from indexer.histogram import histogram
from indexer.live_columns import LiveColumns
from indexer.records import Item, ItemRow, PhotoRow, Value
from tests.indexer.filter_shop import FIELDS, catalogues, filters, numbers, opened, quick
from vsearch.taxonomy import CategoryPath, ancestors

APPLE, PEAR, FRUIT, SALE = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Fruit",), ("Sale",)
COLOUR, PRICE, NEW = Field("colour", "text"), Field("price", "number"), Field("new", "bool")
ROWS: list[tuple[CategoryPath, list[CategoryPath], dict[str, Value]]] = [
    (APPLE, [], {"colour": "red", "price": 1.0, "new": True}),
    (APPLE, [PEAR], {"colour": "red", "price": 2.5}),
    (PEAR, [SALE], {"colour": "green", "price": 30, "new": False}),
    (FRUIT, [SALE, SALE], {"colour": "blue", "price": 9.99, "new": True}),
    (SALE, [], {"price": 100.0, "new": True}),
]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveColumns]:
    catalogue = Catalogue.open(tmp_path / "catalogue.db")
    catalogue.set_attribute_types(
        {"colour": "text", "price": "float", "new": "bool"}, lambda v, _: v
    )
    catalogue.upsert_items(
        ItemRow(
            str(n),
            f"Item {n}",
            category,
            (PhotoRow(str(n), Path("/p.jpg"), 1, 1),),
            tuple(further),
            attributes=attributes,
        )
        for n, (category, further, attributes) in enumerate(ROWS)
    )
    yield LiveColumns(catalogue)
    catalogue.close()


def counted(
    live: LiveColumns, field: Field, text: str | None = None, *, multi_select: bool = True
) -> Facet:
    wanted = parse_filter(text, live.fields()) if text else None
    columns = live.current({field} | (fields_of(wanted) if wanted else set()))
    return facets(columns, [field], wanted, multi_select=multi_select)[0]


def test_values_come_by_number_of_items(live: LiveColumns) -> None:
    assert counted(live, COLOUR) == ValueFacet(
        "colour", (("red", 2), ("blue", 1), ("green", 1)), others=0, missing=1
    )
    assert counted(live, NEW) == ValueFacet("new", ((True, 3), (False, 1)), others=0, missing=1)


def test_a_facet_passes_over_its_own_selection(live: LiveColumns) -> None:
    selected = "colour in ('red', 'pink') and price < 20"
    found = counted(live, COLOUR, selected)
    assert found == ValueFacet("colour", (("red", 2), ("blue", 1), ("pink", 0)), 0, 0)
    found = counted(live, COLOUR, selected, multi_select=False)
    assert found == ValueFacet("colour", (("red", 2), ("pink", 0)), 0, 0)
    prices = counted(live, PRICE, selected)
    assert isinstance(prices, NumberFacet)
    assert (prices.minimum, prices.maximum) == (1.0, 2.5)


def test_only_parts_that_ask_for_the_field_alone_are_its_own_selection(live: LiveColumns) -> None:
    read = live.fields()
    wanted = parse_filter("colour = 'red' and (colour = 'red' or new) and not colour = 'x'", read)
    assert without_own(wanted, COLOUR) == parse_filter("colour = 'red' or new", read)
    assert without_own(wanted, PRICE) == wanted
    assert without_own(parse_filter("colour = 'red'", read), COLOUR) is None


def test_the_commonest_values_and_those_that_are_selected_are_told(live: LiveColumns) -> None:
    columns = live.current([COLOUR])
    assert facets(columns, [COLOUR], top=1) == [ValueFacet("colour", (("red", 2),), 2, 1)]
    green = parse_filter("colour = 'green'", live.fields())
    assert facets(columns, [COLOUR], green, top=1) == [
        ValueFacet("colour", (("red", 2), ("green", 1)), others=1, missing=1)
    ]


def test_numbers_come_in_round_buckets(live: LiveColumns) -> None:
    found = counted(live, PRICE)
    assert isinstance(found, NumberFacet)
    assert (found.minimum, found.maximum, found.missing) == (1.0, 100.0, 0)
    assert [(b.low, b.high) for b in found.buckets] == [(n, n + 10) for n in range(0, 100, 10)]
    assert [bucket.count for bucket in found.buckets] == [3, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    nothing = counted(live, PRICE, "colour = 'pink'")
    assert nothing == NumberFacet("price", None, None, (), missing=0)


def test_categories_are_a_tree_that_counts_an_item_once_a_level(live: LiveColumns) -> None:
    found = counted(live, CATEGORY)
    assert isinstance(found, CategoryFacet)
    assert {c.path: (c.own, c.subtree) for c in found.counts} == {
        FRUIT: (1, 4),
        APPLE: (2, 2),
        PEAR: (2, 2),
        SALE: (3, 3),
    }
    below = counted(live, CATEGORY, "category within 'Sale' and price < 50", multi_select=False)
    assert isinstance(below, CategoryFacet)
    assert {c.path: c.subtree for c in below.counts} == {FRUIT: 2, PEAR: 1, SALE: 2}


def test_facets_are_told_as_json(live: LiveColumns) -> None:
    columns = live.current([COLOUR, PRICE, CATEGORY])
    told = [facet.to_json() for facet in facets(columns, [COLOUR, PRICE, CATEGORY], buckets=2)]
    assert json.loads(json.dumps(told)) == [
        {
            "name": "colour",
            "values": [
                {"value": "red", "count": 2},
                {"value": "blue", "count": 1},
                {"value": "green", "count": 1},
            ],
            "others": 0,
            "missing": 1,
        },
        {
            "name": "price",
            "minimum": 1.0,
            "maximum": 100.0,
            "buckets": [{"low": 0, "high": 50, "count": 4}, {"low": 50, "high": 100, "count": 1}],
            "missing": 0,
        },
        {
            "name": "category",
            "categories": [
                {"path": "Fruit", "own": 1, "subtree": 4},
                {"path": "Fruit > Apple", "own": 2, "subtree": 2},
                {"path": "Fruit > Pear", "own": 2, "subtree": 2},
                {"path": "Sale", "own": 3, "subtree": 3},
            ],
        },
    ]


@pytest.mark.parametrize(("top", "buckets"), [(0, 10), (20, 1)])
def test_settings_that_count_nothing_are_refused(live: LiveColumns, top: int, buckets: int) -> None:
    with pytest.raises(ValueError, match="top must be at least 1 and buckets 2"):
        facets(live.current([COLOUR]), [COLOUR], top=top, buckets=buckets)


def check(found: Facet, field: Field, items: list[Item]) -> None:
    values = [field_values(field, item) for item in items]
    if isinstance(found, CategoryFacet):
        own = Counter(path for paths in values for path in set(paths))
        levels = (
            {level for path in paths if isinstance(path, tuple) for level in ancestors(path)}
            for paths in values
        )
        subtree = Counter(level for each in levels for level in each)
        assert [(c.path, c.own, c.subtree) for c in found.counts] == [
            (path, own[path], subtree[path]) for path in sorted(subtree)
        ]
        return
    assert found.missing == values.count(())
    present = [value for (value,) in filter(None, values)]
    if isinstance(found, ValueFacet):
        counts = Counter(present)
        assert all(counts[value] == count for value, count in found.counts)
        commonest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:2]
        assert list(found.counts[:2]) == commonest or len(counts) < 2
        assert found.others + sum(count for _, count in found.counts) == len(present)
        return
    assert (found.minimum, found.maximum) == (
        (min(present), max(present)) if present else (None, None)
    )
    assert sum(bucket.count for bucket in found.buckets) == len(present)


@quick
@given(catalogues, st.none() | filters(), st.booleans(), st.sets(st.integers(1, 10)))
def test_facets_count_as_plain_python_does(
    rows: list[ItemRow], wanted: Filter | None, multi_select: bool, among: set[int]
) -> None:
    with opened(rows) as catalogue:
        columns = LiveColumns(catalogue).current(FIELDS)
        keys = np.array(sorted(among), np.int64) if among else None
        found = facets(columns, FIELDS, wanted, multi_select=multi_select, top=2, among=keys)
        for facet, field in zip(found, FIELDS, strict=True):
            left = without_own(wanted, field) if multi_select else wanted
            items = [
                item
                for item in catalogue.items("ok")
                if (left is None or matches(left, item)) and (not among or item.key in among)
            ]
            check(facet, field, items)


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers, min_size=1), st.integers(2, 20))
def test_every_number_is_in_its_bucket(told: list[int | float], most: int) -> None:
    counts = Counter(told)
    values = sorted(counts)
    found = histogram(values, np.array([counts[value] for value in values]), most)
    assert len(found) <= most
    for one, following in pairwise(found):
        assert one.high == following.low
        assert one.low < one.high
        assert one.count == sum(one.low <= value < one.high for value in told)
    last = found[-1]
    assert found[0].low <= values[0]
    assert values[-1] <= last.high
    assert last.count == sum(last.low <= value <= last.high for value in told)


@pytest.mark.parametrize(
    ("low", "high", "most", "edges"),
    [
        (3, 97, 10, list(range(0, 101, 10))),
        (0.1, 0.4, 4, [0.1, 0.2, 0.3, 0.4]),
        (-3, 7, 2, [-10, 0, 10]),
        (5, 5, 10, [5, 5]),
        (2**53 + 1, 2**53 + 4, 10, [2**53 + n for n in range(1, 5)]),
        (2**54 + 1, 2.0**54 + 8, 20, [2**54 + n for n in range(1, 9)]),
        (2011, 2014, 10, [2011, 2012, 2013, 2014]),
        (1.0, 3.0, 10, [1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4, 2.6, 2.8, 3]),
        (-1e308, 1.5e308, 4, [-1e308, 0, 1e308, sys.float_info.max]),
    ],
)
def test_bounds_are_round(low: float, high: float, most: int, edges: list[int | float]) -> None:
    found = histogram([low, high][: 1 + (low < high)], np.ones(1 + (low < high), int), most)
    assert [bucket.low for bucket in found] + [found[-1].high] == edges
