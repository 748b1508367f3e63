"""A shop from a backup: unpacked and checked under a hidden name, then there in one step."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.archive import Megabytes
from indexer.archive_reader import read_archive
from indexer.drafts import draft_beside
from indexer.integrity import integrity_problem
from indexer.pair import check_pair, check_sequence, load_model, schema_of
from indexer.photo_files import look_for_photos
from indexer.shop import Shop
from indexer.version_files import SCHEMA as VERSION_SCHEMA
from indexer.versions import IndexVersion
from vsearch.bundle import READABLE, Bundle
from vsearch.errors import ArchiveError, ShopError, VsearchError
from vsearch.progress import Progress, silent
from vsearch.storage import sync_path, sync_tree


@dataclass(frozen=True)
class RestoreReport:
    """What a restored shop holds.

    Attributes:
        path: where it lies.
        name: what people call the shop.
        items: of the catalogue.
        sequence: the last change that is in.
        model: model_fingerprint of the model that serves.
        version: the index version that serves.
        photos_missing: photo files of the catalogue that are not on this machine.
        notes: what is to be done before the shop serves as before.
        files: files of the backup.
        bytes: their size.
        seconds: how long it took.
    """

    path: str
    name: str
    items: int
    sequence: int
    model: str | None
    version: str | None
    photos_missing: int
    notes: tuple[str, ...]
    files: int
    bytes: int
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch restore --json` prints."""
        return asdict(self)


def restore(archive: Path, target: Path, *, progress: Progress = silent) -> RestoreReport:
    """Make a shop of a backup, which was checked to the last byte before the shop's folder appears.

    Args:
        archive: a backup, file or folder; it stays as it is.
        target: a new or empty folder for the shop.
        progress: told of the stages "unpack" (MB) and "photo files".

    Raises:
        ShopError: there is something at the target already.
        ArchiveError: the backup is damaged, incomplete, of a newer program, or none.
        BusyError: another process is writing the same target.
    """
    started = time.monotonic()
    archive, target = Path(archive).absolute(), Path(target).resolve()
    _check_target(target)
    with draft_beside(target) as draft:
        folder = draft / "shop"
        folder.mkdir()
        contents = read_archive(archive, folder, Megabytes("unpack", _size(archive), progress))
        told = _checked(archive, folder, progress)
        sync_tree(folder)
        _check_target(target)
        folder.rename(target)
        sync_path(target.parent)
    return RestoreReport(
        path=str(target),
        **told,
        files=len(contents.entries),
        bytes=sum(entry.bytes for entry in contents.entries.values()),
        seconds=round(time.monotonic() - started, 3),
    )


def _check_target(target: Path) -> None:
    if target.is_mount():
        raise ShopError(f"{target} is where a disk is mounted: name a new folder within it")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ShopError(f"{target} is there already and not empty: name a new folder for the shop")


def _size(archive: Path) -> int:
    if archive.is_dir():
        return sum(path.stat().st_size for path in archive.rglob("*") if path.is_file())
    return archive.stat().st_size if archive.is_file() else 0


def _checked(archive: Path, folder: Path, progress: Progress) -> dict[str, Any]:
    """Open what was unpacked and see that it can serve; return what is told of it."""
    try:
        with Shop.open(folder) as shop:
            notes = _check_serving(shop)
            with shop.catalogue.frozen() as connection:
                size = shop.catalogue.path.stat().st_size
                if problem := integrity_problem(connection, size):
                    raise ArchiveError(f"its catalogue is damaged: {problem}")
                photos = look_for_photos(connection, shop.path, progress)
            current = shop.current()
            return {
                "name": shop.settings.name,
                "items": shop.catalogue.counts(0).items,
                "sequence": shop.catalogue.seq(),
                "model": current.model,
                "version": current.index,
                "photos_missing": photos.absent,
                "notes": notes,
            }
    except VsearchError as error:
        hidden = str(error).replace(f"{folder}/", "")
        raise ArchiveError(f"the backup {archive} cannot be used: {hidden}") from error


def _check_serving(shop: Shop) -> tuple[str, ...]:
    """Check the pair that serves and the newest model; return what an older program's need."""
    current, notes = shop.current(), []
    models: dict[str, Bundle] = {}
    for name in {current.model: 0, shop.trained_model(): 0}:
        if name is None:
            continue
        if schema_of(shop.models / name / "model.json") < min(READABLE):
            notes.append(f"model {name} is of an older program: run `vsearch train` again")
        else:
            models[name] = load_model(shop, name)
    if current.index is None:
        return tuple(notes)
    if schema_of(shop.indexes / current.index / "manifest.json") < VERSION_SCHEMA:
        notes.append(f"index version {current.index} is of an older program: run `vsearch build`")
        return tuple(notes)
    version = IndexVersion.open(shop.indexes / current.index)
    version.verify()
    check_sequence(version.name, version.manifest.sequence, shop.catalogue.seq())
    if current.model in models:
        check_pair(models[current.model], version.name, version.embedding_fingerprint)
    return tuple(notes)
