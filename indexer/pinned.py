"""The pair of model and index that serves, held open: builds may publish and prune meanwhile."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from indexer.shop import Current, Shop
from vsearch.errors import BundleError, ShopError, VersionError

_TRIES = 5


@dataclass(frozen=True)
class PinnedFile:
    """An open file by its name within the shop, its size in bytes and its time of change."""

    name: str
    file: BinaryIO
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class PinnedVersion:
    """What a version's manifest tells: change sequence, network, SHA-256 by name in the shop."""

    sequence: int
    embedding_fingerprint: str
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Pinned:
    """What a shop's pointers named at one moment, with all files of it.

    Attributes:
        current: the pair that served.
        trained: the newest trained model.
        files: all files of the index version and of both models.
        version: what the index version tells of itself; None without one.
    """

    current: Current
    trained: str | None
    files: tuple[PinnedFile, ...]
    version: PinnedVersion | None

    @property
    def models(self) -> tuple[str, ...]:
        """The fingerprints of the models, each once."""
        return tuple({name: None for name in (self.current.model, self.trained) if name})


@contextmanager
def pin(shop: Shop) -> Iterator[Pinned]:
    """Open the pair that serves and the newest trained model, as they are named at one moment.

    An open file is read to its end even after its folder was removed, and nothing in a version or
    a model ever changes.

    Raises:
        VersionError, BundleError: what is named is not there, or damaged.
        ShopError: CURRENT or TRAINED is damaged, or they change faster than files can be opened.
    """
    for _ in range(_TRIES):
        current, trained = shop.current(), shop.trained_model()
        with ExitStack() as stack:
            try:
                pinned = _open(shop, current, trained, stack)
            except (FileNotFoundError, NotADirectoryError) as error:
                missing = error
            else:
                yield pinned
                return
        if (shop.current(), shop.trained_model()) == (current, trained):
            raise _absent(shop, missing) from missing
    raise ShopError("the shop's index versions change too fast to be read: try again")


def _open(shop: Shop, current: Current, trained: str | None, stack: ExitStack) -> Pinned:
    folders = [shop.models / name for name in {current.model: 0, trained: 0} if name]
    if current.index is not None:
        folders.append(shop.indexes / current.index)
    files = tuple(_open_file(shop, path, stack) for folder in folders for path in _files_of(folder))
    for folder in folders:  # still there by its name: so it was whole while it was listed
        folder.stat()
    return Pinned(current, trained, files, _version(current, files))


def _files_of(folder: Path) -> list[Path]:
    listed = sorted(path for path in folder.rglob("*") if not path.is_dir())
    if not listed:
        raise FileNotFoundError(2, "there are no files", str(folder))
    return listed


def _open_file(shop: Shop, path: Path, stack: ExitStack) -> PinnedFile:
    file = stack.enter_context(path.open("rb"))
    status = os.fstat(file.fileno())
    name = path.relative_to(shop.path).as_posix()
    return PinnedFile(name, file, status.st_size, status.st_mtime_ns)


def _version(current: Current, files: tuple[PinnedFile, ...]) -> PinnedVersion | None:
    if current.index is None:
        return None
    folder = f"indexes/{current.index}"
    try:
        file = next(one.file for one in files if one.name == f"{folder}/manifest.json")
        manifest: Mapping[str, Any] = json.loads(file.read())
        file.seek(0)
        digests = {
            f"{folder}/{name}": str(told["sha256"]) for name, told in manifest["files"].items()
        }
        fingerprint = str(manifest["embedding_fingerprint"])
        return PinnedVersion(int(manifest["sequence"]), fingerprint, digests)
    except (StopIteration, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VersionError(
            f"index version {current.index} is damaged: its manifest.json cannot be read; run "
            "`vsearch build`"
        ) from error


def _absent(shop: Shop, missing: OSError) -> ShopError | BundleError:
    path = Path(missing.filename)
    if path.is_relative_to(shop.models):
        return BundleError(f"{path} is missing, which the shop names as a model: train again")
    return VersionError(f"{path} is missing, which CURRENT names: run `vsearch build`")
