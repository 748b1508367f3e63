"""How well a search finds: recall over items, and how far a label's own views come first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.labels import labels_of
from indexer.search import Searcher, SearchHit
from indexer.truths import Truth
from indexer.vector_index import RowRange
from vsearch import metrics
from vsearch.intervals import Interval, bootstrap, wilson
from vsearch.taxonomy import is_within

RECALL_AT = (1, 5, 10)


def found_among(known: Sequence[Truth], hits: Sequence[Sequence[SearchHit]]) -> NDArray[np.bool_]:
    """Return for each query which of its first items are what was sought.

    That is the query's own item or, where it names none, any item of its category.

    Args:
        known: the truth of each of n queries.
        hits: the first `max(RECALL_AT)` items for each, fewer in a smaller shop.

    Returns:
        Shape (n, max(RECALL_AT)).
    """
    found = np.zeros((len(known), max(RECALL_AT)), bool)
    for i, (truth, own) in enumerate(zip(known, hits, strict=True)):
        for rank, hit in enumerate(own):
            if truth.item_id is not None:
                found[i, rank] = hit.item.item_id == truth.item_id
            elif truth.category is not None:
                found[i, rank] = is_within(hit.item.category, truth.category)
    return found


@dataclass(frozen=True)
class LabelledRows:
    """Which rows of an index count, and the rows of every label of the first column.

    Attributes:
        kept: shape (rows,); rows of items that are gone do not count.
        of_label: by the label's name.
    """

    kept: NDArray[np.bool_]
    of_label: Mapping[str, Sequence[int]]

    @classmethod
    def live(cls, searcher: Searcher, columns: Sequence[str]) -> "LabelledRows":
        """Return the rows of all items that the shop still sells.

        Args:
            searcher: the model and index.
            columns: where labels come from.
        """
        by_key = {
            item.key: labels_of(item, columns).get(columns[0], ())
            for item in searcher.shop.catalogue.items("ok")
        }
        keys = searcher.version.item_keys.tolist()
        of_label = defaultdict(list)
        for row, key in enumerate(keys):
            for name in by_key.get(key, ()):
                of_label[name].append(row)
        return cls(np.array([key in by_key for key in keys], bool), of_label)

    def among(self, rows: NDArray[np.bool_]) -> "LabelledRows":
        """Return those of the rows that `rows`, (rows,), holds for."""
        return LabelledRows(self.kept & rows, self.of_label)

    @property
    def count(self) -> int:
        """How many rows count."""
        return int(self.kept.sum())

    @property
    def ranges(self) -> list[RowRange]:
        """The rows that count, as sorted ranges."""
        edges = np.flatnonzero(np.diff(self.kept.astype(np.int8), prepend=0, append=0)).tolist()
        return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True)
class RetrievalFigures:
    """How well the views of a shop, or some of them, are found; None where no query could tell.

    Attributes:
        rows: how many views were searched.
        recall_at: for each of RECALL_AT the share whose own item is among the first so many items
            (an item of its category, where the query names no item).
        map_at_r: how far the views of the query's label come first, over ungrouped views; queries
            whose label has no view are left out.
        intervals: the 95 % interval of every figure that was measured.
    """

    rows: int
    recall_at: Mapping[int, float | None]
    map_at_r: float | None
    intervals: Mapping[str, Interval]

    def to_json(self) -> dict[str, object]:
        """Return what scripts read, but for `rows` and `intervals`."""
        recalls = {f"recall@{k}": share for k, share in self.recall_at.items()}
        return {**recalls, "map@r": self.map_at_r}

    def apart(self) -> dict[str, object]:
        """Return what scripts read of some of the views, searched apart."""
        intervals = {name: list(ends) for name, ends in self.intervals.items()}
        return {"rows": self.rows, **self.to_json(), "intervals": intervals}


def retrieval_figures(
    found: NDArray[np.bool_], precisions: NDArray[np.float64], rows: int
) -> RetrievalFigures:
    """Average over the queries.

    Args:
        found: shape (n, max(RECALL_AT)), of the n ≥ 0 queries that take part: see `found_among`.
        precisions: shape (m,), see `precisions_at_r`.
        rows: how many views were searched.
    """
    recall_at: dict[int, float | None] = dict.fromkeys(RECALL_AT)
    intervals: dict[str, Interval] = {}
    for k in RECALL_AT if len(found) else ():
        recall_at[k] = share = metrics.recall_at_k(found, k)
        intervals[f"recall@{k}"] = wilson(share, len(found))
    told = precisions[np.isfinite(precisions)]
    if len(told):
        intervals["map@r"] = bootstrap(lambda drawn: float(told[drawn].mean()), len(told))
    return RetrievalFigures(rows, recall_at, float(told.mean()) if len(told) else None, intervals)


def precisions_at_r(
    searcher: Searcher,
    embeddings: NDArray[np.float32],
    known: Sequence[Truth],
    column: str,
    views: LabelledRows,
) -> NDArray[np.float64]:
    """Return the average precision at R of every query, over ungrouped views.

    Relevant to a query is every view that has a label of it in the column. Searched label by label,
    because the queries of a label share R.

    Args:
        searcher: the model and index that answered.
        embeddings: shape (n, dim), of the queries.
        known: the truth of each query.
        column: the first of the columns where labels come from.
        views: which rows are searched.

    Returns:
        Shape (n,), NaN where the query's label has no view.
    """
    precisions, ranges = np.full(len(known), np.nan), views.ranges
    queries = defaultdict(list)
    for i, truth in enumerate(known):
        queries[truth.labels.get(column, ())].append(i)
    for names, own in queries.items():
        relevant = np.zeros(len(views.kept), bool)
        for name in names:
            relevant[views.of_label.get(name, [])] = True
        relevant &= views.kept
        if total := int(relevant.sum()):
            _, rows = searcher.version.index.search(embeddings[own], total, ranges)
            for i, nearest in zip(own, relevant[rows], strict=True):
                precisions[i] = metrics.map_at_r(nearest[None], np.array([total]))
    return precisions
