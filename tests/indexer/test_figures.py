"""How sure the figures are, and the two kinds of views apart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build
from indexer.evaluate import evaluate
from indexer.shop import Shop
from tests.indexer.query_photos import blurred, write_queries
from tests.indexer.tiny_shop import (
    OWN_OR_FOREIGN,
    SEVERAL,
    YES_OR_NO,
    TinyEmbedder,
    TinyKind,
    add_further,
    make_shop,
)
from vsearch.data import Label
from vsearch.intervals import wilson
from vsearch.taxonomy import CategoryPath, format_path

PATHS = (("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk"))
ITEMS = {f"item-{i}": (PATHS[i % 3], [10 * i]) for i in range(9)}
LABELS = tuple(Label(format_path(path), path) for path in PATHS)
FOREIGN = ("Toys", "Ball")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, ITEMS) as shop:
        for i in range(0, 9, 2):  # every other item has a customer's photo
            add_further(shop, f"item-{i}", 10 * i + 1, "train")
        yield shop


def ask(
    shop: Shop,
    kind: TinyKind | None = None,
    *,
    views: str = "all",
    labels: tuple[Label, ...] = LABELS,
    foreign: int = 0,
) -> dict[str, Any]:
    """Measure with three photos of each item, and some of something else."""
    embedder = TinyEmbedder(labels, objective=kind)
    build(shop, embedder=embedder, views=views)  # type: ignore[arg-type]
    told: list[tuple[bytes, str, CategoryPath]] = [
        (blurred(seeds[0], 100 * i + n), item_id, path)
        for i, (item_id, (path, seeds)) in enumerate(ITEMS.items())
        for n in range(3)
    ]
    rows = [{"image_path": f"{i}.png", "item_id": item} for i, (_, item, _) in enumerate(told)]
    rows += [{"image_path": f"f{i}.png", "category": format_path(FOREIGN)} for i in range(foreign)]
    photos = {f"{i}.png": data for i, (data, _, _) in enumerate(told)}
    photos |= {f"f{i}.png": blurred(5000 + i, i) for i in range(foreign)}
    queries = write_queries(shop.path.parent / "queries", rows, photos)
    return evaluate(shop, queries, embedder=embedder).to_json()


@pytest.mark.parametrize(
    ("kind", "foreign", "figures"),
    [
        (None, 0, ["top1", "top5", "macro_top1", "category_top1", "ece"]),
        (SEVERAL, 0, ["map", "micro_f1", "macro_f1", "top1", "category_top1", "top1, category"]),
        (OWN_OR_FOREIGN, 6, ["auroc", "false_alarm", "reject_rate", "reject_rate@0.05"]),
    ],
)
def test_every_figure_lies_in_its_interval_and_the_same_one_comes_again(
    shop: Shop, kind: TinyKind | None, foreign: int, figures: list[str]
) -> None:
    labels = LABELS if kind is not OWN_OR_FOREIGN else LABELS[:1]
    document = ask(shop, kind, labels=labels, foreign=foreign)
    intervals = document["intervals"]
    assert set(intervals) == {*figures, "recall@1", "recall@5", "recall@10", "map@r"}
    for name, (low, high) in intervals.items():
        column = name.removeprefix("top1, ")
        value = document["by_column"][column] if column != name else document[name]
        assert 0 <= low <= value <= high <= 1, name
        assert low < high, name
    assert ask(shop, kind, labels=labels, foreign=foreign)["intervals"] == intervals


def test_a_yes_and_a_no_have_intervals(shop: Shop) -> None:
    labels = (Label("Dairy > Milk", PATHS[2]), Label("Fruit > Apple", PATHS[0]))
    document = ask(shop, YES_OR_NO, labels=labels)
    for name in ("auroc", "f1"):
        low, high = document["intervals"][name]
        assert low <= document[name] <= high
        assert low < high


def test_a_plain_share_has_wilsons_interval(shop: Shop) -> None:
    document = ask(shop)
    expected = wilson(document["recall@1"], 27)
    assert document["intervals"]["recall@1"] == pytest.approx(expected)


def test_the_two_kinds_of_views_are_searched_apart(shop: Shop) -> None:
    apart = ask(shop)["by_views"]
    assert {role: one["rows"] for role, one in apart.items()} == {"catalogue": 9, "further": 5}
    alone = ask(shop, views="catalogue")
    for name in ("recall@1", "recall@5", "recall@10", "map@r"):
        assert apart["catalogue"][name] == pytest.approx(alone[name])
        assert alone["by_views"]["catalogue"][name] == alone[name]
        low, high = apart["further"]["intervals"][name]
        assert low <= apart["further"][name] <= high
    assert set(alone["by_views"]) == {"catalogue"}
    # Four of the nine items have no further photo, so that nothing finds them among these.
    assert 0 < apart["further"]["recall@10"] <= 5 / 9
    assert apart["catalogue"]["recall@10"] == 1.0


def test_a_view_of_an_item_that_is_gone_takes_no_part(shop: Shop) -> None:
    before = ask(shop)["by_views"]["further"]["rows"]
    item = shop.catalogue.get("item-0")
    assert item is not None
    embedder = TinyEmbedder(LABELS)
    for photo in shop.catalogue.photos_of(item.key):
        if photo.role == "catalogue":
            shop.catalogue.reject_photo(photo.key, "withdrawn")
    queries = shop.path.parent / "queries" / "queries.csv"
    after = evaluate(shop, queries, embedder=embedder).to_json()["by_views"]
    assert after["further"]["rows"] == before - 1
    assert after["catalogue"]["rows"] == 8
