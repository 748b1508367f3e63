"""The figures of each kind of classification, recomputed query by query in plain Python."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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
    TinyPredictions,
    item_row,
    make_shop,
)
from vsearch.data import Label
from vsearch.images import load
from vsearch.taxonomy import CategoryPath, format_path

APPLE, PEAR, MILK = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
COLOURS, SIZES = ("red", "green"), ("S | M", "M", "L")
FOREIGN = ("Toys", "Ball")
COLUMNS = ("category", "colour", "sizes")


@dataclass(frozen=True)
class Query:
    data: bytes
    item_id: str
    category: CategoryPath
    colour: str
    sizes: str

    @property
    def labels(self) -> set[str]:
        sizes = {f"sizes: {size.strip()}" for size in self.sizes.split("|")}
        return {f"category: {format_path(self.category)}", f"colour: {self.colour}", *sizes}


def query(i: int, n: int) -> Query:
    path = (APPLE, PEAR, MILK)[i % 3]
    return Query(blurred(10 * i, 100 * i + n), f"item-{i}", path, COLOURS[i % 2], SIZES[i % 3])


QUERIES = [query(i, n) for i in range(12) for n in range(3)]
CATEGORIES = [Label(f"category: {format_path(path)}", path) for path in (APPLE, PEAR, MILK)]
LABELS = [
    *CATEGORIES,
    *(Label(f"colour: {name}", (), "colour") for name in COLOURS),
    *(Label(f"sizes: {name}", (), "sizes") for name in "SM"),  # L it has never seen
    Label("sizes: XXL", (), "sizes"),  # which nothing has
]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, {}) as shop:
        shop.catalogue.upsert_items(
            item_row(
                tmp_path / "source",
                one.item_id,
                one.category,
                [10 * i],
                attributes={"colour": one.colour, "sizes": one.sizes},
            )
            for i, one in enumerate(QUERIES[::3])
        )
        yield shop


def measured(
    shop: Shop, embedder: TinyEmbedder, rows: list[dict[str, str]], photos: list[bytes]
) -> dict[str, Any]:
    build(shop, embedder=embedder)
    named = [{"image_path": f"{i}.png", **row} for i, row in enumerate(rows)]
    data = {f"{i}.png": photo for i, photo in enumerate(photos)}
    queries = write_queries(shop.path.parent / "queries", named, data)
    return evaluate(shop, queries, embedder=embedder).to_json()


def asked(shop: Shop, embedder: TinyEmbedder) -> dict[str, Any]:
    rows = [{"item_id": one.item_id} for one in QUERIES]
    return measured(shop, embedder, rows, [one.data for one in QUERIES])


def told(embedder: TinyEmbedder, data: bytes) -> TinyPredictions:
    return embedder(load(data, embedder.spec)[None])


class SeveralLabels:
    """What a model of several labels says of each query: probability and assignment by label."""

    def __init__(self, embedder: TinyEmbedder) -> None:
        names = [label.name for label in embedder.bundle.labels]
        self.queries = []
        for one in QUERIES:
            answer = told(embedder, one.data)
            probabilities = dict(zip(names, answer.probabilities[0].tolist(), strict=True))
            given = dict(zip(names, answer.assigned[0].tolist(), strict=True))
            self.queries.append((one, probabilities, given))

    def best(self, prefix: str) -> list[tuple[Query, str]]:
        return [
            (one, max((name for name in told if name.startswith(prefix)), key=lambda n: told[n]))
            for one, told, _ in self.queries
        ]

    def average_precision(self, name: str) -> float:
        ranked = sorted(self.queries, key=lambda query: -query[1][name])
        right = [name in one.labels for one, *_ in ranked]
        found = [sum(right[: i + 1]) / (i + 1) for i in range(len(right)) if right[i]]
        return sum(found) / len(found)

    def f1(self, *names: str) -> float:
        pairs: list[tuple[bool, bool]] = [
            (name in one.labels, given.get(name, False))
            for one, _, given in self.queries
            for name in names
        ]
        both = sum(has and got for has, got in pairs)
        return 2 * both / (sum(has for has, _ in pairs) + sum(got for _, got in pairs))


def test_figures_of_several_labels(shop: Shop) -> None:
    embedder = TinyEmbedder(LABELS, COLUMNS, objective=SEVERAL)
    document = asked(shop, embedder)
    again = SeveralLabels(embedder)
    present = {name for one in QUERIES for name in one.labels}
    known = present - {"sizes: L"}
    precisions = [again.average_precision(name) for name in known]
    assert document["map"] == pytest.approx(sum(precisions) / len(present))
    assert document["macro_f1"] == pytest.approx(
        sum(again.f1(name) for name in present) / len(present)
    )
    assert document["micro_f1"] == pytest.approx(again.f1(*present, "sizes: XXL"))
    right = [name in one.labels for one, name in again.best("")]
    assert document["top1"] == pytest.approx(sum(right) / len(right))
    assert set(document["by_column"]) == set(COLUMNS)
    for column in COLUMNS:
        right = [name in one.labels for one, name in again.best(f"{column}: ")]
        assert document["by_column"][column] == pytest.approx(sum(right) / len(right))
    assert document["category_top1"] == document["by_column"]["category"]
    per_label = document["per_label"]
    assert set(per_label) == present
    assert per_label["sizes: L"] == {"queries": 12, "average_precision": 0.0, "f1": 0.0}
    assert per_label["colour: red"] == {
        "queries": 18,
        "average_precision": pytest.approx(again.average_precision("colour: red")),
        "f1": pytest.approx(again.f1("colour: red")),
    }
    assert document["objective"] == "several"
    assert document["top5"] is None


def test_views_that_share_a_value_of_the_first_column_are_relevant(shop: Shop) -> None:
    embedder = TinyEmbedder(LABELS, ("sizes", "colour"), objective=SEVERAL)
    document = asked(shop, embedder)
    views = [(one, told(embedder, (shop.path.parent / f"source/{10 * i}.png").read_bytes()))
             for i, one in enumerate(QUERIES[::3])]  # fmt: skip
    precisions = []
    for one in QUERIES:
        own = told(embedder, one.data).embeddings[0]
        ranked = sorted(views, key=lambda view: -float(own @ view[1].embeddings[0]))
        sizes = {name for name in one.labels if name.startswith("sizes")}
        row = [bool(sizes & view.labels) for view, _ in ranked]
        found = [sum(row[: i + 1]) / (i + 1) for i in range(sum(row)) if row[i]]
        precisions.append(sum(found) / sum(row))
    assert document["map@r"] == pytest.approx(sum(precisions) / len(precisions))


def test_a_query_that_says_nothing_of_a_column_is_not_asked_for_it(shop: Shop) -> None:
    unlearned = f"category: {format_path(MILK)}"
    labels = [label for label in LABELS if label.name != unlearned]
    embedder = TinyEmbedder(labels, COLUMNS, objective=SEVERAL)
    rows = [{"category": format_path(APPLE), "colour": "red"}, {"category": format_path(MILK)}]
    document = measured(shop, embedder, rows, [blurred(0, 1), blurred(0, 2)])
    assert set(document["by_column"]) == {"category", "colour"}
    assert document["per_label"][unlearned]["f1"] == 0


def test_figures_of_a_yes_and_a_no(shop: Shop) -> None:
    labels = [Label(name, (), "colour") for name in COLOURS]
    embedder = TinyEmbedder(labels, ("colour",), objective=YES_OR_NO)
    document = asked(shop, embedder)
    answers = [(one.colour == "green", told(embedder, one.data)) for one in QUERIES]
    yes = [float(answer.probabilities[0, 1]) for positive, answer in answers if positive]
    no = [float(answer.probabilities[0, 1]) for positive, answer in answers if not positive]
    wins = sum((one > other) + (one == other) / 2 for one in yes for other in no)
    assert document["auroc"] == pytest.approx(wins / (len(yes) * len(no)))
    given = [bool(answer.assigned[0, 1]) for _, answer in answers]
    both = sum(got and positive for got, (positive, _) in zip(given, answers, strict=True))
    assert document["f1"] == pytest.approx(2 * both / (len(yes) + sum(given)))
    assert (document["positive"], document["objective"]) == ("green", "yes or no")
    assert document["top1"] == pytest.approx(
        np.mean([bool(answer.assigned[0, int(positive)]) for positive, answer in answers])
    )
    assert set(document["per_label"]) == set(COLOURS)


def test_a_yes_that_no_query_has_cannot_be_measured(shop: Shop) -> None:
    labels = [Label(name, (), "colour") for name in COLOURS]
    embedder = TinyEmbedder(labels, ("colour",), objective=YES_OR_NO)
    rows = [{"item_id": "item-0"}, {"item_id": "item-2"}]
    document = measured(shop, embedder, rows, [blurred(0, 1), blurred(20, 1)])
    assert (document["auroc"], document["f1"]) == (None, None)
    assert document["top1"] is not None


def own_or_foreign() -> TinyEmbedder:
    return TinyEmbedder([Label("sold here", (), "")], (), objective=OWN_OR_FOREIGN)


def test_figures_of_own_and_foreign_photos(shop: Shop) -> None:
    embedder = own_or_foreign()
    rows = [{"item_id": one.item_id, "category": ""} for one in QUERIES[:24]]
    rows += [{"item_id": "", "category": format_path(FOREIGN)} for _ in QUERIES[24:]]
    document = measured(shop, embedder, rows, [one.data for one in QUERIES])
    assert (document["queries"], document["own"], document["foreign"]) == (36, 24, 12)
    scores = [float(told(embedder, one.data).probabilities[0, 0]) for one in QUERIES]
    own, foreign = scores[:24], scores[24:]
    wins = sum(one > other for one in own for other in foreign)
    assert document["auroc"] == pytest.approx(wins / (24 * 12))
    assert document["false_alarm"] == pytest.approx(sum(one < 0.5 for one in own) / 24)
    assert 0 < document["false_alarm"] < 1
    assert document["reject_rate"] == pytest.approx(sum(one < 0.5 for one in foreign) / 12)
    threshold = sorted(own)[1]  # at which one of 24, less than 5 %, is turned away
    rejected = sum(one < threshold for one in foreign)
    assert document["reject_rate@0.05"] == pytest.approx(rejected / 12)
    own_alone = asked(shop, embedder)
    assert (own_alone["own"], own_alone["foreign"]) == (36, 0)
    assert own_alone["auroc"] is own_alone["reject_rate"] is own_alone["reject_rate@0.05"] is None


def test_recall_is_over_own_photos_and_views_are_alike_by_category(shop: Shop) -> None:
    rows = [{"item_id": one.item_id} for one in QUERIES]
    photos = [one.data for one in QUERIES]
    # The same queries through a model of categories say what the figures must be.
    labelled = measured(shop, TinyEmbedder(CATEGORIES), rows, photos)
    foreign = [{"item_id": "discontinued"}]
    document = measured(shop, own_or_foreign(), [*rows, *foreign], [*photos, blurred(1, 1)])
    assert (document["own"], document["foreign"], document["unknown_items"]) == (36, 1, 1)
    for figure in ("recall@1", "recall@5", "recall@10", "map@r"):
        assert document[figure] == pytest.approx(labelled[figure])
    assert {document[figure] for figure in ("top1", "top5", "ece")} == {None}
    assert document["per_label"] == {}


@pytest.mark.parametrize(
    ("category", "own"),
    [
        ("Fruit > Apple", 1),
        ("Fruit > Apple > Gala", 1),  # deeper in a category of the shop
        ("Fruit", 1),
        ("Fruit > Kiwi", 0),  # a further kind of fruit is not of the shop
        ("Toys", 0),
    ],
)
def test_a_category_of_the_shop_is_its_own_kind(shop: Shop, category: str, own: int) -> None:
    document = measured(shop, own_or_foreign(), [{"category": category}], [blurred(0, 1)])
    assert (document["own"], document["foreign"]) == (own, 1 - own)
    assert (document["recall@1"] is None) == (own == 0)
