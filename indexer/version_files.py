"""The files of an index version: what each holds, written durably, read with suspicion."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from indexer.category_rows import CategoryRows
from indexer.index_plan import Kind, SubtreeStructure
from indexer.shop import Views
from indexer.unknown import UnknownJudge
from vsearch.errors import VersionError

SCHEMA = 4
DTYPES: dict[str, np.dtype[Any]] = {
    "vectors.npy": np.dtype("<f4"),
    "rows.npy": np.dtype("<i8"),
    "photos.npy": np.dtype("u1"),
}
UNKNOWN, CANARY, CODES = "unknown.json", "canary.json", "codes.faiss"
FILES = (*DTYPES, "categories.json", UNKNOWN, CANARY)
"""What every version has; one of many rows has `CODES` as well, and those of large categories."""

UNIT_TOLERANCE = 1e-4
_BLOCK = 1 << 16  # rows checked at a time

FileEntry = dict[str, Any]
"""What the manifest says of a file: "sha256" and "bytes"."""


@dataclass(frozen=True)
class VersionManifest:
    """The contents of manifest.json.

    Attributes:
        version: the name of the version and of its folder.
        embedding_fingerprint: which network made the vectors.
        model_fingerprint: which model served with the version when it was built.
        views: which photos became rows.
        sequence: the catalogue's change sequence that the version has taken in.
        judged_by: the val photos and the setting that the judge of what is unknown was made from.
        photos: photos of different content among the rows.
        created: time in UTC, ISO 8601.
        files: an entry for each file beside the manifest.
        least_recall: the recall@10 that the shop asked for.
        structure: how the nearest rows are found; this and what follows are those of
            `index_plan.Structure`.
    """

    version: str
    embedding_fingerprint: str
    model_fingerprint: str
    views: Views
    sequence: int
    judged_by: str
    dim: int
    rows: int
    items: int
    photos: int
    created: str
    files: dict[str, FileEntry]
    least_recall: float
    structure: Kind
    recall: float
    recall_sample: int
    probes: int
    candidates: int
    codes_recall: float | None
    subtrees: tuple[SubtreeStructure, ...]
    schema: int = SCHEMA

    @property
    def file_names(self) -> tuple[str, ...]:
        """The files beside the manifest."""
        subtrees = (name for name, _ in self.coded_subtrees)
        return (*FILES, CODES, *subtrees) if self.structure == "codes" else FILES

    @property
    def coded_subtrees(self) -> list[tuple[str, SubtreeStructure]]:
        """The large categories that have codes of their own, and the files that hold these."""
        told = ((subtree_codes(i), subtree) for i, subtree in enumerate(self.subtrees))
        return [(name, subtree) for name, subtree in told if subtree.probes]


def read_manifest(folder: Path) -> VersionManifest:
    """Read and check manifest.json.

    Raises:
        VersionError: no such version, or a manifest that cannot be understood.
    """
    try:
        values = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            told = f"it is of schema {values['schema']}, this program reads {SCHEMA}"
            raise VersionError(
                f"index version {folder.name}: {told}: `vsearch build` makes one that it reads"
            )
        subtrees = tuple(_subtree(told) for told in values.pop("subtrees"))
        manifest = VersionManifest(**values, subtrees=subtrees)
        names = manifest.file_names
        incomplete = [n for n in names if not {"sha256", "bytes"} <= manifest.files[n].keys()]
        if manifest.structure not in get_args(Kind):
            raise ValueError(f"a structure {manifest.structure!r}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VersionError(
            f"there is no index version {folder.name} in {folder.parent}: see `vsearch versions`"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, f"manifest.json cannot be read ({error!r})") from error
    if incomplete or manifest.version not in folder.name:
        raise damaged(folder, "manifest.json is incomplete or of another version")
    return manifest


def subtree_codes(number: int) -> str:
    """Return the name of the file with the codes of one of the manifest's `subtrees`."""
    return f"codes-{number}.faiss"


def _subtree(told: dict[str, Any]) -> SubtreeStructure:
    return SubtreeStructure(**told | {"path": tuple(told["path"])})


