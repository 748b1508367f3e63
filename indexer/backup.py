"""A backup of a shop in use: imports, builds, changes and searches go on meanwhile.

First the pair that serves is held open, then the catalogue is copied as it is at one moment. So the
copy is never older than the version that goes with it, and whatever changed in between is a change
that the restored shop's next build takes in, as everywhere.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.archive import ArchiveWriter, Megabytes, open_sink
from indexer.archive_reader import read_archive
from indexer.audit_file import KEPT_FILE
from indexer.catalogue_backup import copy_catalogue
from indexer.drafts import draft_beside
from indexer.pair import check_pair, check_sequence, load_model
from indexer.pinned import Pinned, pin
from indexer.shop import KEYS_FILE, Shop
from vsearch.errors import ShopError, VersionError
from vsearch.progress import Progress, silent
from vsearch.storage import sync_path

_PACKED = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z")


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds.

    Attributes:
        path: where it lies.
        items: of the catalogue.
        sequence: the last change that is in.
        model: model_fingerprint of the model that served.
        version: the index version that served.
        photos: photo files that are in.
        photos_elsewhere: photos of the catalogue that stay where the manifest has them.
        photos_missing: photo files that are not in, because they are gone or no longer what was
            imported.
        files: all files that are in.
        bytes: their size.
        seconds: how long it took.
    """

    path: str
    items: int
    sequence: int
    model: str | None
    version: str | None
    photos: int
    photos_elsewhere: int
    photos_missing: int
    files: int
    bytes: int
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Return what `vsearch backup --json` prints."""
        return asdict(self)


def backup(
    shop: Shop, target: Path, *, photos: bool = False, progress: Progress = silent
) -> BackupReport:
    """Copy what a shop needs to go on elsewhere, verify the copy, and give it its name.

    The cache is left out, and so are index versions that do not serve.

    Args:
        shop: the shop; others may use and change it meanwhile.
        target: a new file `*.tar`, or a new folder.
        photos: take in the photos that lie outside the shop too; they become the shop's own in the
            backup.
        progress: told of the stages "catalogue" (pages), "photos", "files" and "verify" (MB).

    Raises:
        ShopError: the target is there already, or something of the shop is damaged.
        BundleError: a model is damaged.
        BusyError: another backup is writing the same target.
    """
    started = time.monotonic()
    target = _new_target(target)
    with draft_beside(target) as draft, pin(shop) as pinned:
        _check_models(shop, pinned)
        written, catalogue = draft / "archive", draft / "catalogue.db"
        with open_sink(written, tar=target.suffix.lower() == ".tar") as sink:
            writer = ArchiveWriter(sink, _header(shop, pinned))
            copied = copy_catalogue(shop, catalogue, writer, everything=photos, progress=progress)
            if pinned.version is not None:
                check_sequence(str(pinned.current.index), pinned.version.sequence, copied.sequence)
            _add_files(shop, pinned, catalogue, writer, progress)
        size = sum(entry.bytes for entry in writer.entries.values())
        read_archive(written, None, Megabytes("verify", size, progress))
        _publish(written, target)
    return BackupReport(
        path=str(target),
        model=pinned.current.model,
        version=pinned.current.index,
        **asdict(copied),
        files=len(writer.entries),
        bytes=size,
        seconds=round(time.monotonic() - started, 3),
    )


def _new_target(target: Path) -> Path:
    target = Path(target).absolute()
    if target.suffix.lower() in _PACKED:
        raise ShopError(f"{target.name}: name a file that ends in .tar, or a folder")
    if target.exists() or target.is_symlink():
        raise ShopError(f"{target} is there already: name a new file or folder")
    return target


def _check_models(shop: Shop, pinned: Pinned) -> None:
    """Refuse to keep models that could not serve again."""
    models = {name: load_model(shop, name) for name in pinned.models}
    current, version = pinned.current, pinned.version
    if version is not None and current.model is not None:
        fingerprint = version.embedding_fingerprint
        check_pair(models[current.model], str(current.index), fingerprint)


def _header(shop: Shop, pinned: Pinned) -> dict[str, object]:
    return {
        "shop": shop.settings.name,
        "model": pinned.current.model,
        "version": pinned.current.index,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _add_files(
    shop: Shop, pinned: Pinned, catalogue: Path, writer: ArchiveWriter, progress: Progress
) -> None:
    settings = (shop.path / "shop.toml").read_bytes()
    small = {"shop.toml": settings, "CURRENT": _line(asdict(pinned.current))}
    # Keys are hashes: whoever uses the shop over HTTP, or decides about its audit, goes on after a
    # restore.
    for name in (KEYS_FILE, KEPT_FILE):
        if (shop.path / name).exists():
            small[name] = (shop.path / name).read_bytes()
    if pinned.trained is not None:
        small["TRAINED"] = _line({"model": pinned.trained})
    for name, data in small.items():
        writer.add_bytes(name, data)
    digests = pinned.version.digests if pinned.version else {}
    size = catalogue.stat().st_size
    count = Megabytes("files", size + sum(one.size for one in pinned.files), progress)
    with catalogue.open("rb") as file:
        writer.add("catalogue.db", file, size, 0, count)
    for one in pinned.files:
        entry = writer.add(one.name, one.file, one.size, one.mtime_ns, count)
        if entry.sha256 != digests.get(one.name, entry.sha256):
            raise VersionError(
                f"{one.name} is damaged (SHA-256 differs): run `vsearch build`, then back up again"
            )
    writer.finish()


def _line(values: object) -> bytes:
    return (json.dumps(values) + "\n").encode()


def _publish(written: Path, target: Path) -> None:
    if target.exists():
        raise ShopError(f"{target} has appeared meanwhile: name a new file or folder")
    written.rename(target)
    sync_path(target.parent)
