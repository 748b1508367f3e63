"""Opening what finds the nearest rows of a version: its codes and its canaries."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.canary import Canary
from indexer.category_rows import CategoryRows, subtree_ranges
from indexer.coded_index import CodedIndex, CodedRows
from indexer.faiss_index import FaissIndex, RowCodes
from indexer.index_plan import Effort
from indexer.row_ranges import size_of
from indexer.vector_index import RowRange, VectorIndex
from indexer.version_files import CANARY, CODES, VersionManifest, check_sha256, damaged

Categories = tuple[CategoryRows, ...]


def open_index(
    folder: Path, manifest: VersionManifest, vectors: NDArray[np.float32], categories: Categories
) -> VectorIndex:
    """Return what finds the nearest of the version's vectors, as its manifest says.

    Raises:
        VersionError: codes are damaged.
    """
    if manifest.structure == "exact":
        return FaissIndex(vectors)
    parts = []
    for name, subtree in manifest.coded_subtrees:
        ranges = subtree_ranges(categories, subtree.path)
        codes = _read_codes(folder, manifest, name, size_of(ranges))
        parts.append(CodedRows(ranges, codes, Effort(subtree.probes, subtree.candidates)))
    whole = _read_codes(folder, manifest, CODES, manifest.rows)
    return CodedIndex(vectors, whole, Effort(manifest.probes, manifest.candidates), parts)


def _read_codes(folder: Path, manifest: VersionManifest, name: str, rows: int) -> RowCodes:
    """Read codes of so many rows.

    They are checked against their SHA-256 first: FAISS believes whatever a file says, and a wrong
    length in it can take all memory. A million rows take .1 s.
    """
    check_sha256(folder, manifest, name)
    try:
        codes = RowCodes.read(folder / name)
    except ValueError as error:
        raise damaged(folder, f"{name} cannot be read ({error})") from error
    if (codes.rows, codes.dim) != (rows, manifest.dim):
        raise damaged(folder, f"{name} has {codes.rows} rows of {codes.dim} dimensions")
    return codes


def read_canaries(
    folder: Path, manifest: VersionManifest, categories: Categories
) -> tuple[Canary, ...]:
    """Read canary.json: queries in all rows, then in each category that has codes of its own.

    Raises:
        VersionError: it cannot be understood.
    """
    subtrees = [subtree_ranges(categories, one.path) for _, one in manifest.coded_subtrees]
    asked: list[tuple[RowRange, ...] | None] = [None, *subtrees]
    try:
        documents = json.loads((folder / CANARY).read_text(encoding="utf-8"))
        return _canaries(documents, manifest, asked)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise damaged(folder, f"{CANARY} cannot be read ({error})") from error


def _canaries(
    documents: Any,  # noqa: ANN401  any JSON
    manifest: VersionManifest,
    asked: list[tuple[RowRange, ...] | None],
) -> tuple[Canary, ...]:
    if not isinstance(documents, list) or len(documents) != len(asked):
        raise TypeError(f"a list of {len(asked)} canaries was expected")
    told = zip(documents, asked, strict=True)
    return tuple(Canary.from_json(one, manifest.dim, manifest.rows, rows) for one, rows in told)
