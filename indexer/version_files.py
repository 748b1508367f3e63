"""The files of an index version: what each holds, written durably, read with suspicion."""

import hashlib
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.shop import Views
from indexer.unknown import UnknownJudge
from vsearch.errors import VersionError
from vsearch.taxonomy import CategoryPath

SCHEMA = 2
DTYPES: dict[str, np.dtype[Any]] = {
    "vectors.npy": np.dtype("<f4"),
    "rows.npy": np.dtype("<i8"),
    "photos.npy": np.dtype("u1"),
}
UNKNOWN = "unknown.json"
FILES = (*DTYPES, "categories.json", UNKNOWN)

FileEntry = dict[str, Any]
"""What the manifest says of a file: "sha256" and "bytes"."""


@dataclass(frozen=True)
class CategoryRows:
    """Where the items of one primary category lie."""

    category_id: int
    path: CategoryPath
    start: int
    stop: int


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
        files: an entry for each of FILES.
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
    schema: int = SCHEMA


def read_manifest(folder: Path) -> VersionManifest:
    """Read and check manifest.json.

    Raises:
        VersionError: no such version, or a manifest that cannot be understood.
    """
    try:
        values = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            told = f"it is of schema {values['schema']}, this program reads {SCHEMA}"
            raise VersionError(f"index version {folder.name}: {told}: run `vsearch build`")
        manifest = VersionManifest(**values)
        incomplete = [n for n in FILES if not {"sha256", "bytes"} <= manifest.files[n].keys()]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VersionError(
            f"there is no index version {folder.name} in {folder.parent}: see `vsearch versions`"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, f"manifest.json cannot be read ({error!r})") from error
    if incomplete or manifest.version not in folder.name:
        raise damaged(folder, "manifest.json is incomplete or of another version")
    return manifest


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
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
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
