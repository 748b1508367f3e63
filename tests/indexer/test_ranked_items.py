"""Items in the order of their best views, read from rows as far as is asked."""

import numpy as np
import pytest

from indexer.nearest_rows import NearestRows
from indexer.ranked_items import Ranked


def rows(*keys: int, scores: list[float] | None = None) -> NearestRows:
    """Return one query's rows of these items, each a little further; photos are numbered."""
    told = scores or [1 - place / 1000 for place in range(len(keys))]
    return NearestRows(
        np.array([told], np.float32), np.array([keys], np.int64), np.arange(len(keys))[None]
    )


def test_each_item_is_there_once_by_its_best_view() -> None:
    ranked = Ranked(rows(7, 7, 3, 7, 3, 5), 0, -np.inf)
    assert list(ranked.first(2)) == [7, 3]
    assert list(ranked.first()) == [7, 3, 5]
    assert [ranked.best(key) for key in (7, 3, 5)] == [
        (1.0, 0),
        (pytest.approx(0.998), 2),
        (pytest.approx(0.995), 5),
    ]


@pytest.mark.parametrize("views", [1, 63, 64, 65, 200])
def test_an_item_of_many_views_hides_none_that_follows(views: int) -> None:
    ranked = Ranked(rows(*[1] * views, *[2] * views, 3), 0, -np.inf)
    assert list(ranked.first(2)) == [1, 2]
    assert ranked.best(2)[1] == views
    assert list(ranked.first(9)) == [1, 2, 3]


def test_rows_below_the_least_score_and_those_that_fill_up_count_for_nothing() -> None:
    filled = rows(4, 6, 8, -1, -1, scores=[0.9, 0.5, 0.4, -np.inf, -np.inf])
    assert list(Ranked(filled, 0, 0.5).first()) == [4, 6]
    assert list(Ranked(filled, 0, -np.inf).first()) == [4, 6, 8]


def test_no_more_rows_are_read_than_are_asked_for() -> None:
    found = rows(*range(100))
    ranked = Ranked(found, 0, -np.inf)
    assert list(ranked.first(3)) == [0, 1, 2]
    found.item_keys[0, 64:] = 1000  # of the block that was not looked at yet
    assert list(ranked.first(66))[-2:] == [63, 1000]
