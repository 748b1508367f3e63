"""Decoded photos, kept on disk by content hash: an epoch that need not decode is a quick one.

A photo is kept as a square that holds all of it, stretched, beside its true shape; random crops are
cut out of the square on the device.
"""

import sqlite3
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.data import LabelledPhoto, PhotoLimits
from vsearch.images import ImageSpec, decode, preprocess

Square = tuple[NDArray[np.uint8], float]  # (side, side, 3), width / height of the photo

MAX_BYTES = 8 * 2**30


class SquareCache:
    """Photos as uint8 squares; safe between threads.

    Where `max_bytes` are full, further photos are decoded each time they are asked for.
    """

    def __init__(self, folder: Path, side: int, limits: PhotoLimits, max_bytes: int = MAX_BYTES):
        folder.mkdir(parents=True, exist_ok=True)
        self.spec = ImageSpec(size=side, fit="stretch")
        self.limits = limits
        self._room = max_bytes // (side * side * 3)
        self._lock = threading.Lock()
        path = folder / f"squares-{side}.db"
        self._database = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # a cache: losing the tail is fine
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS squares "
            "(hash TEXT PRIMARY KEY, aspect REAL NOT NULL, pixels BLOB NOT NULL)"
        )
        (self._kept,) = self._database.execute("SELECT count(*) FROM squares").fetchone()

    def get(self, photo: LabelledPhoto) -> Square:
        """Return the photo's square and its aspect ratio.

        Raises:
            ImageError: the photo cannot be read.
        """
        with self._lock:
            row = self._database.execute(
                "SELECT aspect, pixels FROM squares WHERE hash = ?", (photo.content_hash,)
            ).fetchone()
        if row is not None:
            side = self.spec.size
            return np.frombuffer(row[1], np.uint8).reshape(side, side, 3), row[0]
        square, aspect = self._decode(photo)
        with self._lock, self._database:
            if self._kept < self._room:
                self._database.execute(
                    "INSERT OR IGNORE INTO squares VALUES (?, ?, ?)",
                    (photo.content_hash, aspect, square.tobytes()),
                )
                self._kept += 1
        return square, aspect

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _decode(self, photo: LabelledPhoto) -> Square:
        image = decode(
            photo.read(self.limits),
            max_pixels=self.limits.max_pixels,
            shorter_side=2 * self.spec.size,
        )
        return preprocess(image, self.spec), image.width / image.height
