"""What an answer says of a photo: every level of the tree adds up, and what is given is told."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build
from indexer.classes import LEAST, MOST, Classes, classes_of
from indexer.prediction_rows import PredictionRows
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_shop import (
    OWN_OR_FOREIGN,
    SEVERAL,
    TinyEmbedder,
    TinyKind,
    make_shop,
    painted,
)
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath, ancestors


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Build a shop without items: what a photo shows is the network's to say."""
    with make_shop(tmp_path_factory.mktemp("empty"), {}) as shop:
        build(shop, embedder=TinyEmbedder())
        yield shop


def shown(
    shop: Shop, labels: Sequence[Label], kind: TinyKind | None = None, seed: int = 0
) -> Classes:
    embedder = TinyEmbedder(labels, objective=kind)
    return Searcher.open(shop, embedder=embedder).classify(painted(seed))


def children(paths: Sequence[CategoryPath], parent: CategoryPath) -> list[CategoryPath]:
    return [path for path in paths if path[:-1] == parent]


@st.composite
def leaves(draw: st.DrawFn) -> list[CategoryPath]:
    """Draw the ends of a tree of at most four levels; each may have several labels."""
    paths = draw(
        st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(tuple), min_size=1)
    )
    inner = {level for path in paths for level in ancestors(path)[:-1]}
    return [path for path in paths if path not in inner]


@settings(deadline=None, max_examples=60)
@given(paths=leaves(), kind=st.sampled_from([TinyKind(), SEVERAL]), seed=st.integers(0, 50))
def test_children_add_up_to_their_parent_and_the_top_level_to_1(
    empty: Shop, paths: list[CategoryPath], kind: TinyKind, seed: int
) -> None:
    labels = [Label(f"label {i}", path) for i, path in enumerate(paths)]
    colours = [] if kind.exclusive else [Label(f"colour {i}", (), "colour") for i in range(3)]
    result = shown(empty, [*labels, *colours], kind, seed)
    told = {one.path: one.probability for one in result.categories}
    assert sum(told[path] for path in children(list(told), ())) == pytest.approx(1, abs=1e-4)
    for path, probability in told.items():
        below = children(list(told), path)
        assert not below or sum(told[one] for one in below) == pytest.approx(probability, abs=1e-4)
    assert set(told) <= {level for path in paths for level in ancestors(path)}
    assert min(told.values()) >= LEAST


def test_a_great_tree_adds_up_in_the_answer_too(empty: Shop) -> None:
    labels = [Label(f"{i}", (f"part {i % 7}", f"leaf {i}")) for i in range(300)]
    result = shown(empty, labels)
    told = {one.path: one.probability for one in result.categories}
    assert len(told) > 200  # of 307; the others have next to nothing
    assert sum(told[path] for path in children(list(told), ())) == pytest.approx(1, abs=1e-4)
    for part in children(list(told), ()):
        below = sum(told[path] for path in children(list(told), part))
        assert below == pytest.approx(told[part], abs=1e-4)
    assert len(result.labels) == MOST
    probabilities = [one.probability for one in result.categories]
    assert probabilities == sorted(probabilities, reverse=True)


def test_labels_without_a_place_are_in_no_category(empty: Shop) -> None:
    labels = [Label("apple", ("Fruit",)), Label("red", (), "colour"), Label("green", (), "colour")]
    result = shown(empty, labels, SEVERAL)
    assert [one.path for one in result.categories] == [("Fruit",)]
    assert {one.name for one in result.labels} == {"apple", "red", "green"}


def test_every_label_that_is_given_is_told_however_many_there_are() -> None:
    labels = [Label(f"{i}", ()) for i in range(50)]
    probabilities = np.linspace(0.9, 0.1, 50, dtype=np.float32)
    assigned = np.zeros(50, bool)
    assigned[[2, 40]] = True
    none = np.zeros((2, 50), np.float32)
    given = np.stack([assigned, np.zeros(50, bool)])
    told = np.stack([probabilities, probabilities[::-1]])
    answers = PredictionRows(none[:, :4], none, told, given, none, none[:, :0], None)
    first, second = classes_of(labels, answers)
    assert [label.name for label in first.labels] == [*map(str, range(MOST)), "40"]
    assert [label.name for label in first.labels if label.assigned] == ["2", "40"]
    assert [label.name for label in second.labels] == [str(i) for i in range(49, 29, -1)]
    assert first.categories == second.categories == ()


def test_of_one_label_a_photo_the_most_probable_is_given(empty: Shop) -> None:
    result = shown(empty, [Label(f"{i}", ("Things", f"{i}")) for i in range(5)])
    assert [label.assigned for label in result.labels] == [True, *4 * [False]]
    assert result.unknown is None


def test_a_photo_that_is_given_no_label_is_of_nothing_sold_here(empty: Shop) -> None:
    sold = [Label("sold here", (), "")]
    answers = [shown(empty, sold, OWN_OR_FOREIGN, seed) for seed in range(20)]
    assert {answer.unknown for answer in answers} == {True, False}
    for answer in answers:
        assert answer.unknown == (answer.labels[0].probability < 0.5)
        assert answer.categories == ()
    # Where a photo may well have none of several labels, that says nothing of the shop.
    assert shown(empty, sold, SEVERAL).unknown is None
