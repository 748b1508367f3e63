"""The same queries among the catalogue photos alone, and among the further labelled photos alone.

A shopper's photo looks more like other people's photos than like a studio's. Apart, the two tell
what the shop's own pictures are good for, and what customers' photos add.
"""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.records import Role
from indexer.retrieval_figures import (
    RECALL_AT,
    LabelledRows,
    RetrievalFigures,
    found_among,
    precisions_at_r,
    retrieval_figures,
)
from indexer.search import Searcher, SearchHit
from indexer.truths import Truth

_BATCH = 256  # queries searched at a time: their candidates lie in memory


def figures_by_views(
    searcher: Searcher,
    known: Sequence[Truth],
    answers: Answers,
    own: NDArray[np.bool_],
    column: str,
    views: LabelledRows,
) -> dict[Role, RetrievalFigures]:
    """Search each kind of view alone; kinds that the index has no live row of are left out.

    Args:
        searcher: the model and index that answered.
        known: the truth of each of n queries.
        answers: what came back when all views were searched.
        own: shape (n,), which queries take part in recall.
        column: the first of the columns where labels come from.
        views: the rows of items that the shop still sells.
    """
    photos = searcher.shop.catalogue.photos_by_key(searcher.version.photo_keys.tolist())
    roles = {key: photo.role for key, photo in photos.items()}
    row_roles = np.array([roles.get(key, "") for key in searcher.version.photo_keys.tolist()])
    found: dict[Role, RetrievalFigures] = {}
    for role in get_args(Role):
        part = views.among(row_roles == role)
        if part.count == views.count:  # nothing else was searched
            hits = answers.hits
        elif part.count:
            hits = _search(searcher, answers.embeddings, part)
        else:
            continue
        precisions = precisions_at_r(searcher, answers.embeddings, known, column, part)
        found[role] = retrieval_figures(found_among(known, hits)[own], precisions, part.count)
    return found


def _search(
    searcher: Searcher, embeddings: NDArray[np.float32], part: LabelledRows
) -> list[list[SearchHit]]:
    """Return the nearest items of each query, by their best view among some of the rows."""
    hits: list[list[SearchHit]] = []
    for start in range(0, len(embeddings), _BATCH):
        batch = embeddings[start : start + _BATCH]
        hits += searcher.items.hits(batch, max(RECALL_AT), among=part.kept)
    return hits
