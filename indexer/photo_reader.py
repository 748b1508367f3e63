"""From what a manifest says of a photo to a checked file on disk."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from indexer.records import PhotoFile
from indexer.remote import Fetcher, RemoteError
from indexer.rows import PHOTO_SUFFIXES
from indexer.shop import Shop
from vsearch import images
from vsearch.errors import ManifestError
from vsearch.storage import write_atomically

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_THREADS = 4  # Pillow lets go of the interpreter while it decodes


def locate(folder: Path, reference: str) -> Path:
    """Return the absolute path of a photo that a manifest in `folder` names.

    Links are followed first, so that neither `..` nor a link leads out of the folder.

    Raises:
        ManifestError: the path leaves the folder, or cannot be a path.
    """
    root = os.path.realpath(folder)
    try:
        path = os.path.realpath(os.path.join(root, reference))  # noqa: PTH118
        path.encode()  # the catalogue stores text; a name on disk may be other bytes
    except ValueError as error:
        raise ManifestError(f"it is not a path ({error})") from error
    if not Path(path).is_relative_to(root):
        raise ManifestError("it leaves the manifest's folder: keep the photos inside it")
    return Path(path)


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # reading the photo will say why
        return 0


class PhotoReader:
    """Reads, hashes and checks photos, several at a time, and none twice.

    What was read once is known by path, size and time of change; a second import asks the file
    system only. Remote photos are kept under SHOP/photos by content hash.
    """

    def __init__(self, shop: Shop, hosts: Collection[str], pool: ThreadPoolExecutor) -> None:
        self._shop = shop
        self._fetcher = Fetcher.of(hosts, shop.settings.max_bytes)
        self._pool = pool

    @classmethod
    @contextmanager
    def open(cls, shop: Shop, hosts: Collection[str]) -> Iterator["PhotoReader"]:
        """Provide a reader with its threads."""
        with ThreadPoolExecutor(_THREADS) as pool:
            yield cls(shop, hosts, pool)

    def read(self, folder: Path, references: Sequence[str]) -> dict[str, PhotoFile | str]:
        """Return what each reference leads to: a checked photo, or the reason why not.

        New findings are kept in the catalogue, in one transaction.
        """
        found: dict[str, PhotoFile | str] = {}
        sources: dict[str, str] = {}
        for reference in references:
            try:
                is_url = _URL.match(reference)
                sources[reference] = reference if is_url else str(locate(folder, reference))
            except ManifestError as error:
                found[reference] = str(error)
        known = self._shop.catalogue.photo_files(sources.values())
        read = self._pool.map(lambda s: self._read_one(s, known.get(s)), sources.values())
        found |= zip(sources, read, strict=True)
        new = [f for f in found.values() if isinstance(f, PhotoFile) and known.get(f.source) != f]
        self._shop.catalogue.put_photo_files(new)
        return found

    def _read_one(self, source: str, known: PhotoFile | None) -> PhotoFile | str:
        try:
            if known and self._is_as_known(known):
                return known
            if _URL.match(source):
                return self._take_in(source)
            path = Path(source)
            # Asked before the bytes: a file that changes meanwhile is read again next time.
            changed = _mtime_ns(path)
            data = images.read_photo(path, max_bytes=self._shop.settings.max_bytes)
            return self._checked(source, path, data, changed)
        except (images.ImageError, RemoteError) as error:
            return str(error)

    def _is_as_known(self, known: PhotoFile) -> bool:
        try:
            status = known.path.stat()
        except OSError:
            return False
        settings = self._shop.settings
        return (
            (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns)
            and known.size <= settings.max_bytes
            and known.width * known.height <= settings.max_pixels
        )

    def _checked(self, source: str, path: Path, data: bytes, mtime_ns: int) -> PhotoFile:
        width, height = images.check(data, max_pixels=self._shop.settings.max_pixels)
        return PhotoFile(
            source,
            path,
            len(data),
            mtime_ns,
            images.content_hash(data),
            width,
            height,
        )

    def _take_in(self, url: str) -> PhotoFile:
        data = self._fetcher.fetch(url)
        path = keep_photo(self._shop, data, PurePosixPath(urlsplit(url).path).suffix)
        return self._checked(url, path, data, path.stat().st_mtime_ns)


def keep_photo(shop: Shop, data: bytes, suffix: str = "") -> Path:
    """Keep a photo that has no file of its own under SHOP/photos, by content hash.

    Args:
        shop: keeps it, until the last item that has the photo goes.
        data: the photo's file.
        suffix: of its name, such as ".jpg"; one that no photo has is left out.

    Returns:
        Its path, absolute; `indexer.live.upsert` takes it with `folder=shop.photos`.

    Raises:
        ImageError: it is no photo that can be used.
    """
    images.check(data, max_pixels=shop.settings.max_pixels)
    name, suffix = images.content_hash(data), suffix.lower()
    path = shop.photos / name[:2] / (name + (suffix if suffix in PHOTO_SUFFIXES else ""))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomically(path, data)
    return path
