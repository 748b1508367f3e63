"""Likely categories, and search within them, against a plain recomputation."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.build import build
from indexer.restriction import MOST, SURE, Restriction, likely_categories
from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.tiny_shop import TinyEmbedder, TinyPredictions, item_row, make_shop, painted
from vsearch.data import Label
from vsearch.images import load
from vsearch.taxonomy import CategoryPath

APPLE, PEAR, MILK, RYE, TEA = (
    ("Fruit", "Apple"),
    ("Fruit", "Pear"),
    ("Dairy", "Milk"),
    ("Bread", "Rye"),
    ("Drinks", "Tea"),
)
ITEMS = {
    "gala": (APPLE, [0, 1]),
    "fuji": (APPLE, [2]),
    "conference": (PEAR, [3, 4]),
    "whole": (MILK, [5]),
    "skimmed": (MILK, [6]),
    "low": (MILK, [7, 8]),
    "rye": (RYE, [9]),
}
PATHS = (APPLE, PEAR, MILK, RYE, TEA)  # of tea there is none
LABELS = (*(Label(path[-1], path) for path in PATHS), Label("second milk", MILK))


def labels_at(*paths: CategoryPath) -> list[Label]:
    return [Label(str(number), path) for number, path in enumerate(paths)]


@pytest.mark.parametrize(
    ("shares", "paths", "categories", "probability"),
    [
        ([0.97, 0.03], [APPLE, PEAR], [APPLE], 0.97),
        ([0.5, 0.5], [APPLE, PEAR], [APPLE, PEAR], 1),
        ([0.1, 0.3, 0.6], [APPLE, PEAR, MILK], [MILK, PEAR, APPLE], 1),
        ([0.25, 0.4, 0.35], [MILK, APPLE, MILK], [MILK, APPLE], 1),  # two labels, one category
        ([0.96, 0.0, 0.04], [APPLE, PEAR, ()], [APPLE], 0.96),
        ([0.0, 0.5, 0.48], [RYE, PEAR, APPLE], [PEAR, APPLE], 0.98),
    ],
)
def test_the_fewest_categories_that_together_are_probable_enough(
    shares: list[float],
    paths: list[CategoryPath],
    categories: list[CategoryPath],
    probability: float,
) -> None:
    told = likely_categories(labels_at(*paths), np.array(shares, np.float32))
    assert told.categories == tuple(categories)
    assert told.probability == pytest.approx(probability)
    assert (told.widened, told.beyond) == (None, 0)


TEN = [(f"Category {number}",) for number in range(10)]


@pytest.mark.parametrize(
    ("shares", "paths", "probability", "why"),
    [
        ([0.1] * 10, TEN, 0.5, "the 5 likeliest categories are 50% probable together"),
        ([0.18] * 5 + [0.1], TEN[:6], 0.9, "the 5 likeliest categories are 90% probable together"),
        # Labels that have no place in the tree may hold the rest.
        ([0.5, 0.3, 0.2], [APPLE, PEAR, ()], 0.8, "the 2 likeliest categories are 80% probable"),
        ([0.5, 0.5], [APPLE, ()], 0.5, "the likeliest category is 50% probable"),
        ([0.15] * 6 + [0.1], [*TEN[:6], ()], 0.75, "the 5 likeliest categories are 75% probable"),
        ([0.0, 0.0], [APPLE, PEAR], 0, "the model does not tell categories"),
        ([0.7, 0.3], [(), ()], 0, "the model does not tell categories"),
        ([], [], 0, "the model does not tell categories"),
    ],
)
def test_where_no_categories_are_clear_it_is_said_why(
    shares: list[float], paths: list[CategoryPath], probability: float, why: str
) -> None:
    told = likely_categories(labels_at(*paths), np.array(shares, np.float32))
    assert told.categories == ()
    assert told.probability == pytest.approx(probability)
    assert told.widened is not None
    assert told.widened.startswith(why)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*TEN, ()]), min_size=1, max_size=12),
    st.integers(0, 2**31),
    st.sampled_from([0.2, 1.0, 5.0]),
)
def test_likely_categories_are_those_of_a_plain_loop(
    paths: list[CategoryPath], seed: int, spread: float
) -> None:
    logits = np.random.default_rng(seed).normal(0, spread, len(paths))
    shares = np.exp(logits).astype(np.float32)
    shares *= [bool(path) for path in paths]
    shares /= max(np.exp(logits).sum(), 1e-9)
    told = likely_categories(labels_at(*paths), shares)
    sums: dict[CategoryPath, float] = {}
    for path, share in zip(paths, shares.tolist(), strict=True):
        if path:
            sums[path] = sums.get(path, 0) + share
    expected: list[CategoryPath] = []
    for path in sorted(sums, key=lambda path: (-sums[path], path)):
        if sum(sums[one] for one in expected) < SURE:
            expected.append(path)
    held = sum(sums[path] for path in expected)
    if held < SURE - 1e-9 or len(expected) > MOST:
        assert told.categories == ()
        assert told.widened
    else:
        assert told.categories == tuple(expected)
        assert told.probability == pytest.approx(min(held, 1))


def test_what_scripts_read_of_it() -> None:
    assert Restriction((APPLE, MILK), 0.97, None, 2).to_json() == {
        "categories": ["Fruit > Apple", "Dairy > Milk"],
        "probability": 0.97,
        "widened": None,
        "beyond": 2,
    }


class SureEmbedder(TinyEmbedder):
    """Says of every photo how probable the labels are as it was told to."""

    def __init__(self, shares: Mapping[str, float] | None = None) -> None:
        super().__init__(LABELS)
        told = shares or {}
        self.shares = np.array([told.get(label.name, 0) for label in LABELS], np.float32)

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        found = super().__call__(pixels)
        shares = np.tile(self.shares, (len(pixels), 1))
        return TinyPredictions(
            found.embeddings, found.logits, shares, shares > 0.5, shares, found.familiarity
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with make_shop(tmp_path_factory.mktemp("restricted"), ITEMS) as shop:
        build(shop, embedder=SureEmbedder())
        yield shop


def ranked(seed: int) -> list[str]:
    """Return all items, the most similar first, from the photos alone."""
    embedder = SureEmbedder()

    def embedded(photo: int) -> NDArray[np.float32]:
        return np.asarray(embedder(load(painted(photo), embedder.spec)[None]).embeddings[0])

    best = {
        item: max(float(embedded(seed) @ embedded(view)) for view in views)
        for item, (_, views) in ITEMS.items()
    }
    return sorted(best, key=lambda item: -best[item])


def found(hits: Sequence[object]) -> list[str]:
    return [hit.item.item_id for hit in hits]  # type: ignore[attr-defined]


def within(seed: int, paths: Sequence[CategoryPath]) -> list[str]:
    return [item for item in ranked(seed) if ITEMS[item][0] in paths]


@pytest.mark.parametrize("seed", [50, 51, 52, 53])
@pytest.mark.parametrize(
    ("shares", "paths"),
    [
        ({"Milk": 0.6, "second milk": 0.39}, [MILK]),
        ({"Pear": 0.5, "Apple": 0.47, "Rye": 0.03}, [PEAR, APPLE]),
        ({"Milk": 0.9, "Tea": 0.1}, [MILK]),  # there is nothing to find in tea
    ],
)
def test_clear_categories_are_searched_alone(
    shop: Shop, seed: int, shares: dict[str, float], paths: list[CategoryPath]
) -> None:
    searcher = Searcher.open(shop, embedder=SureEmbedder(shares))
    result = searcher.search(painted(seed), top_k=3, restrict="auto")
    assert found(result.hits) == within(seed, paths)[:3]
    assert result.restricted is not None
    assert result.restricted.categories == tuple(paths)
    assert (result.restricted.widened, result.restricted.beyond) == (None, 0)
    assert result.to_json()["restricted"] == result.restricted.to_json()


@pytest.mark.parametrize("top_k", [4, 6, 7, 20])
def test_where_they_hold_too_few_items_the_most_similar_others_follow(
    shop: Shop, top_k: int
) -> None:
    searcher = Searcher.open(shop, embedder=SureEmbedder({"Milk": 1}))
    for seed in (50, 51, 52):
        result = searcher.search(painted(seed), top_k=top_k, restrict="auto")
        milk = within(seed, [MILK])
        others = [item for item in ranked(seed) if item not in milk]
        assert found(result.hits) == [*milk, *others][:top_k]
        assert result.restricted is not None
        assert result.restricted.categories == (MILK,)
        assert result.restricted.beyond == min(top_k, 7) - 3


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ({}, "does not tell categories"),
        ({"Milk": 0.5, "Apple": 0.3}, "are 80% probable together"),
        ({"Tea": 1}, "the likely categories hold no item"),
    ],
)
def test_where_nothing_is_clear_all_items_are_searched(
    shop: Shop, shares: dict[str, float], why: str
) -> None:
    searcher = Searcher.open(shop, embedder=SureEmbedder(shares))
    result = searcher.search(painted(50), top_k=4, restrict="auto")
    assert found(result.hits) == ranked(50)[:4]
    assert result.restricted is not None
    assert result.restricted.categories == ()
    assert why in str(result.restricted.widened)


def test_categories_that_are_asked_for_go_before_likely_ones(shop: Shop) -> None:
    searcher = Searcher.open(shop, embedder=SureEmbedder({"Milk": 1}))
    result = searcher.search(painted(50), top_k=9, categories=[("Fruit",)], restrict="auto")
    assert found(result.hits) == within(50, [APPLE, PEAR])
    assert result.restricted is None


def test_a_search_that_is_not_asked_to_restrict_itself_does_not(shop: Shop) -> None:
    searcher = Searcher.open(shop, embedder=SureEmbedder({"Milk": 1}))
    for result in (searcher.search(painted(50)), searcher.search(painted(50), restrict="off")):
        assert found(result.hits) == ranked(50)
        assert result.restricted is None
        assert result.to_json()["restricted"] is None


def test_every_photo_of_a_batch_has_its_own_categories(shop: Shop) -> None:
    searcher = Searcher.open(shop, embedder=SureEmbedder())
    pixels = np.stack([load(painted(seed), TinyEmbedder.spec) for seed in (50, 51, 52)])
    shares = np.zeros((3, len(LABELS)), np.float32)
    shares[0, 0] = shares[1, 2] = 1
    shares[2, :4] = 0.2
    hits, told = searcher.search_likely(searcher.embedder(pixels).embeddings, shares, 2)
    assert [one.categories for one in told] == [(APPLE,), (MILK,), ()]
    assert found(hits[0]) == within(50, [APPLE])[:2]
    assert found(hits[1]) == within(51, [MILK])[:2]
    assert found(hits[2]) == ranked(52)[:2]


def test_items_that_left_a_likely_category_are_not_found_in_it(tmp_path: Path) -> None:
    with make_shop(tmp_path, ITEMS) as shop:
        build(shop, embedder=SureEmbedder())
        folder = tmp_path / "source"
        shop.catalogue.upsert_items([item_row(folder, "rye", TEA, [9])])  # the only rye bread
        searcher = Searcher.open(shop, embedder=SureEmbedder({"Rye": 1}))
        result = searcher.search(painted(9), top_k=2, restrict="auto")
        assert found(result.hits) == ranked(9)[:2]
        assert found(result.hits)[0] == "rye"
        tea = Searcher.open(shop, embedder=SureEmbedder({"Tea": 1}))
        result = tea.search(painted(50), top_k=1, restrict="auto")
        assert found(result.hits) == ["rye"]
