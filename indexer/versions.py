"""Index versions: folders that are opened, verified, listed, rolled back to, pruned.

A version holds, per row, the vector (vectors.npy), item and photo (rows.npy) and the photo's
content hash (photos.npy). Rows lie sorted by (category_id, item_key, position, photo_key), so every
category is one range of rows (categories.json). Many rows have codes as well (codes.faiss), and
so have large categories (codes-0.faiss and so on).
unknown.json holds what tells photos of what is not sold, canary.json a few queries with their
answers. manifest.json tells how it was made, with the SHA-256 of each file; it is written last.
Nothing in a version changes after it has its name.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.canary import Canary
from indexer.category_rows import CategoryRows
from indexer.faiss_index import FaissIndex
from indexer.row_ranges import merged
from indexer.shop import Current, Shop
from indexer.structure_reader import open_index, read_canaries
from indexer.unknown import UnknownJudge
from indexer.vector_index import RowRange, VectorIndex
from indexer.version_files import (
    UNIT_TOLERANCE,
    VersionManifest,
    check_lengths,
    check_sha256,
    damaged,
    open_array,
    read_categories,
    read_judge,
    read_manifest,
)
from vsearch.errors import VersionError
from vsearch.taxonomy import CategoryPath, is_within

KEEP = 3

_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
_SELF_SEARCHES = 64


@dataclass(frozen=True)
class IndexVersion:
    """An open version; its arrays are memory-mapped and read-only.

    Attributes:
        folder: where it lies.
        manifest: how it was made.
        vectors: shape (rows, dim), float32, unit length.
        item_keys: shape (rows,), int64.
        photo_keys: shape (rows,), int64.
        photo_hashes: shape (rows, 32), uint8: the SHA-256 of each row's photo.
        categories: the range of each category, in the order of the rows.
        index: finds the nearest rows; from codes where the version has them.
        judge: tells photos of what the shop does not sell; None where val photos were too few.
        canaries: queries with known answers, in all rows and in each category with codes.
    """

    folder: Path
    manifest: VersionManifest
    vectors: NDArray[np.float32]
    item_keys: NDArray[np.int64]
    photo_keys: NDArray[np.int64]
    photo_hashes: NDArray[np.uint8]
    categories: tuple[CategoryRows, ...]
    index: VectorIndex
    judge: UnknownJudge | None
    canaries: tuple[Canary, ...]

    @classmethod
    def open(cls, folder: Path) -> "IndexVersion":
        """Open a version after a check of its manifest, the files' sizes, and the canaries.

        Known rows must score as they did when it was built, and codes answer as they did.

        Raises:
            VersionError: something is missing or not as the manifest says.
        """
        manifest = read_manifest(folder)
        for name in manifest.file_names:
            path, told = folder / name, manifest.files[name]["bytes"]
            there = path.stat().st_size if path.is_file() else 0
            # A mapped file that is too short would kill the process that reads its end.
            if there != told:
                raise damaged(folder, f"{name} has {there} bytes, its manifest says {told}")
        vectors = open_array(folder, "vectors.npy", (manifest.rows, manifest.dim))
        rows = open_array(folder, "rows.npy", (manifest.rows, 2))
        hashes = open_array(folder, "photos.npy", (manifest.rows, 32))
        categories = read_categories(folder, manifest.rows)
        index, judge = open_index(folder, manifest, vectors, categories), read_judge(folder)
        canaries = read_canaries(folder, manifest, categories)
        if not all(canary.still_scores(vectors) for canary in canaries):
            raise damaged(folder, "rows no longer score as they did when it was built")
        keys, photos = rows[:, 0], rows[:, 1]
        version = cls(
            folder, manifest, vectors, keys, photos, hashes, categories, index, judge, canaries
        )
        # Without codes that would be a scan of all rows, which `verify` makes.
        if manifest.structure == "codes":
            version._ask_canaries(index)
        return version

    @property
    def exact(self) -> VectorIndex:
        """Finds the nearest rows without codes: by a scan, whatever the version has."""
        return FaissIndex(self.vectors)

    def scanned(self) -> "IndexVersion":
        """Return the same version, searched without codes: always the true answer."""
        return replace(self, index=self.exact)

    @property
    def name(self) -> str:
        """The version's name."""
        return self.manifest.version

    @property
    def embedding_fingerprint(self) -> str:
        """Which network made the vectors."""
        return self.manifest.embedding_fingerprint

    def paths(self, now: Mapping[int, CategoryPath]) -> Iterator[CategoryPath]:
        """Yield the path of each of `categories`, as it is now where that is told by number."""
        yield from (now.get(part.category_id, part.path) for part in self.categories)

    def ranges(
        self, subtrees: Sequence[CategoryPath] = (), now: Mapping[int, CategoryPath] | None = None
    ) -> list[RowRange]:
        """Return the rows of items within any of the subtrees, merged and sorted; all for none.

        Args:
            subtrees: paths of categories.
            now: the paths by number, as the catalogue has them now; None: as it had them.
        """
        if not subtrees:
            return [(0, self.manifest.rows)] if self.manifest.rows else []
        within = (
            (part.start, part.stop)
            for part, path in zip(self.categories, self.paths(now or {}), strict=True)
            if any(is_within(path, subtree) for subtree in subtrees)
        )
        return list(merged(within))

    def hashes(self) -> set[str]:
        """Return the content hashes of all photos in the index."""
        return {row.tobytes().hex() for row in self.photo_hashes}

    def verify(self) -> None:
        """Read everything again and check that it is what the manifest says and searchable.

        Raises:
            VersionError: a file has changed, a vector is not finite or not of unit length, rows
                are out of order, a vector does not find itself, or a canary has other answers.
        """
        for name in self.manifest.file_names:
            check_sha256(self.folder, self.manifest, name)
        self._verify_vectors()
        self._verify_rows()
        for index in (self.index, self.exact):
            self._ask_canaries(index)

    def _ask_canaries(self, index: VectorIndex) -> None:
        if not all(canary.still_answers(index) for canary in self.canaries):
            told = "known queries are not answered as they were when it was built"
            raise damaged(self.folder, told)

    def _verify_vectors(self) -> None:
        check_lengths(self.folder, self.vectors)
        sample = np.arange(0, self.manifest.rows, max(1, self.manifest.rows // _SELF_SEARCHES))
        scores, _ = self.exact.search(self.vectors[sample], 1)
        lost = np.flatnonzero(scores[:, 0] < 1 - 3 * UNIT_TOLERANCE)
        if len(lost):
            raise damaged(self.folder, f"the vector of row {sample[lost[0]]} is not found")

    def _verify_rows(self) -> None:
        if len(np.unique(self.photo_keys)) != self.manifest.rows:
            raise damaged(self.folder, "a photo has more than one row")
        if len(np.unique(self.item_keys)) != self.manifest.items:
            raise damaged(self.folder, f"there are not {self.manifest.items} items in its rows")
        for part in self.categories:
            if (np.diff(self.item_keys[part.start : part.stop]) < 0).any():
                raise damaged(self.folder, f"the rows of {part.path} are out of order")


@dataclass(frozen=True)
class VersionEntry:
    """A version as a listing shows it; `problem` says why its manifest cannot be read."""

    name: str
    current: bool
    manifest: VersionManifest | None
    problem: str | None

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch versions --json` prints."""
        manifest = asdict(self.manifest) if self.manifest else {}
        return {"version": self.name, "current": self.current, "problem": self.problem, **manifest}


def versions(shop: Shop) -> list[VersionEntry]:
    """List the shop's versions, the newest first; a damaged one is listed with its problem."""
    current = shop.current().index
    entries = []
    for folder in reversed(version_folders(shop)):
        try:
            manifest, problem = read_manifest(folder), None
        except VersionError as error:
            manifest, problem = None, str(error)
        entries.append(VersionEntry(folder.name, folder.name == current, manifest, problem))
    return entries


def rollback(shop: Shop, version: str | None = None) -> Current:
    """Let an older version serve again, together with the model it was built with.

    Builds keep that model from then on, until a newer one is trained or another one promoted.

    Args:
        shop: the shop.
        version: its name; None for the newest one older than what serves, versions of a model that
            somebody has gone back from before left out.

    Raises:
        VersionError: no such version, a damaged one, or its model is gone.
        BusyError: a build is running.
    """
    with shop.lock("build"):
        name = version or _older(shop)
        if not _NAME.fullmatch(name):
            raise VersionError(f"“{name}” is no index version: see `vsearch versions`")
        target = IndexVersion.open(shop.indexes / name)
        target.verify()
        model = target.manifest.model_fingerprint
        if not (shop.models / model).is_dir():
            raise VersionError(
                f"index version {target.name} was built with model {model}, which is no longer "
                f"in {shop.models}: choose another one of `vsearch versions`"
            )
        newest = shop.trained_model()
        current = Current(model, target.name, newest if newest != model else None)
        shop.publish(current)
        return current


def prune(shop: Shop, keep: int = KEEP) -> list[str]:
    """Remove all but the newest versions and what crashes left; return the names removed.

    The version that serves always stays, and so does the newest one of another model: however often
    the index was built since, the model before can be gone back to. The caller holds the shop's
    build lock.
    """
    current, folders = shop.current(), version_folders(shop)
    others = (one.name for one in reversed(folders) if built_with(one) not in {None, current.model})
    kept = {current.index, next(others, None)}
    names = [folder.name for folder in folders]
    removed = [name for name in names[: max(0, len(names) - keep)] if name not in kept]
    for name in removed:
        # Hidden first: a crash in the middle of deleting must not leave half a version.
        (shop.indexes / name).rename(shop.indexes / f".{name}.removed")
    clear_leftovers(shop)
    return removed


def clear_leftovers(shop: Shop) -> None:
    """Remove what crashes left: versions half written or half deleted.

    The caller holds the shop's build lock.
    """
    for leftover in shop.indexes.glob(".*"):
        shutil.rmtree(leftover, ignore_errors=True)


def version_folders(shop: Shop) -> list[Path]:
    """Return the folders of all versions, the oldest first; names sort by time."""
    return sorted(path for path in shop.indexes.glob("*") if _NAME.fullmatch(path.name))


def _older(shop: Shop) -> str:
    current = shop.current()
    folders = [one for one in version_folders(shop) if current.index and one.name < current.index]
    left = current.chosen_over
    older = [one.name for one in folders if left is None or built_with(one) != left]
    if not older:
        raise VersionError(
            "there is no older index version to roll back to: see `vsearch versions`"
        )
    return older[-1]


def built_with(folder: Path) -> str | None:
    """Return the model that a version was built with; None where its manifest is damaged."""
    try:
        return read_manifest(folder).model_fingerprint
    except VersionError:
        return None
