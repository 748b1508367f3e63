"""Catalogue photos in a few sizes, made once and kept: in memory, and in the shop's cache folder.

A name is a content hash, so that what it names never changes and may be kept for ever. The
catalogue is asked every time all the same: a photo that is no longer sold is no longer shown.
"""

import threading
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

from cachetools import LRUCache

from indexer.embedding import imported_photo
from indexer.shop import Shop
from indexer.shown_photos import THUMBNAILS
from vsearch.images import thumbnail
from vsearch.storage import write_atomically

MEMORY = 64 * 2**20  # bytes of pictures, some thousand of 384 pixels


class Size(IntEnum):
    """Pixels of the longer side."""

    ICON = 96
    SMALL = 192
    MEDIUM = 384
    LARGE = 768
    FULL = 1536


class Thumbnails:
    """Small pictures of catalogue photos; safe between threads and processes.

    Args:
        shop: the shop; it must stay open.
        memory: bytes of pictures kept in memory.
    """

    def __init__(self, shop: Shop, memory: int = MEMORY) -> None:
        self._shop = shop
        self._lock = threading.Lock()
        self._kept: LRUCache[tuple[str, Size], bytes] = LRUCache(memory, getsizeof=len)

    def get(self, name: str, size: Size) -> bytes | None:
        """Return a JPEG of at most `size` pixels a side; None where there is no such photo.

        Args:
            name: content hash of a catalogue photo.
            size: of the longer side.

        Raises:
            ImageError: the photo's file is gone, damaged or another one than was imported.
        """
        path = self._shop.catalogue.shown_photo(name)
        if path is None:
            return None
        with self._lock:
            kept = self._kept.get((name, size))
        if kept is None:
            kept = self._made(path, name, size)
            with self._lock:
                if len(kept) <= self._kept.maxsize:
                    self._kept[name, size] = kept
        return kept

    def _made(self, path: Path, name: str, size: Size) -> bytes:
        file = self._shop.cache / THUMBNAILS / str(size) / name[:2] / f"{name}.jpg"
        try:
            return file.read_bytes()
        except OSError:
            data = imported_photo(self._shop, path, name)
            made = thumbnail(data, size, max_pixels=self._shop.settings.max_pixels)
            _keep(file, made)
            return made


def _keep(file: Path, picture: bytes) -> None:
    """Write a picture into the cache; where the disk is full it is made again next time."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, picture)
