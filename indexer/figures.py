"""From the answers to held-out photos to figures of quality."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.labels import CATEGORY, ITEM_ID, label_name, label_of
from indexer.manifest import QueryPhoto
from indexer.search import Searcher, SearchHit
from indexer.shop import Shop
from indexer.vector_index import RowRange
from vsearch import metrics
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath, is_within

RECALL_AT = (1, 5, 10)


@dataclass(frozen=True)
class Truth:
    """What is true of a query: its item, category and label, each None where it is not known."""

    item_id: str | None
    category: CategoryPath | None
    label: str | None


@dataclass(frozen=True)
class LabelFigures:
    """How the queries of one label fared; `top1` and `recall_at_1` are shares of them."""

    queries: int
    top1: float
    recall_at_1: float

    def to_json(self) -> dict[str, float]:
        """Return what scripts read."""
        return {"queries": self.queries, "top1": self.top1, "recall@1": self.recall_at_1}


@dataclass(frozen=True)
class Figures:
    """Figures of quality; None where no query could tell it.

    Attributes:
        top1: share of queries whose label is the most probable one; a label that the model lacks
            is never right.
        top5: share whose label is among the five most probable.
        macro_top1: `top1` with every label counting the same.
        category_top1: share whose category is the most probable of the labels' categories; None
            for labels from an attribute, which are not bound to one category.
        recall_at: for each of RECALL_AT the share whose own item is among the first so many items
            (an item of its category, where the query names no item).
        map_at_r: how far the views of the query's label come first, over ungrouped views; queries
            whose label has no view are left out.
        ece: expected calibration error of the most probable label.
        per_label: by label.
    """

    top1: float | None
    top5: float | None
    macro_top1: float | None
    category_top1: float | None
    recall_at: Mapping[int, float]
    map_at_r: float | None
    ece: float | None
    per_label: Mapping[str, LabelFigures]

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "top1": self.top1,
            "top5": self.top5,
            "macro_top1": self.macro_top1,
            "category_top1": self.category_top1,
            **{f"recall@{k}": share for k, share in self.recall_at.items()},
            "map@r": self.map_at_r,
            "ece": self.ece,
            "per_label": {name: figures.to_json() for name, figures in self.per_label.items()},
        }


def truths(shop: Shop, queries: Sequence[QueryPhoto], column: str) -> list[Truth]:
    """Return what is true of each query: what it says itself, else what its item's data say.

    Args:
        shop: the shop that knows the items.
        queries: what the manifest says.
        column: what the model's labels are.
    """
    keys = shop.catalogue.item_keys({query.item_id for query in queries if query.item_id})
    items = {i.item_id: i for i in shop.catalogue.get_many(list(keys.values())).values()}
    found = []
    for query in queries:
        item = items.get(query.item_id or "")
        category = query.category or (item.category if item else None) or None
        attributes = (item.attributes if item else {}) | query.attributes
        label = label_name(column, query.item_id, category, attributes)
        found.append(Truth(query.item_id, category, label))
    return found


def figures_of(
    searcher: Searcher,
    known: Sequence[Truth],
    hits: Sequence[Sequence[SearchHit]],
    embeddings: NDArray[np.float32],
    probabilities: NDArray[np.float32],
) -> Figures:
    """Compare answers with the truth.

    Args:
        searcher: what answered.
        known: the truth of each of n ≥ 1 queries.
        hits: the first `max(RECALL_AT)` items for each, fewer in a smaller shop.
        embeddings: shape (n, dim).
        probabilities: shape (n, labels).
    """
    bundle = searcher.embedder.bundle
    found = _found(known, hits)
    labelled = [i for i, truth in enumerate(known) if truth.label is not None]
    place = {label.name: column for column, label in enumerate(bundle.labels)}
    columns = np.array([place.get(known[i].label or "", -1) for i in labelled], np.int64)
    told = probabilities[labelled]
    right = told.argmax(axis=1) == columns
    per_label = _per_label([known[i].label or "" for i in labelled], right, found[labelled, 0])
    of_categories = bundle.label_column in (CATEGORY, ITEM_ID)
    return Figures(
        top1=metrics.top_k_accuracy(told, columns, 1) if labelled else None,
        top5=metrics.top_k_accuracy(told, columns, 5) if labelled else None,
        macro_top1=float(np.mean([one.top1 for one in per_label.values()])) if labelled else None,
        category_top1=_category_top1(bundle.labels, probabilities, known)
        if of_categories
        else None,
        recall_at={k: metrics.recall_at_k(found, k) for k in RECALL_AT},
        map_at_r=_map_at_r(searcher, embeddings, known),
        ece=metrics.expected_calibration_error(told.max(axis=1), right) if labelled else None,
        per_label=per_label,
    )


def _found(known: Sequence[Truth], hits: Sequence[Sequence[SearchHit]]) -> NDArray[np.bool_]:
    """Return for each query which of its first items are what was sought, (n, most hits)."""
    found = np.zeros((len(known), max(RECALL_AT)), bool)
    for i, (truth, own) in enumerate(zip(known, hits, strict=True)):
        for rank, hit in enumerate(own):
            if truth.item_id is not None:
                found[i, rank] = hit.item.item_id == truth.item_id
            elif truth.category is not None:
                found[i, rank] = is_within(hit.item.category, truth.category)
    return found


def _per_label(
    names: Sequence[str], right: NDArray[np.bool_], first: NDArray[np.bool_]
) -> dict[str, LabelFigures]:
    rows = defaultdict(list)
    for i, name in enumerate(names):
        rows[name].append(i)
    return {
        name: LabelFigures(len(own), float(right[own].mean()), float(first[own].mean()))
        for name, own in sorted(rows.items())
    }


def _category_top1(
    labels: Sequence[Label], probabilities: NDArray[np.float32], known: Sequence[Truth]
) -> float | None:
    paths = sorted({label.path for label in labels})
    place = {path: column for column, path in enumerate(paths)}
    sums = np.zeros((len(probabilities), len(paths)), np.float32)
    for column, label in enumerate(labels):
        sums[:, place[label.path]] += probabilities[:, column]
    rows = [i for i, truth in enumerate(known) if truth.category is not None]
    columns = np.array([place.get(known[i].category or (), -1) for i in rows], np.int64)
    return metrics.top_k_accuracy(sums[rows], columns, 1) if rows else None


def _map_at_r(
    searcher: Searcher, embeddings: NDArray[np.float32], known: Sequence[Truth]
) -> float | None:
    """Search label by label, because the queries of a label share R; dead rows take no part."""
    version, column = searcher.version, searcher.embedder.bundle.label_column
    by_key = {i.key: label_of(i, column) for i in searcher.shop.catalogue.items("ok")}
    keys = version.item_keys.tolist()
    views = np.array([by_key.get(key) or "" for key in keys], object)
    live = _runs(np.array([key in by_key for key in keys], bool))
    totals = Counter(views.tolist())
    queries = defaultdict(list)
    for i, truth in enumerate(known):
        if truth.label and totals[truth.label]:
            queries[truth.label].append(i)
    summed = 0.0
    for name, own in queries.items():
        _, rows = version.index.search(embeddings[own], totals[name], live)
        relevant = (views[rows] == name).astype(bool)
        summed += len(own) * metrics.map_at_r(relevant, np.full(len(own), totals[name]))
    count = sum(map(len, queries.values()))
    return summed / count if count else None


def _runs(mask: NDArray[np.bool_]) -> list[RowRange]:
    """Return the ranges of rows for which the mask holds."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