def read_categories(folder: Path, rows: int) -> tuple[CategoryRows, ...]:
    """Read categories.json and check that the ranges cover all rows in order of category_id."""
    try:
        text = (folder / "categories.json").read_text(encoding="utf-8")
        parts = [
            CategoryRows(p["category_id"], tuple(p["path"]), p["start"], p["stop"])
            for p in json.loads(text)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, f"categories.json cannot be read ({error!r})") from error
    ends = [0, *(part.stop for part in parts)]
    gapless = all(part.start == end < part.stop for part, end in zip(parts, ends, strict=False))
    ids = [part.category_id for part in parts]
    if not gapless or ends[-1] != rows or ids != sorted(set(ids)):
        raise damaged(folder, f"its categories do not cover its {rows} rows in order")
    return tuple(parts)


def read_judge(folder: Path) -> UnknownJudge | None:
    """Read unknown.json; None where the version has no judge."""
    try:
        document = json.loads((folder / UNKNOWN).read_text(encoding="utf-8"))
        return None if document is None else UnknownJudge.from_json(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, f"{UNKNOWN} cannot be read ({error!r})") from error


def check_sha256(folder: Path, manifest: VersionManifest, name: str) -> None:
    """Read a whole file, and check that it is what was written."""
    try:
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise damaged(folder, f"{name} cannot be read ({error})") from error
    if digest != manifest.files[name]["sha256"]:
        raise damaged(folder, f"{name} is not what was written (SHA-256 differs)")


def check_lengths(folder: Path, vectors: NDArray[np.float32]) -> None:
    """Check that all vectors, (rows, dim), have unit length."""
    for start in range(0, len(vectors), _BLOCK):
        lengths = np.linalg.norm(vectors[start : start + _BLOCK], axis=1)
        # Written so that NaN fails too.
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE))
        if len(wrong):
            raise damaged(folder, f"the vector of row {start + wrong[0]} has not length 1")


def open_array(folder: Path, name: str, shape: tuple[int, int]) -> NDArray[Any]:
    """Map one of the arrays into memory, read-only, and check its dtype and shape."""
    try:
        array = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(folder, f"{name} cannot be read ({error})") from error
    if array.dtype != DTYPES[name] or array.shape != shape:
        found, expected = f"{array.dtype} {array.shape}", f"{DTYPES[name]} {shape}"
        raise damaged(folder, f"{name} is {found}, expected {expected}")
    return np.asarray(array)


def write_array(
    folder: Path, name: str, shape: tuple[int, int], blocks: Iterable[NDArray[Any]]
) -> FileEntry:
    """Write one of the arrays block by block, so that the whole need never be in memory."""
    header = io.BytesIO()
    layout = {"descr": DTYPES[name].str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, layout)
    parts = (np.ascontiguousarray(block, DTYPES[name]).tobytes() for block in blocks)
    entry = write_file(folder / name, chain([header.getvalue()], parts))
    expected = len(header.getvalue()) + shape[0] * shape[1] * DTYPES[name].itemsize
    if entry["bytes"] != expected:
        raise ValueError(f"{name} got {entry['bytes']} bytes, {expected} make the shape {shape}")
    return entry


def write_file(path: Path, parts: Iterable[bytes]) -> FileEntry:
    """Write a file, wait until it is on the disk, and return its entry in the manifest."""

    def write(put: Callable[[bytes], object]) -> None:
        for part in parts:
            put(part)

    return write_through(path, write)


def write_through(path: Path, write: Callable[[Callable[[bytes], object]], object]) -> FileEntry:
    """Write a file as `write_file` does; `write` is given what takes its parts."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:

        def put(part: bytes) -> None:
            nonlocal size
            file.write(part)
            digest.update(part)
            size += len(part)

        write(put)
        file.flush()
        os.fsync(file.fileno())
    return {"sha256": digest.hexdigest(), "bytes": size}


def to_bytes(value: object) -> bytes:
    """Return the value as the text of a JSON file."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def damaged(folder: Path, what: str) -> VersionError:
    """Return the error of a version that is not what it was when it was written."""
    name = folder.name.removeprefix(".").removesuffix(".partial")
    return VersionError(
        f"index version {name} is damaged: {what}; run `vsearch build`, or `vsearch rollback` to "
        "an older one"
    )
