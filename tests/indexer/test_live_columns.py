"""Columns in memory: what is read when, and that threads and processes may write meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import item_columns
from indexer.attributes import convert
from indexer.catalogue import Catalogue
from indexer.filter_syntax import CATEGORY, Field, Predicate
from indexer.filters import parse_filter
from indexer.item_columns import Column
from indexer.live_columns import LiveColumns
from indexer.records import ItemRow, PhotoRow, Value
from vsearch.errors import FilterError, ShopError

COLOUR, SIZE = Field("colour", "text"), Field("size", "number")


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path / "catalogue.db")
    opened.set_attribute_types({"colour": "text", "size": "int"}, convert)
    opened.upsert_items([item("a", colour="red", size=1), item("b", colour="blue")])
    yield opened
    opened.close()


def item(item_id: str, *, category: tuple[str, ...] = ("X",), **attributes: Value) -> ItemRow:
    photos = (PhotoRow(item_id, Path(f"/{item_id}.jpg"), 1, 1),)
    return ItemRow(item_id, item_id, category, photos, attributes=attributes)


def matching(live: LiveColumns, text: str) -> list[int]:
    return [int(key) for key in live.matching_keys(parse_filter(text, live.fields()))]


def test_a_column_holds_each_value_once_in_order(catalogue: Catalogue) -> None:
    catalogue.upsert_items([item("c", colour="blue"), item("d", size=3)])
    columns = LiveColumns(catalogue).current([COLOUR])
    assert columns.columns.keys() == {COLOUR}
    assert columns.columns[COLOUR].entries == ("blue", "red")
    assert columns.columns[COLOUR].codes.dtype == np.int32
    assert columns.columns[COLOUR].codes.tolist() == [1, 0, 0, -1]
    assert columns.keys.tolist() == [1, 2, 3, 4]
    assert columns.sequence == catalogue.seq()


def test_nothing_is_read_again_while_nothing_changes(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveColumns(catalogue)
    first = live.current([COLOUR, CATEGORY])
    monkeypatch.setattr(catalogue, "field_values", None)
    assert live.current([COLOUR]) is first
    assert matching(live, "colour = 'red' and category = 'X'") == [1]


def test_columns_that_were_given_out_do_not_change(catalogue: Catalogue) -> None:
    live = LiveColumns(catalogue)
    before = live.current([COLOUR])
    catalogue.upsert_items([item("b", colour="green"), item("c", colour="red")])
    after = live.current([COLOUR])
    assert before.columns[COLOUR].entries == ("blue", "red")
    assert (before.keys.tolist(), before.columns[COLOUR].codes.tolist()) == ([1, 2], [1, 0])
    assert after.columns[COLOUR].entries == ("blue", "green", "red")  # one is in no item any more
    assert after.columns[COLOUR].codes.tolist() == [2, 1, 2]


def test_a_field_that_is_read_later_is_as_new_as_the_others(catalogue: Catalogue) -> None:
    live = LiveColumns(catalogue)
    live.current([COLOUR])
    catalogue.upsert_items([item("a", colour="blue", size=5), item("c", colour="blue", size=7)])
    assert matching(live, "size >= 5") == [1, 3]
    assert matching(live, "colour = 'blue' and size is not null") == [1, 3]


def test_an_item_that_is_rejected_or_deleted_is_found_no_more(catalogue: Catalogue) -> None:
    live = LiveColumns(catalogue)
    assert matching(live, "colour is not null") == [1, 2]
    (photo,) = catalogue.photos_of(1)
    catalogue.reject_photo(photo.key, "it is damaged")
    assert matching(live, "colour is not null") == [2]
    with catalogue.transaction() as connection:
        connection.execute("DELETE FROM items WHERE item_key = 2")
        connection.execute("INSERT INTO changes (item_key, kind, at) VALUES (2, 'deleted', '')")
    assert matching(live, "not (colour = 'x')") == []
    catalogue.upsert_items([item("a", colour="red"), item("b", colour="red")])
    assert matching(live, "colour = 'red'") == [1, 3]


def test_an_attribute_that_widens_is_read_anew(catalogue: Catalogue) -> None:
    live = LiveColumns(catalogue)
    assert matching(live, "size = 1") == [1]
    catalogue.set_attribute_types({"size": "text"}, convert)
    assert matching(live, "size = '1'") == [1]
    with pytest.raises(FilterError, match="“size” is a text"):
        matching(live, "size = 1")


def test_categories_that_filters_may_name_follow_the_catalogue(catalogue: Catalogue) -> None:
    live = LiveColumns(catalogue)
    assert live.all_paths() == catalogue.all_paths()
    catalogue.upsert_items([item("a", category=("Y", "Z"))])
    assert matching(live, "category within 'y'") == [1]
    catalogue.upsert_items([item("b", category=("Y",))])
    with pytest.raises(FilterError, match="no category “X” in this shop"):
        matching(live, "category = 'X'")
    assert live.all_paths() == catalogue.all_paths()


def test_an_empty_catalogue_matches_nothing(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path / "catalogue.db")
    live = LiveColumns(catalogue)
    assert matching(live, "title is not null or title is null") == []
    assert live.all_paths().paths == ()
    catalogue.upsert_items([item("a")])
    assert matching(live, "title = 'a' and category = 'X'") == [1]
    catalogue.close()


def test_threads_filter_while_another_connection_writes(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    live = LiveColumns(catalogue)
    other = Catalogue.open(tmp_path / "catalogue.db")
    written = threading.Event()

    def read(_: int) -> None:
        while not written.is_set():
            # Every item has a colour: whoever reads half a change would miss one.
            assert matching(live, "colour is null") == []
            assert len(matching(live, "size between 0 and 1000")) <= catalogue.counts(0).items

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, n) for n in range(3)]
        for n in range(40):
            other.upsert_items(
                [item(f"new {n}", colour=f"c{n % 5}", size=n), item("b", colour=f"{n}")]
            )
        written.set()
        for reader in readers:
            reader.result()
    other.close()
    assert len(matching(live, "size >= 0")) == 41
    assert matching(live, "colour = '39'") == [2]


def test_a_column_keeps_a_value_that_an_item_had(catalogue: Catalogue) -> None:
    column = Column.of(["b", "a", "never"], np.array([0, 1, -1, 1], np.int32))
    assert (column.entries, column.codes.tolist()) == (("a", "b"), [1, 0, -1, 0])
    moved = column.patched(np.array([0]), ["a"])
    assert (moved.entries, moved.codes.tolist()) == (("a", "b"), [0, 0, -1, 0])
    grown = moved.patched(np.array([2, 3]), ["c", None])
    assert (grown.entries, grown.codes.tolist()) == (("a", "b", "c"), [0, 0, 2, -1])
    assert column.codes.tolist() == [1, 0, -1, 0]


VALUES = st.one_of(st.none(), st.integers(0, 30).map("{:02}".format))


@settings(deadline=None, max_examples=100)
@given(
    first=st.lists(VALUES, min_size=1, max_size=12),
    changes=st.lists(st.dictionaries(st.integers(0, 11), VALUES, min_size=1), max_size=8),
    few=st.integers(0, 3),
    ask=st.booleans(),
)
def test_a_column_that_changes_is_as_one_that_is_read_anew(
    first: list[str | None], changes: list[dict[int, str | None]], few: int, *, ask: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_columns, "_FEW_NEW", few)
        patch.setattr(item_columns, "_FEW_ADDED", few)
        values = list(first)
        known = sorted({value for value in values if value is not None})
        codes = [-1 if value is None else known.index(value) for value in values]
        column = Column.of(known, np.array(codes, np.int32))
        for change in changes:
            own = {place: value for place, value in change.items() if place < len(values)}
            if ask:  # so that it has folded texts to take along
                column.holds(Predicate(COLOUR, "contains", ("1",)))
            column = column.patched(np.array(list(own), np.intp), list(own.values()))
            for place, value in own.items():
                values[place] = value
            if ask:
                column, values = column.lengthened(1), [*values, None]
            assert [None if c < 0 else column.entries[c] for c in column.codes.tolist()] == values
            assert list(column.entries) == sorted(set(column.entries))
            held = column.holds(Predicate(COLOUR, "contains", ("1",)))
            assert held.tolist() == [value is not None and "1" in value for value in values]


def test_items_that_are_gone_take_no_room_for_ever(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_columns, "_FEW_GONE", 8)
    monkeypatch.setattr(item_columns, "_FEW_ADDED", 8)
    live = LiveColumns(catalogue)
    held = []
    for n in range(60):
        catalogue.upsert_items([item("passing", colour=f"c{n}"), item(f"kept {n % 5}", size=n)])
        assert matching(live, f"colour = 'c{n}'") != []
        catalogue.delete_items(["passing"])
        assert matching(live, f"colour = 'c{n}'") == []
        columns = live.current([COLOUR])
        held.append((len(columns.keys), len(columns.columns[COLOUR].entries)))
    assert max(keys for keys, _ in held) <= 7 + 1 + 8 + 2
    assert max(entries for _, entries in held) <= 2 + 8 + 2
    assert live.current([COLOUR]).keys.tolist() == sorted(live.current([COLOUR]).keys.tolist())
    (photo,) = catalogue.photos_of(1)
    catalogue.reject_photo(photo.key, "it is damaged")
    for n in range(60, 80):  # so that it is left out as well
        catalogue.upsert_items([item("passing", colour=f"c{n}")])
        live.current([COLOUR])
        catalogue.delete_items(["passing"])
    assert 1 not in live.current([COLOUR]).keys
    catalogue.upsert_items([item("a", colour="red")])
    assert matching(live, "colour = 'red'") == [1]


def test_attributes_that_are_no_json_are_told(catalogue: Catalogue) -> None:
    with catalogue.transaction() as connection:
        connection.execute("DROP TRIGGER item_words_changed")  # which would refuse such a value
        connection.execute("UPDATE items SET attributes = '{' WHERE item_key = 1")
    with pytest.raises(ShopError, match="cannot be read"):
        LiveColumns(catalogue).current([COLOUR])
