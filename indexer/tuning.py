"""Codes of rows, and how far a search in them must go to find enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.faiss_index import RowCodes
from indexer.index_plan import Effort, IndexPlan
from indexer.recall_sample import RecallSample
from indexer.vector_index import VectorIndex
from vsearch.progress import Progress

_BLOCK = 1 << 15  # rows added at a time


@dataclass(frozen=True)
class Tuned:
    """The quickest effort that was enough, and the recall that it reached on each sample.

    Where none was enough, the effort is None, and the recall the best that one reached on the
    hardest sample.
    """

    effort: Effort | None
    recalls: tuple[float, ...]


def learn_codes(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], plan: IndexPlan, progress: Progress
) -> RowCodes:
    """Return the codes of some rows; at most some of their vectors are in memory at a time.

    Args:
        vectors: shape (all rows, dim), float32, unit length; may be memory-mapped.
        rows: shape (n,), int64, ascending.
        plan: how many lists there are, and what they are learned from.
        progress: told of the stage "codes", in rows.
    """
    lists = plan.lists(len(rows))
    progress("codes", 0, len(rows))
    some = min(len(rows), lists * plan.rows_per_list)
    drawn = np.random.default_rng(0).choice(len(rows), some, replace=False)
    codes = RowCodes.learn(vectors[rows[np.sort(drawn)]], lists)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        codes.add(vectors[block], block)
        progress("codes", start + len(block), len(rows))
    return codes


def tuned(
    index_of: Callable[[Effort], VectorIndex],
    efforts: Sequence[Effort],
    samples: Sequence[RecallSample],
    least: float,
) -> Tuned:
    """Return the first effort whose recall is enough on every sample; luck is not enough.

    Args:
        index_of: makes an index that goes as far as it is told.
        efforts: the quickest first.
        samples: the hardest first.
        least: the recall@10 that is enough.
    """
    best = 0.0
    for effort in efforts:
        index, reached = index_of(effort), []
        for sample in samples:
            recalls = sample.recalls(index)
            reached.append(float(recalls.mean()))
            # One standard error below: an effort that just reached it is as likely below as above.
            if reached[-1] - recalls.std() / np.sqrt(len(recalls)) < least:
                break
        else:
            return Tuned(effort, tuple(reached))
        best = max(best, min(reached))
    return Tuned(None, (best,))
