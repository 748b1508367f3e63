"""The rows of an index version once more, for another model of the same embedding.

What a model changes of a version is little: its name, and what judges unknown photos. The files of
the rows are not written again, they get a second name; a version never changes, so it does not
matter who else names them.
"""

import errno
import os
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from indexer.shop import Shop
from indexer.unknown import UnknownJudge
from indexer.version_files import UNKNOWN, to_bytes, write_file
from indexer.version_writer import next_name, partial_folder
from indexer.versions import IndexVersion
from vsearch.storage import sync_path

_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


def linked_version(
    shop: Shop,
    version: IndexVersion,
    model: str,
    judge: UnknownJudge | None,
    *,
    sequence: int | None = None,
) -> IndexVersion:
    """Give a version's rows to another model; publish nothing. The caller holds the build lock.

    Args:
        shop: where to.
        version: the version, open.
        model: the model's fingerprint; its embedding is the version's.
        judge: tells it what is unknown.
        sequence: the change sequence that its rows are of; None: that of the version.

    Raises:
        VersionError: the disk is full, or the version is damaged.
    """
    name = next_name(shop)
    with partial_folder(shop.indexes / f".{name}.partial") as folder:
        files = dict(version.manifest.files)
        for file in files.keys() - {UNKNOWN}:
            _link(version.folder / file, folder / file)
        document = to_bytes(judge.to_json() if judge else None)
        files[UNKNOWN] = write_file(folder / UNKNOWN, [document])
        manifest = replace(
            version.manifest,
            version=name,
            model_fingerprint=model,
            sequence=version.manifest.sequence if sequence is None else sequence,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            files=files,
        )
        write_file(folder / "manifest.json", [to_bytes(asdict(manifest))])
        sync_path(folder)
        IndexVersion.open(folder)
        folder.rename(shop.indexes / name)
    sync_path(shop.indexes)
    return IndexVersion.open(shop.indexes / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)  # a disk that knows no second names
        sync_path(target)
