"""How a search within the likely categories does, beside one among all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.answers import Answers
from indexer.retrieval_figures import RECALL_AT, found_among
from indexer.search import Searcher
from indexer.truths import Truth
from vsearch import metrics


@dataclass(frozen=True)
class RestrictedFigures:
    """Figures of `restrict="auto"`.

    Attributes:
        recall_at: for each of RECALL_AT, as for a search that is not restricted.
        within: share of queries whose likely categories were clear and so were searched first.
        widened: share of all others.
        rows: mean share of the index's rows that were looked at first.
    """

    recall_at: Mapping[int, float]
    within: float
    widened: float
    rows: float

    def to_json(self) -> dict[str, float]:
        """Return what scripts read."""
        recalls = {f"recall@{k}": share for k, share in self.recall_at.items()}
        return recalls | {"within": self.within, "widened": self.widened, "rows": self.rows}


def restricted_figures(
    searcher: Searcher, known: Sequence[Truth], answers: Answers
) -> RestrictedFigures | None:
    """Search again within each query's likely categories; None where no label tells any.

    Args:
        searcher: the model and index that answered.
        known: the truth of each of n queries.
        answers: what came back when all rows were searched.
    """
    if not len(known) or not answers.shares.any():
        return None
    hits, restrictions = searcher.search_likely(answers.embeddings, answers.shares, max(RECALL_AT))
    found = found_among(known, hits)
    within = float(np.mean([told.widened is None for told in restrictions]))
    rows = searcher.version.manifest.rows
    looked = [
        sum(stop - start for start, stop in searcher.version.ranges(told.categories))
        for told in restrictions
    ]
    return RestrictedFigures(
        recall_at={k: metrics.recall_at_k(found, k) for k in RECALL_AT},
        within=within,
        widened=1 - within,
        rows=float(np.mean(looked)) / rows if rows else 0.0,
    )
