"""The catalogue's part of a backup: a copy of one moment, and the photos that it names.

A photo that the shop keeps itself goes when its last item is deleted. If that happens between the
copy of the catalogue and that of the photo, the catalogue is copied again: a backup never names a
photo that the shop had given up. Photos that are in already are not copied twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.archive import ArchiveWriter
from indexer.catalogue_copy import CatalogueCopy, name_in_backup
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.images import ImageError, content_hash, read_photo
from vsearch.progress import Progress, track

_TRIES = 20


@dataclass(frozen=True)
class CopiedCatalogue:
    """What a backup has of a catalogue.

    Attributes:
        items: of all states.
        sequence: the last change that is in.
        photos: photo files that are in the backup.
        photos_elsewhere: photos that stay outside the shop, where they are.
        photos_missing: photo files that are gone, or no longer what was imported.
    """

    items: int
    sequence: int
    photos: int
    photos_elsewhere: int
    photos_missing: int


def copy_catalogue(
    shop: Shop, path: Path, writer: ArchiveWriter, *, everything: bool, progress: Progress
) -> CopiedCatalogue:
    """Copy a shop's catalogue to a file, and its photos into a backup.

    Args:
        shop: others may change it meanwhile.
        path: the copy's file; it is not yet in the backup afterwards.
        writer: takes in the photos.
        everything: also photos that lie outside the shop; the copy names them as its own.
        progress: told of the stages "catalogue" (pages) and "photos".

    Raises:
        ShopError: the catalogue is damaged, or photos go faster than they can be copied.
    """
    for _ in range(_TRIES):
        path.unlink(missing_ok=True)
        with CatalogueCopy.make(shop.catalogue, path, progress) as copy:
            elsewhere = [] if everything else copy.other_photos()
            wanted = copy.own_photos() + (copy.other_photos() if everything else [])
            missing = _add_photos(shop, copy, wanted, writer, progress)
            if not _given_up(shop, missing):
                return CopiedCatalogue(
                    copy.items(),
                    copy.sequence(),
                    sum(name.startswith("photos/") for name in writer.entries),
                    len(elsewhere),
                    len(missing),
                )
    raise ShopError("photos are deleted faster than they can be copied: try again later")


def _add_photos(
    shop: Shop,
    copy: CatalogueCopy,
    wanted: Sequence[tuple[str, str]],
    writer: ArchiveWriter,
    progress: Progress,
) -> list[str]:
    """Add photos, and let the copy know where they are in the backup; return those missing."""
    missing = []
    moves: dict[str, str] = {}
    for path, content in track(wanted, len(wanted), "photos", progress):
        name = name_in_backup(path, content)
        if name not in writer.entries and not _add_photo(shop, path, content, name, writer):
            missing.append(path)
        elif name != path:
            moves[path] = name
    copy.adopt((name, path) for path, name in moves.items())
    return missing


def _add_photo(shop: Shop, path: str, content: str, name: str, writer: ArchiveWriter) -> bool:
    """Add a photo, if it is still the one that was imported; say whether it is."""
    file = shop.path / path
    try:
        changed = file.stat().st_mtime_ns
        data = read_photo(file, max_bytes=shop.settings.max_bytes)
    except (OSError, ImageError):
        return False
    if content_hash(data) != content:
        return False
    writer.add_bytes(name, data, changed)
    return True


def _given_up(shop: Shop, paths: Sequence[str]) -> bool:
    """Say whether the shop has no photo at one of these paths any more."""
    if not paths:
        return False
    with shop.catalogue.frozen() as connection:
        query = "SELECT EXISTS (SELECT 1 FROM photos WHERE path = ?)"
        return not all(connection.execute(query, (path,)).fetchone()[0] for path in paths)
