"""Choosing and writing how a new version finds its nearest rows: by a scan, or from codes.

Codes are learned from some of the rows and hold all of them. They are searched as far as the recall
needs that the shop has chosen, measured beside the exact scan. Where no effort is enough, the
version is scanned: it is slower then, and never worse. So are large categories that get codes of
their own.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.canary import QUERIES, Canary
from indexer.category_rows import CategoryRows, large_subtrees, subtree_ranges
from indexer.coded_index import CodedIndex
from indexer.faiss_index import FaissIndex
from indexer.index_plan import IndexPlan, Structure
from indexer.recall_sample import RecallSample
from indexer.subtree_writer import write_subtree
from indexer.tuning import learn_codes, tuned
from indexer.version_files import (
    CANARY,
    CODES,
    FileEntry,
    subtree_codes,
    to_bytes,
    write_file,
    write_through,
)
from vsearch.progress import Progress


def write_structure(
    folder: Path,
    vectors: NDArray[np.float32],
    categories: Sequence[CategoryRows],
    least_recall: float,
    plan: IndexPlan,
    progress: Progress,
) -> tuple[Structure, dict[str, FileEntry]]:
    """Write codes, where they are worth it, and the canaries of a version.

    Args:
        folder: of the version.
        vectors: its rows, (rows, dim) float32, unit length; may be memory-mapped.
        categories: where the rows of each category lie.
        least_recall: recall@10 that codes must reach.
        plan: from how many rows on there are codes, and how they are made.
        progress: told of the stages "codes", in rows, and "recall", in queries; for each large
            category again, with its name.

    Returns:
        The structure for the manifest, and entries for the files written.
    """
    if not plan.has_codes(len(vectors), least_recall):
        return Structure(), _write_canaries(folder, [_scanned_canary(vectors, progress)])
    structure, files, canary = _write_codes(folder, vectors, least_recall, plan, progress)
    if structure.structure == "exact":
        return structure, _write_canaries(folder, [canary])
    subtrees, canaries = [], [canary]
    for number, path in enumerate(large_subtrees(categories, plan.subtree_rows)):
        file, ranges = folder / subtree_codes(number), subtree_ranges(categories, path)
        subtree = write_subtree(file, vectors, path, ranges, least_recall, plan, progress)
        subtrees.append(subtree.structure)
        if subtree.entry and subtree.canary:
            files[file.name] = subtree.entry
            canaries.append(subtree.canary)
    return replace(structure, subtrees=tuple(subtrees)), files | _write_canaries(folder, canaries)


def _write_codes(
    folder: Path,
    vectors: NDArray[np.float32],
    least_recall: float,
    plan: IndexPlan,
    progress: Progress,
) -> tuple[Structure, dict[str, FileEntry], Canary]:
    """Write codes of all rows, if they reach the recall."""
    codes = learn_codes(vectors, np.arange(len(vectors)), plan, progress)
    sample = RecallSample.draw(vectors, FaissIndex(vectors), plan.recall_sample, progress)
    index_of = partial(CodedIndex, vectors, codes)
    found = tuned(index_of, plan.efforts(len(vectors)), [sample], least_recall)
    (recall,) = found.recalls
    if found.effort is None:
        return Structure(codes_recall=recall), {}, Canary.chosen(sample)
    structure = Structure(
        "codes", recall, len(sample.queries), **asdict(found.effort), codes_recall=recall
    )
    canary = Canary.chosen(sample, index_of(found.effort.halved()))
    return structure, {CODES: write_through(folder / CODES, codes.write)}, canary


def _scanned_canary(vectors: NDArray[np.float32], progress: Progress) -> Canary | None:
    if not len(vectors):
        return None
    sample = RecallSample.draw(vectors, FaissIndex(vectors), QUERIES, progress)
    return Canary.chosen(sample)


def _write_canaries(folder: Path, canaries: Sequence[Canary | None]) -> dict[str, FileEntry]:
    documents = [canary.to_json() if canary else [] for canary in canaries]
    return {CANARY: write_file(folder / CANARY, [to_bytes(documents)])}
