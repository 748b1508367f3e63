"""Every way of answering a filter answers as plain Python does."""

from itertools import product
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue
from indexer.filter_match import matches
from indexer.filter_syntax import (
    Field,
    Filter,
    Operator,
    Predicate,
    fields_of,
    format_filter,
)
from indexer.filters import parse_filter
from indexer.live_columns import LiveColumns
from indexer.records import ItemRow, PhotoRow
from tests.indexer.filter_shop import (
    FIELDS,
    PIECES,
    TEXTS,
    catalogues,
    fields,
    filters,
    items,
    opened,
    quick,
)

LIKE: tuple[Operator, ...] = ("like", "contains")


def expected(catalogue: Catalogue, wanted: Filter) -> list[int]:
    return [item.key for item in catalogue.items("ok") if matches(wanted, item)]


@quick
@given(catalogues, st.lists(filters(), min_size=1, max_size=12))
def test_database_and_columns_answer_as_plain_python_does(
    rows: list[ItemRow], wanted: list[Filter]
) -> None:
    with opened(rows) as catalogue:
        live = LiveColumns(catalogue)
        for one in wanted:
            there = expected(catalogue, one)
            assert catalogue.matching_keys(one).tolist() == there
            assert live.matching_keys(one).tolist() == there


def test_patterns_hold_for_the_same_texts_everywhere() -> None:
    brand = Field("brand", "text")
    several = [
        *PIECES,
        *map("".join, product(PIECES, repeat=2)),
        "%_ä%",
        "1%\\%",
        "_\\__",
        "%F_L",
        "x_Y",
    ]
    rows = [
        ItemRow(str(n), "", ("X",), (PhotoRow(str(n), Path("/p"), 1, 1),), attributes={"brand": t})
        for n, t in enumerate(TEXTS)
    ]
    with opened(rows) as catalogue:
        live = LiveColumns(catalogue)
        held = 0
        for operator, pattern in product(LIKE, several):
            wanted = Predicate(brand, operator, (pattern,))
            there = expected(catalogue, wanted)
            assert catalogue.matching_keys(wanted).tolist() == there
            assert live.matching_keys(wanted).tolist() == there
            held += len(there)
        assert held > len(several)


@quick
@given(
    catalogues, st.lists(st.lists(items, max_size=3) | st.integers(1, 10) | filters(), max_size=8)
)
def test_the_columns_follow_every_change(
    rows: list[ItemRow], steps: list[list[ItemRow] | int | Filter]
) -> None:
    with opened(rows) as catalogue:
        live = LiveColumns(catalogue)
        asked: list[Filter] = []
        for step in steps:
            if isinstance(step, list):
                catalogue.upsert_items(step)
            elif isinstance(step, int):
                for photo in catalogue.photos_of(step):
                    catalogue.reject_photo(photo.key, "damaged")
            else:
                asked.append(step)
            for wanted in asked:
                assert live.matching_keys(wanted).tolist() == expected(catalogue, wanted)


@settings(max_examples=300, deadline=None)
@given(filters())
def test_a_filter_is_the_same_after_it_is_written_and_read(wanted: Filter) -> None:
    read = parse_filter(format_filter(wanted), fields())
    assert read == wanted
    assert format_filter(read) == format_filter(wanted)
    assert fields_of(read) <= set(FIELDS)
