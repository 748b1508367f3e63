"""What a model says, told in the names that categories have now."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import category_edits as edits
from indexer.live_labels import LabelsNow, LiveLabels
from indexer.shop import Shop
from tests.indexer.tiny_shop import TinyBundle, TinyPredictions, make_shop
from vsearch.data import Label
from vsearch.taxonomy import format_path

APPLE, PEAR, MILK = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
LABELS = tuple(Label(format_path(path), path) for path in (APPLE, PEAR, MILK))
SHARES = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, {"a": (APPLE, [1]), "b": (PEAR, [2]), "c": (MILK, [3])}) as made:
        yield made


def said(assigned: NDArray[np.bool_] | None = None) -> TinyPredictions:
    nothing = np.zeros((2, 0), np.float32)
    given = SHARES.max(axis=1, keepdims=True) <= SHARES if assigned is None else assigned
    return TinyPredictions(nothing, SHARES, SHARES, given, SHARES, nothing)


def live(shop: Shop, *, exclusive: bool = True) -> LiveLabels:
    return LiveLabels(shop.catalogue, TinyBundle(LABELS, ("category",)), exclusive=exclusive)


def now(shop: Shop, *, exclusive: bool = True) -> LabelsNow:
    return live(shop, exclusive=exclusive).current()


def test_nothing_is_touched_where_no_label_was_edited(shop: Shop) -> None:
    told = said()
    assert now(shop).predictions(told) is told
    edits.rename(shop, "Dairy", "Cold")
    edits.undo(shop)
    assert now(shop).shares(SHARES) is SHARES


def test_merged_labels_add_up(shop: Shop) -> None:
    labels = live(shop)
    assert labels.current().labels == LABELS
    edits.merge(shop, "Pear", "Apple")
    told = labels.current()
    assert [label.path for label in told.labels] == [APPLE, MILK]
    answer = told.predictions(said())
    np.testing.assert_allclose(answer.probabilities, [[0.8, 0.2], [0.3, 0.7]], rtol=1e-6)
    np.testing.assert_allclose(answer.shares, answer.probabilities)
    assert answer.assigned.tolist() == [[True, False], [False, True]]


def test_a_retired_label_leaves_its_share_to_the_rest(shop: Shop) -> None:
    edits.retire(shop, "Apple", to="Pear")
    answer = now(shop).predictions(said())
    np.testing.assert_allclose(answer.probabilities, [[0.6, 0.4], [2 / 9, 7 / 9]], rtol=1e-6)
    assert answer.assigned.tolist() == [[True, False], [False, True]]


def test_of_several_labels_a_photo_the_likeliest_of_merged_ones_counts(shop: Shop) -> None:
    edits.merge(shop, "Pear", "Apple")
    given = np.array([[False, True, False], [False, False, True]])
    answer = now(shop, exclusive=False).predictions(said(given))
    np.testing.assert_allclose(answer.probabilities, [[0.5, 0.2], [0.2, 0.7]])
    np.testing.assert_allclose(answer.shares, [[0.8, 0.2], [0.3, 0.7]], rtol=1e-6)
    assert answer.assigned.tolist() == [[True, False], [False, True]]


def test_a_model_all_of_whose_labels_are_sold_no_more_says_what_it_knows(shop: Shop) -> None:
    for name in ("Fruit", "Dairy"):
        edits.retire(shop, name, remove_items=True)
    assert now(shop).labels == LABELS
