"""How well a search finds: recall over items, and how far a label's own views come first."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.labels import labels_of
from indexer.search import Searcher, SearchHit
from indexer.truths import Truth
from indexer.vector_index import RowRange
from vsearch import metrics
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


def map_at_r(
    searcher: Searcher,
    embeddings: NDArray[np.float32],
    known: Sequence[Truth],
    columns: Sequence[str],
) -> float | None:
    """Return mean average precision at R over ungrouped views; None if no query has a view.

    Relevant to a query is every view that has a label of it in the first column. Searched label by
    label, because the queries of a label share R; rows of items that are gone take no part.

    Args:
        searcher: the model and index that answered.
        embeddings: shape (n, dim), of the queries.
        known: the truth of each query.
        columns: where labels come from.
    """
    live, rows_of = _views(searcher, columns)
    queries = defaultdict(list)
    for i, truth in enumerate(known):
        queries[truth.labels.get(columns[0], ())].append(i)
    summed = count = 0.0
    for names, own in queries.items():
        relevant = np.zeros(searcher.version.manifest.rows, bool)
        for name in names:
            relevant[rows_of.get(name, [])] = True
        if total := int(relevant.sum()):
            _, rows = searcher.version.index.search(embeddings[own], total, live)
            summed += len(own) * metrics.map_at_r(relevant[rows], np.full(len(own), total))
            count += len(own)
    return summed / count if count else None


def _views(
    searcher: Searcher, columns: Sequence[str]
) -> tuple[list[RowRange], dict[str, list[int]]]:
    """Return the ranges of live rows, and the live rows of every label of the first column."""
    by_key = {
        item.key: labels_of(item, columns).get(columns[0], ())
        for item in searcher.shop.catalogue.items("ok")
    }
    keys = searcher.version.item_keys.tolist()
    rows_of = defaultdict(list)
    for row, key in enumerate(keys):
        for name in by_key.get(key, ()):
            rows_of[name].append(row)
    return _runs(np.array([key in by_key for key in keys], bool)), rows_of


def _runs(mask: NDArray[np.bool_]) -> list[RowRange]:
    """Return the ranges of rows for which the mask holds."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
