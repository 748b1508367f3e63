"""Choosing and writing how a new version finds its nearest rows: by a scan, or from codes.

Codes are learned from some of the rows and hold all of them. They are searched as far as the recall
needs that the shop has chosen, measured beside the exact scan. Where no effort is enough, the
version is scanned: it is slower then, and never worse.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.canary import QUERIES, Canary
from indexer.coded_index import CodedIndex
from indexer.faiss_index import FaissIndex, RowCodes
from indexer.index_plan import Effort, IndexPlan, Structure
from indexer.recall_sample import RecallSample
from indexer.version_files import CANARY, CODES, FileEntry, to_bytes, write_file, write_through
from vsearch.progress import Progress

_BLOCK = 1 << 15  # rows added at a time


@dataclass(frozen=True)
class _Tuned:
    """The quickest effort that was enough, None where none was, and the recall it reached."""

    effort: Effort | None
    recall: float


def write_structure(
    folder: Path,
    vectors: NDArray[np.float32],
    least_recall: float,
    plan: IndexPlan,
    progress: Progress,
) -> tuple[Structure, dict[str, FileEntry]]:
    """Write codes, where they are worth it, and the canary of a version.

    Args:
        folder: of the version.
        vectors: its rows, (rows, dim) float32, unit length; may be memory-mapped.
        least_recall: recall@10 that codes must reach.
        plan: from how many rows on there are codes, and how they are made.
        progress: told of the stages "codes", in rows, and "recall", in queries.

    Returns:
        The structure for the manifest, and entries for the files written.
    """
    if not plan.has_codes(len(vectors), least_recall):
        return Structure(), {CANARY: _write_canary(folder, _scanned_canary(vectors, progress))}
    codes = _codes(vectors, plan, progress)
    sample = RecallSample.draw(vectors, FaissIndex(vectors), plan.recall_sample, progress)
    tuned = _tune(vectors, codes, sample, least_recall, plan)
    if tuned.effort is None:
        structure = Structure(codes_recall=tuned.recall)
        return structure, {CANARY: _write_canary(folder, Canary.chosen(sample))}
    probes, candidates = tuned.effort.probes, tuned.effort.candidates
    weaker = CodedIndex(vectors, codes, Effort(-(-probes // 2), -(-candidates // 2)))
    files = {
        CODES: write_through(folder / CODES, codes.write),
        CANARY: _write_canary(folder, Canary.chosen(sample, weaker)),
    }
    measured = len(sample.queries)
    return Structure("codes", tuned.recall, measured, probes, candidates, tuned.recall), files


def _scanned_canary(vectors: NDArray[np.float32], progress: Progress) -> Canary | None:
    if not len(vectors):
        return None
    sample = RecallSample.draw(vectors, FaissIndex(vectors), QUERIES, progress)
    return Canary.chosen(sample)


def _write_canary(folder: Path, canary: Canary | None) -> FileEntry:
    return write_file(folder / CANARY, [to_bytes(canary.to_json() if canary else [])])


def _codes(vectors: NDArray[np.float32], plan: IndexPlan, progress: Progress) -> RowCodes:
    """Return the codes of all rows; at most some of the rows are in memory at a time."""
    rows, lists = len(vectors), plan.lists(len(vectors))
    progress("codes", 0, rows)
    some = min(rows, lists * plan.rows_per_list)
    drawn = np.random.default_rng(0).choice(rows, some, replace=False)
    codes = RowCodes.learn(vectors[np.sort(drawn)], lists)
    for start in range(0, rows, _BLOCK):
        codes.add(vectors[start : start + _BLOCK])
        progress("codes", min(start + _BLOCK, rows), rows)
    return codes


def _tune(
    vectors: NDArray[np.float32],
    codes: RowCodes,
    sample: RecallSample,
    least_recall: float,
    plan: IndexPlan,
) -> _Tuned:
    """Find the quickest effort with enough recall; a sample that is lucky is not enough."""
    best = 0.0
    for effort in plan.efforts(len(vectors)):
        recalls = sample.recalls(CodedIndex(vectors, codes, effort))
        recall = float(recalls.mean())
        # One standard error below: an effort that just reached it is as likely below as above.
        if recall - recalls.std() / np.sqrt(len(recalls)) >= least_recall:
            return _Tuned(effort, recall)
        best = max(best, recall)
    return _Tuned(None, best)
