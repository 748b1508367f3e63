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
from indexer.records import Role
from indexer.retrieval_figures import (
    LabelledRows,
    RetrievalFigures,
    found_among,
    precisions_at_r,
    retrieval_figures,
)
from indexer.search import Searcher
from indexer.truths import Truth, sold_here
from indexer.view_figures import figures_by_views
from vsearch.intervals import Interval


class LabelledFigures(Protocol):
    """Figures of one label."""

    def to_json(self) -> dict[str, float]:
        """Return what scripts read."""


class Classification(Protocol):
    """How good the labels were, in the terms of one kind of classification."""

    @property
    def per_label(self) -> Mapping[str, LabelledFigures]:
        """Figures by label; none where there is only one."""

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """The 95 % intervals of the figures, by their names in `to_json`."""

    def to_json(self) -> dict[str, object]:
        """Return what scripts read, but for `per_label` and `intervals`."""


@dataclass(frozen=True)
class Figures:
    """Figures of quality; None where no query could tell it.

    Attributes:
        labels: how good the classifier was.
        search: how well all views were found. Photos of what the shop does not sell take no part
            in its recall where the model judges that. The label is that of the first label column,
            and the category where labels come from none.
        by_views: the same for the same queries among the catalogue photos alone ("catalogue") and
            among the further labelled photos alone ("further"), where the index has such.
    """

    labels: Classification
    search: RetrievalFigures
    by_views: Mapping[Role, RetrievalFigures]

    @property
    def recall_at(self) -> Mapping[int, float | None]:
        """For each of RECALL_AT the share found among the first so many items."""
        return self.search.recall_at

    @property
    def map_at_r(self) -> float | None:
        """How far the views of the query's label come first."""
        return self.search.map_at_r

    @property
    def intervals(self) -> dict[str, Interval]:
        """The 95 % interval of every figure that was measured, by its name in `to_json`."""
        return {**self.labels.intervals, **self.search.intervals}

    def to_json(self) -> dict[str, object]:
        """Return what scripts read; what a kind of classification does not measure is None."""
        return {
            **dict.fromkeys(("top1", "top5", "ece")),
            **self.labels.to_json(),
            **self.search.to_json(),
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "by_views": {role: one.apart() for role, one in self.by_views.items()},
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
    views = LabelledRows.live(searcher, columns)
    precisions = precisions_at_r(searcher, answers.embeddings, known, columns[0], views)
    return Figures(
        labels=_classification(searcher, known, answers, found[:, 0], own),
        search=retrieval_figures(found[own], precisions, views.count),
        by_views=figures_by_views(searcher, known, answers, own, columns[0], views),
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
