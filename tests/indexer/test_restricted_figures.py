"""How search within likely categories does, recomputed from the photos and the definitions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import build
from indexer.evaluate import EvaluationReport, evaluate
from indexer.restriction import likely_categories
from indexer.shop import Shop
from tests.indexer.query_photos import blurred, write_queries
from tests.indexer.tiny_shop import (
    OWN_OR_FOREIGN,
    TinyEmbedder,
    TinyPredictions,
    make_shop,
    painted,
)
from vsearch.data import Label
from vsearch.images import load
from vsearch.taxonomy import CategoryPath

PATHS = tuple(("Food", f"Kind {number}") for number in range(8))
ITEMS = {
    f"item-{i}": (PATHS[i % 7], [10 * i + photo for photo in range(1 + i % 3)]) for i in range(21)
}  # nothing is of the eighth kind
LABELS = tuple(Label(path[-1], path) for path in PATHS)
QUERIES = [
    (item, blurred(seeds[0], 100 * i + n))
    for i, (item, (_, seeds)) in enumerate(ITEMS.items())
    for n in range(2)
]


class UnsureEmbedder(TinyEmbedder):
    """Is less sure of its labels than the other, so that some photos are not clear."""

    def __call__(self, pixels: NDArray[np.uint8]) -> TinyPredictions:
        found = super().__call__(pixels)
        return self._told(found.embeddings, found.logits / np.float32(2))


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{"image_path": f"{i}.png", "item_id": item} for i, (item, _) in enumerate(QUERIES)]
    photos = {f"{i}.png": data for i, (_, data) in enumerate(QUERIES)}
    return write_queries(tmp_path_factory.mktemp("asked") / "queries", rows, photos)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with make_shop(tmp_path_factory.mktemp("restricted"), ITEMS) as shop:
        yield shop


def measured(shop: Shop, queries: Path, embedder: TinyEmbedder) -> EvaluationReport:
    build(shop, embedder=embedder)
    return evaluate(shop, queries, embedder=embedder)


def embedded(embedder: TinyEmbedder, data: bytes) -> NDArray[np.float32]:
    return np.asarray(embedder(load(data, embedder.spec)[None]).embeddings[0])


def test_figures_are_those_of_a_search_within_each_querys_categories(
    shop: Shop, queries: Path
) -> None:
    embedder = UnsureEmbedder(LABELS)
    report = measured(shop, queries, embedder)
    figures = report.restricted
    assert figures is not None
    views = [
        (item, path, embedded(embedder, painted(seed)))
        for item, (path, seeds) in ITEMS.items()
        for seed in seeds
    ]
    ranks, clear, looked = [], 0, 0.0
    for item, data in QUERIES:
        predictions = embedder(load(data, embedder.spec)[None])
        likely: tuple[CategoryPath, ...]
        likely = likely_categories(LABELS, predictions.shares[0]).categories
        likely = tuple(path for path in likely if path != PATHS[7])
        best = sorted(views, key=lambda view: -float(predictions.embeddings[0] @ view[2]))
        first = [view for view in best if not likely or view[1] in likely]
        order = list(dict.fromkeys(name for name, *_ in [*first, *best]))
        ranks.append(order.index(item))
        clear += bool(likely)
        looked += len(first) / len(views)
    for k in (1, 5, 10):
        assert figures.recall_at[k] == pytest.approx(np.mean([rank < k for rank in ranks]))
    assert figures.within == pytest.approx(clear / len(QUERIES))
    assert figures.widened == pytest.approx(1 - clear / len(QUERIES))
    assert figures.rows == pytest.approx(looked / len(QUERIES))
    # Neither a certainty nor the figures of a search among all rows.
    assert 0 < figures.within < 1
    assert figures.recall_at != report.figures.recall_at
    assert report.to_json()["restricted"] == {
        **{f"recall@{k}": share for k, share in figures.recall_at.items()},
        "within": figures.within,
        "widened": figures.widened,
        "rows": figures.rows,
    }


def test_labels_that_tell_part_of_the_tree_are_measured_all_the_same(
    shop: Shop, queries: Path
) -> None:
    placed = [*LABELS[:2], *(Label(label.name, ()) for label in LABELS[2:])]
    report = measured(shop, queries, TinyEmbedder(placed))
    assert report.restricted is not None
    assert report.restricted.widened > 0.5
    assert 0.5 < report.restricted.rows <= 1


@pytest.mark.parametrize(
    "embedder",
    [
        TinyEmbedder([Label(label.name, ()) for label in LABELS]),
        TinyEmbedder([Label("sold here", ())], (), objective=OWN_OR_FOREIGN),
    ],
)
def test_where_no_label_tells_a_category_there_are_no_figures(
    shop: Shop, queries: Path, embedder: TinyEmbedder
) -> None:
    report = measured(shop, queries, embedder)
    assert report.restricted is None
    assert report.to_json()["restricted"] is None


def test_where_no_query_is_of_what_is_sold_there_are_no_figures(shop: Shop, tmp_path: Path) -> None:
    rows = [{"image_path": "0.png", "item_id": "of another shop"}]
    queries = write_queries(tmp_path / "queries", rows, {"0.png": QUERIES[0][1]})
    report = measured(shop, queries, TinyEmbedder(LABELS))
    assert (report.queries, report.foreign, report.restricted) == (0, 1, None)
    assert report.levels == ()
