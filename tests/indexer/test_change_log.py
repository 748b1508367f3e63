"""The change log: however often items change it stays short, and nobody misses a change by that."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue
from indexer.filter_syntax import Field
from indexer.live_columns import LiveColumns
from indexer.records import ItemRow, PhotoRow

NAMES = [f"item-{n}" for n in range(5)]


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with closing(Catalogue.open(tmp_path / "catalogue.db")) as opened:
        yield opened


def put(catalogue: Catalogue, item_id: str, title: str) -> None:
    photo = PhotoRow(item_id, Path(f"/photos/{item_id}.jpg"), 8, 8)
    catalogue.upsert_items([ItemRow(item_id, title, ("Fruit",), (photo,))])


def entries(catalogue: Catalogue) -> list[tuple[int, int, str]]:
    with catalogue.frozen() as connection:
        return [tuple(row) for row in connection.execute("SELECT seq, item_key, kind FROM changes")]


def test_an_item_has_one_entry_however_often_it_changes(catalogue: Catalogue) -> None:
    for number in range(50):
        put(catalogue, "a", f"{number}")
        put(catalogue, "b", f"{number}")
    assert entries(catalogue) == [(99, 1, "changed"), (100, 2, "changed")]
    catalogue.delete_items(["b", "a"])
    assert entries(catalogue) == [(101, 1, "deleted"), (102, 2, "deleted")]
    assert catalogue.seq() == 102
    put(catalogue, "a", "again")
    assert entries(catalogue)[-1] == (103, 3, "added")


@settings(deadline=None, max_examples=50)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(["put", "put", "delete"])), max_size=30
    ),
    data=st.data(),
)
def test_whoever_asks_from_any_earlier_sequence_hears_of_every_item(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[str, str]],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("log") / "catalogue.db"
    history: list[tuple[int, int]] = []  # sequence and item of every change there was
    with closing(Catalogue.open(path)) as catalogue:
        for number, (name, what) in enumerate(changes):
            known = catalogue.item_keys([name])
            if what == "put":
                put(catalogue, name, f"{number}")
            else:
                catalogue.delete_items([name])
            if what == "put" or known:
                key = (known or catalogue.item_keys([name]))[name]
                history.append((catalogue.seq(), key))
        since = data.draw(st.integers(0, catalogue.seq()), "since")
        sequence, changed = catalogue.changed_since(since)
        assert sequence == catalogue.seq()
        assert sorted(changed) == sorted({key for seq, key in history if seq > since})


def test_who_looks_after_deletions_were_pruned_hears_what_is_gone(catalogue: Catalogue) -> None:
    for name in NAMES:
        put(catalogue, name, name)
    columns, title = LiveColumns(catalogue), Field("title", "text")
    before = columns.current([title])
    seen = catalogue.seq()
    catalogue.delete_items(NAMES[:3])
    put(catalogue, "new", "new")
    catalogue.prune_deletions(catalogue.seq() - 1)
    assert [kind for _, _, kind in entries(catalogue)] == ["added", "added", "added"]
    assert catalogue.changed_since(seen)[1] == [6]
    held = np.array([1, 2, 3, 4, 99])  # one that the caller has from somewhere else
    assert catalogue.changed_since(seen, lambda: held)[1] == [6, 1, 2, 3, 99]
    after = columns.current([title])
    assert before.keys[before.live].tolist() == [1, 2, 3, 4, 5]
    assert after.keys[after.live].tolist() == [4, 5, 6]
    # Who was there when they went needs no more than the log.
    assert catalogue.changed_since(catalogue.seq(), lambda: held)[1] == []


def test_the_last_entry_stays_whatever_it_tells(catalogue: Catalogue) -> None:
    put(catalogue, "a", "a")
    catalogue.delete_items(["a"])
    assert catalogue.prune_deletions(catalogue.seq()) == 0
    assert catalogue.seq() == 2
    put(catalogue, "a", "a")
    assert catalogue.prune_deletions(catalogue.seq()) == 1
    assert (catalogue.seq(), catalogue.prune_deletions(1)) == (3, 0)
