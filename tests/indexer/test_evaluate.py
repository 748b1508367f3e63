"""The figures against an independent recomputation, query by query, in plain Python."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import build
from indexer.evaluate import EvaluationReport, evaluate
from indexer.label_figures import OneLabelFigures
from indexer.shop import Shop
from tests.indexer.query_photos import blurred, write_queries
from tests.indexer.tiny_shop import TinyEmbedder, add_further, item_row, make_shop, painted
from vsearch.data import Label
from vsearch.errors import ManifestError, ShopError
from vsearch.images import load
from vsearch.taxonomy import CategoryPath, format_path

APPLE, PEAR, MILK = ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
PATHS = (APPLE, PEAR, MILK)
COLOURS = ("red", "green")
ITEMS = {
    f"item-{i}": (PATHS[i % 3], [10 * i + photo for photo in range(1 + i % 3)]) for i in range(12)
}


@dataclass(frozen=True)
class Query:
    data: bytes
    item_id: str
    category: CategoryPath


QUERIES = [
    Query(blurred(seeds[n % len(seeds)], 100 * i + n), item_id, category)
    for i, (item_id, (category, seeds)) in enumerate(ITEMS.items())
    for n in range(4)
]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path, {}) as shop:
        folder = tmp_path / "source"
        rows = [
            item_row(folder, item_id, category, seeds, attributes={"colour": COLOURS[i % 2]})
            for i, (item_id, (category, seeds)) in enumerate(ITEMS.items())
        ]
        shop.catalogue.upsert_items(rows)
        yield shop


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    rows = [
        {"image_path": f"{i}.png", "item_id": query.item_id, "split": "test"}
        | {"light": "dim" if i % 4 else "bright"}
        for i, query in enumerate(QUERIES)
    ]
    photos = {f"{i}.png": query.data for i, query in enumerate(QUERIES)}
    return write_queries(tmp_path / "queries", rows, photos)


def measured(
    shop: Shop, queries: Path, embedder: TinyEmbedder, **options: object
) -> EvaluationReport:
    build(shop, embedder=embedder)
    return evaluate(shop, queries, embedder=embedder, **options)  # type: ignore[arg-type]


def told(report: EvaluationReport) -> OneLabelFigures:
    assert isinstance(report.figures.labels, OneLabelFigures)
    return report.figures.labels


class Recomputed:
    """All the figures again, from the photos and the definitions alone."""

    def __init__(self, shop: Shop, embedder: TinyEmbedder, queries: list[Query]) -> None:
        self.queries = queries
        self.labels = [label.name for label in embedder.bundle.labels]
        self.views = [
            (item.item_id, item.category, embedder(self.pixels(photo.path.read_bytes())))
            for item, photo in shop.catalogue.photos(role="catalogue")
        ]
        self.told = [embedder(self.pixels(query.data)) for query in queries]

    @staticmethod
    def pixels(data: bytes) -> NDArray[np.uint8]:
        return load(data, TinyEmbedder.spec)[None]

    def ranked(self, query: int) -> list[tuple[str, CategoryPath]]:
        own = self.told[query].embeddings[0]
        ranked = sorted(self.views, key=lambda view: -float(own @ view[2].embeddings[0]))
        return [(item, path) for item, path, _ in ranked]

    def items(self, query: int) -> list[str]:
        return list(dict.fromkeys(item for item, _ in self.ranked(query)))

    def recall(self, k: int) -> float:
        found = [q.item_id in self.items(i)[:k] for i, q in enumerate(self.queries)]
        return sum(found) / len(found)

    def top(self, k: int, truth: list[str]) -> float:
        right = 0
        for answer, name in zip(self.told, truth, strict=True):
            best = np.argsort(-answer.probabilities[0])[:k]
            right += name in [self.labels[i] for i in best]
        return right / len(truth)

    def map_at_r(self, relevant: list[list[bool]]) -> float:
        """From relevance of all views, best first, for each query."""
        precisions = []
        for row in relevant:
            total = sum(row)
            hits = [sum(row[: i + 1]) / (i + 1) for i in range(total) if row[i]]
            precisions.append(sum(hits) / total)
        return sum(precisions) / len(precisions)


CATEGORIES = tuple(Label(format_path(path), path) for path in PATHS)
PRODUCTS = tuple(Label(item_id, path) for item_id, (path, _) in ITEMS.items())


def test_figures_of_a_model_of_categories(shop: Shop, queries: Path) -> None:
    embedder = TinyEmbedder(CATEGORIES)
    report = measured(shop, queries, embedder)
    again = Recomputed(shop, embedder, QUERIES)
    truth = [format_path(query.category) for query in QUERIES]
    figures, labels = report.figures, told(report)
    assert report.queries == 48
    assert labels.top1 == pytest.approx(again.top(1, truth))
    assert labels.top5 == 1.0  # of three labels
    assert labels.category_top1 == labels.top1
    for k in (1, 5, 10):
        assert figures.recall_at[k] == pytest.approx(again.recall(k))
    assert 0.3 < again.recall(1) < 1  # neither a certainty nor chance
    relevant = [
        [path == query.category for _, path in again.ranked(i)] for i, query in enumerate(QUERIES)
    ]
    assert figures.map_at_r == pytest.approx(again.map_at_r(relevant))


def test_figures_of_a_model_of_items(shop: Shop, queries: Path) -> None:
    embedder = TinyEmbedder(PRODUCTS, label_columns=("item_id",))
    report = measured(shop, queries, embedder)
    figures, labels = report.figures, told(report)
    again = Recomputed(shop, embedder, QUERIES)
    truth = [query.item_id for query in QUERIES]
    assert labels.top1 == pytest.approx(again.top(1, truth))
    assert labels.top5 == pytest.approx(again.top(5, truth))
    relevant = [
        [item == query.item_id for item, _ in again.ranked(i)] for i, query in enumerate(QUERIES)
    ]
    assert figures.map_at_r == pytest.approx(again.map_at_r(relevant))
    sums = []
    for answer in again.told:
        by_path: dict[CategoryPath, float] = dict.fromkeys(PATHS, 0.0)
        for label, probability in zip(PRODUCTS, answer.probabilities[0].tolist(), strict=True):
            by_path[label.path] += probability
        sums.append(max(by_path, key=lambda path: by_path[path]))
    right = [path == query.category for path, query in zip(sums, QUERIES, strict=True)]
    assert labels.category_top1 == pytest.approx(sum(right) / len(right))
    own = [i for i, query in enumerate(QUERIES) if query.item_id == "item-5"]
    five = labels.per_label["item-5"]
    assert five.queries == len(own) == 4
    assert five.recall_at_1 == sum(again.items(i)[0] == "item-5" for i in own) / 4
    assert labels.macro_top1 == pytest.approx(labels.top1)  # four queries each


def test_figures_of_a_model_of_an_attribute(shop: Shop, queries: Path) -> None:
    embedder = TinyEmbedder([Label(c, ()) for c in COLOURS], label_columns=("colour",))
    labels = told(measured(shop, queries, embedder))
    again = Recomputed(shop, embedder, QUERIES)
    truth = [COLOURS[int(query.item_id[5:]) % 2] for query in QUERIES]
    assert labels.top1 == pytest.approx(again.top(1, truth))
    assert labels.category_top1 is None
    assert set(labels.per_label) == set(COLOURS)


def test_a_label_that_the_model_lacks_is_never_right(shop: Shop, queries: Path) -> None:
    embedder = TinyEmbedder(CATEGORIES[:2])
    labels = told(measured(shop, queries, embedder))
    assert labels.per_label[format_path(MILK)].top1 == 0
    assert labels.top5 == pytest.approx(2 / 3)


def test_queries_without_an_item_are_found_by_their_category(shop: Shop, tmp_path: Path) -> None:
    rows = [
        {"image_path": f"{i}.png", "category": format_path(query.category)}
        for i, query in enumerate(QUERIES)
    ]
    photos = {f"{i}.png": query.data for i, query in enumerate(QUERIES)}
    queries = write_queries(tmp_path / "queries", rows, photos)
    embedder = TinyEmbedder(CATEGORIES)
    figures = measured(shop, queries, embedder).figures
    again = Recomputed(shop, embedder, QUERIES)
    found = [again.ranked(i)[0][1] == query.category for i, query in enumerate(QUERIES)]
    assert figures.recall_at[1] == pytest.approx(sum(found) / len(found))


def test_where_and_split_choose_the_queries(shop: Shop, queries: Path) -> None:
    embedder = TinyEmbedder(CATEGORIES)
    assert measured(shop, queries, embedder, where={"light": "bright"}).queries == 12
    assert measured(shop, queries, embedder, where={"light": "DIM"}).queries == 36
    with pytest.raises(ShopError, match="no query of split val is left"):
        measured(shop, queries, embedder, split="val")
    with pytest.raises(ManifestError, match="no column “weather”"):
        measured(shop, queries, embedder, where={"weather": "rain"})


def test_photos_that_the_shop_has_seen_are_refused_and_bad_ones_rejected(
    shop: Shop, tmp_path: Path
) -> None:
    train = add_further(shop, "item-0", 7000, "train")  # trained on, but not indexed
    catalogue = (shop.path.parent / "source" / "0.png").read_bytes()
    photos = {
        "seen.png": catalogue,
        "trained.png": train.path.read_bytes(),
        "new.png": QUERIES[0].data,
        "broken.png": QUERIES[1].data[:-40],
        "untold.png": QUERIES[2].data,
    }
    rows = [
        {"image_path": name, "item_id": "" if name == "untold.png" else "item-0"}
        for name in (*photos, "missing.png")
    ]
    queries = write_queries(tmp_path / "queries", rows, photos)
    shown: list[tuple[str, int, int]] = []
    embedder = TinyEmbedder(CATEGORIES)
    before = shop.catalogue.seq()
    report = measured(shop, queries, embedder, progress=lambda *call: shown.append(call))
    assert (report.queries, report.refused, len(report.rejects)) == (1, 2, 3)
    reasons = " ".join(map(str, report.rejects))
    assert "broken.png" in reasons
    assert "neither item nor category" in reasons
    assert "missing.png" in reasons
    assert shown[0] == ("evaluate", 0, 5)
    assert shown[-1] == ("evaluate", 5, 5)
    indexed = len([1 for _ in shop.catalogue.photos(role="catalogue")])
    assert embedder.photos == indexed + 1
    assert shop.catalogue.seq() == before
    new = hashlib.sha256(photos["new.png"]).hexdigest()
    assert shop.catalogue.embeddings("e" * 16, [new]) == {}


def test_a_photo_that_left_the_catalogue_but_not_yet_the_index_is_refused(
    shop: Shop, tmp_path: Path
) -> None:
    embedder = TinyEmbedder(CATEGORIES)
    build(shop, embedder=embedder)
    folder = shop.path.parent / "source"
    shop.catalogue.upsert_items([item_row(folder, "item-0", APPLE, [8000])])  # instead of photo 0
    photos = {"left.png": (folder / "0.png").read_bytes(), "new.png": QUERIES[0].data}
    rows = [{"image_path": name, "item_id": "item-0"} for name in photos]
    queries = write_queries(tmp_path / "queries", rows, photos)
    report = evaluate(shop, queries, embedder=embedder)
    assert (report.queries, report.refused) == (1, 1)


def test_when_every_query_is_refused_that_is_an_error(shop: Shop, tmp_path: Path) -> None:
    seen = {"seen.png": (shop.path.parent / "source" / "0.png").read_bytes()}
    rows = [{"image_path": "seen.png", "item_id": "item-0"}]
    queries = write_queries(tmp_path / "queries", rows, seen)
    with pytest.raises(ShopError, match=r"1 refused because they are in the index"):
        measured(shop, queries, TinyEmbedder(CATEGORIES))


def test_an_item_that_the_shop_lacks_is_never_found(shop: Shop, tmp_path: Path) -> None:
    rows = [{"image_path": "0.png", "item_id": "new", "category": format_path(APPLE)}]
    queries = write_queries(tmp_path / "queries", rows, {"0.png": QUERIES[0].data})
    report = measured(shop, queries, TinyEmbedder(CATEGORIES))
    assert report.unknown_items == report.to_json()["unknown_items"] == 1
    assert (report.queries, report.foreign) == (1, 0)
    assert report.figures.recall_at == {1: 0.0, 5: 0.0, 10: 0.0}


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("category", {"item_id": "discontinued"}),
        ("category", {"category": "Fruit > Kiwi"}),
        ("item_id", {"item_id": "new", "category": "Fruit > Apple"}),
    ],
)
def test_what_is_not_sold_here_takes_no_part_in_the_figures(
    shop: Shop, tmp_path: Path, columns: str, row: dict[str, str]
) -> None:
    rows = [{"image_path": "0.png"} | row, {"image_path": "1.png", "item_id": "item-1"}]
    photos = {"0.png": QUERIES[0].data, "1.png": QUERIES[5].data}
    queries = write_queries(tmp_path / "queries", rows, photos)
    labels = CATEGORIES if columns == "category" else [Label(name, APPLE) for name in ITEMS]
    report = measured(shop, queries, TinyEmbedder(labels, (columns,)))
    assert (report.queries, report.foreign, report.unknown_items) == (1, 1, 0)
    rows[1:] = []
    report = evaluate(
        shop,
        write_queries(tmp_path / "foreign", rows, photos),
        embedder=TinyEmbedder(labels, (columns,)),
    )
    assert (report.queries, report.foreign) == (0, 1)
    assert report.figures.recall_at == {1: None, 5: None, 10: None}
    assert told(report).top1 is None


def test_views_of_items_that_are_gone_take_no_part(shop: Shop, queries: Path) -> None:
    embedder = TinyEmbedder(CATEGORIES)
    build(shop, embedder=embedder)
    for item_id in ("item-2", "item-6"):
        item = shop.catalogue.get(item_id)
        assert item is not None
        for photo in shop.catalogue.photos_of(item.key):
            shop.catalogue.reject_photo(photo.key, "withdrawn")
    figures = evaluate(shop, queries, embedder=embedder).figures
    again = Recomputed(shop, embedder, QUERIES)
    relevant = [
        [path == query.category for _, path in again.ranked(i)] for i, query in enumerate(QUERIES)
    ]
    assert figures.map_at_r == pytest.approx(again.map_at_r(relevant))
    assert figures.recall_at[10] == pytest.approx(again.recall(10))


def test_the_json_has_the_keys_that_scripts_read(shop: Shop, queries: Path) -> None:
    document = measured(shop, queries, TinyEmbedder(CATEGORIES)).to_json()
    wanted = {"queries", "refused", "rejected", "top1", "top5", "recall@1", "recall@5", "recall@10"}
    assert wanted | {"map@r", "ece", "per_label", "category_top1", "macro_top1"} <= document.keys()
    assert (document["queries"], document["unknown_items"]) == (48, 0)
    per_label = document["per_label"]
    assert isinstance(per_label, dict)
    assert set(per_label[format_path(APPLE)]) == {"queries", "top1", "recall@1"}


def test_foreign_photos_need_no_truth_and_no_category_columns(shop: Shop, tmp_path: Path) -> None:
    for i in range(24):
        add_further(shop, f"item-{i % 12}", 3000 + i, "val")
    rows = [{"image_path": "0.png", "item_id": "item-1"}]
    queries = write_queries(tmp_path / "queries", rows, {"0.png": QUERIES[5].data})
    folder = tmp_path / "strangers"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(painted(4000 + i))
    embedder = TinyEmbedder(CATEGORIES)
    build(shop, embedder=embedder)
    shop.update_settings(category_columns=("department", "category"))
    report = evaluate(shop, queries, unknown=[folder], embedder=embedder)
    assert report.unknown is not None
    assert [(curve.name, curve.photos) for curve in report.unknown.curves] == [("strangers", 3)]
