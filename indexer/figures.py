"""From the answers to held-out photos to figures of quality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.label_figures import binary_figures, one_label_figures
from indexer.multi_label_figures import multi_label_figures
from indexer.one_class_figures import one_class_figures
from indexer.retrieval_figures import RECALL_AT, found_among, map_at_r
from indexer.search import Searcher
from indexer.truths import Truth, sold_here
from vsearch import metrics


class LabelledFigures(Protocol):
    """Figures of one label."""

    def to_json(self) -> dict[str, float]:
        """Return what scripts read."""


class Classification(Protocol):
    """How good the labels were, in the terms of one kind of classification."""

    @property
    def per_label(self) -> Mapping[str, LabelledFigures]:
        """Figures by label; none where there is only one."""

    def to_json(self) -> dict[str, object]:
        """Return what scripts read, but for `per_label`."""


@dataclass(frozen=True)
class Figures:
    """Figures of quality; None where no query could tell it.

    Attributes:
        labels: how good the classifier was.
        recall_at: for each of RECALL_AT the share whose own item is among the first so many items
            (an item of its category, where the query names no item). Photos of what the shop does
            not sell take no part where the model judges that.
        map_at_r: how far the views of the query's label come first, over ungrouped views; queries
            whose label has no view are left out. The label is that of the first label column, and
            the category where labels come from none.
    """

    labels: Classification
    recall_at: Mapping[int, float | None]
    map_at_r: float | None

    def to_json(self) -> dict[str, object]:
        """Return what scripts read; what a kind of classification does not measure is None."""
        return {
            **dict.fromkeys(("top1", "top5", "ece")),
            **self.labels.to_json(),
            **{f"recall@{k}": share for k, share in self.recall_at.items()},
            "map@r": self.map_at_r,
            "per_label": {name: one.to_json() for name, one in self.labels.per_label.items()},
        }


def figures_of(
    searcher: Searcher, known: Sequence[Truth], answers: Answers, columns: Sequence[str]
) -> Figures:
    """Compare answers with the truth.

    Args:
        searcher: what answered.
        known: the truth of each of n ≥ 1 queries.
        answers: what came back for them.
        columns: the columns that the truth was told by.
    """
    found = found_among(known, answers.hits)
    own = np.ones(len(known), bool)
    if searcher.embedder.objective.rejects:
        own = sold_here(searcher.shop, known)
    return Figures(
        labels=_classification(searcher, known, answers, found[:, 0], own),
        recall_at={k: metrics.recall_at_k(found[own], k) if own.any() else None for k in RECALL_AT},
        map_at_r=map_at_r(searcher, answers.embeddings, known, columns),
    )


def _classification(
    searcher: Searcher,
    known: Sequence[Truth],
    answers: Answers,
    first: NDArray[np.bool_],
    own: NDArray[np.bool_],
) -> Classification:
    """Measure in the terms of the model's kind of classification; the one place that decides."""
    bundle, objective = searcher.embedder.bundle, searcher.embedder.objective
    if objective.rejects:
        return one_class_figures(answers, own)
    if not objective.exclusive:
        return multi_label_figures(bundle, known, answers)
    figures = one_label_figures(bundle, known, answers, first)
    if objective.most_labels == 2:
        return binary_figures(figures, bundle.labels, known, answers)
    return figures
