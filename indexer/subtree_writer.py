"""Codes of a large category and all below it: learned on its own rows, searched as far as it takes.

A filter is promised to be exact, so the recall asked for is 1.000 to three decimals, whatever the
shop has chosen for all rows; and it is measured with queries from outside the category too, whose
nearest rows lie scattered over many lists. Where that is not reached, the category is scanned. See
`index_plan` for what was measured.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.canary import Canary
from indexer.coded_index import CodedIndex, CodedRows
from indexer.faiss_index import FaissIndex
from indexer.index_plan import (
    FILTERED_RECALL,
    LEAST_FILTERED_EFFORT,
    Effort,
    IndexPlan,
    SubtreeStructure,
)
from indexer.recall_sample import RecallSample
from indexer.row_ranges import size_of, without
from indexer.tuning import learn_codes, tuned
from indexer.vector_index import RowRange, rows_in
from indexer.version_files import FileEntry, write_through
from vsearch.progress import Progress
from vsearch.taxonomy import CategoryPath, format_path


@dataclass(frozen=True)
class WrittenSubtree:
    """What the manifest says of a category; its file and its canary where it has codes."""

    structure: SubtreeStructure
    entry: FileEntry | None = None
    canary: Canary | None = None


def write_subtree(
    file: Path,
    vectors: NDArray[np.float32],
    path: CategoryPath,
    ranges: tuple[RowRange, ...],
    least_recall: float,
    plan: IndexPlan,
    progress: Progress,
) -> WrittenSubtree:
    """Write the codes of a category, if they reach the recall.

    Args:
        file: for the codes.
        vectors: all rows, (rows, dim) float32, unit length; may be memory-mapped.
        path: of the category.
        ranges: its rows, fewer than all, in as few ranges as can be.
        least_recall: recall@10 that the shop has chosen.
        plan: how codes are made.
        progress: told of the stages "codes of PATH", in rows, and "recall of PATH", in queries.
    """

    def told(stage: str, done: int, total: int) -> None:
        progress(f"{stage} of {format_path(path)}", done, total)

    def index_of(effort: Effort) -> CodedIndex:
        # It is asked for the category alone, never for all rows.
        return CodedIndex(vectors, codes, effort, [CodedRows(ranges, codes, effort)])

    codes, rows = learn_codes(vectors, rows_in(ranges), plan, told), size_of(ranges)
    inside, outside = _samples(vectors, ranges, plan, told)
    found = tuned(
        index_of,
        plan.efforts(rows, LEAST_FILTERED_EFFORT),
        [outside, inside],
        max(least_recall, FILTERED_RECALL),
    )
    if found.effort is None:
        return WrittenSubtree(SubtreeStructure(path, rows, codes_recall=found.recalls[0]))
    outer, inner = found.recalls
    structure = SubtreeStructure(
        path, rows, inner, outer, **asdict(found.effort), codes_recall=min(inner, outer)
    )
    canary = Canary.chosen(inside, index_of(found.effort.halved()))
    return WrittenSubtree(structure, write_through(file, codes.write), canary)


def _samples(
    vectors: NDArray[np.float32],
    ranges: tuple[RowRange, ...],
    plan: IndexPlan,
    progress: Progress,
) -> tuple[RecallSample, RecallSample]:
    """Return queries like the category's rows, and like all others, with answers from its rows."""
    others = without([(0, len(vectors))], ranges)
    exact = FaissIndex(vectors)
    inside, outside = (
        RecallSample.draw(vectors, exact, plan.recall_sample, progress, like=like, within=ranges)
        for like in (ranges, others)
    )
    return inside, outside
