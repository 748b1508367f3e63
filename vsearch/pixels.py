"""Decoded photos, kept on disk by content hash: an epoch that need not decode is a quick one.

A photo is kept as a square that holds all of it, stretched, beside its true shape; random crops are
cut out of the square on the device.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.data import LabelledPhoto, PhotoLimits
from vsearch.errors import DataError
from vsearch.images import ImageSpec, decode, preprocess

Square = tuple[NDArray[np.uint8], float]  # (side, side, 3), width / height of the photo

MAX_BYTES = 8 * 2**30


def squares_file(folder: Path, side: int) -> Path:
    """Return the file that keeps squares of `side` pixels."""
    return folder / f"squares-{side}.db"


class SquareCache:
    """Photos as uint8 squares; safe between threads.

    Where `max_bytes` are full, further photos are decoded each time they are asked for.

    Raises:
        DataError: the file of kept squares is damaged, or something else; it is never overwritten.
    """

    def __init__(self, folder: Path, side: int, limits: PhotoLimits, max_bytes: int = MAX_BYTES):
        folder.mkdir(parents=True, exist_ok=True)
        self.spec = ImageSpec(size=side, fit="stretch")
        self.limits = limits
        self.path = squares_file(folder, side)
        self._room = max_bytes // (side * side * 3)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        try:
            self._kept = self._open()
        except BaseException:
            self._database.close()
            raise

    def _open(self) -> int:
        """Make the table where there is none; return how many squares it has."""
        with self._explained():
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")  # losing the tail is fine
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS squares "
                "(hash TEXT PRIMARY KEY, aspect REAL NOT NULL, pixels BLOB NOT NULL)"
            )
            (kept,) = self._database.execute("SELECT count(*) FROM squares").fetchone()
            return int(kept)

    def get(self, photo: LabelledPhoto) -> Square:
        """Return the photo's square and its aspect ratio.

        Raises:
            ImageError: the photo cannot be read.
            DataError: the file of kept squares is damaged.
        """
        with self._lock, self._explained():
            row = self._database.execute(
                "SELECT aspect, pixels FROM squares WHERE hash = ?", (photo.content_hash,)
            ).fetchone()
        side = self.spec.size
        if row is not None:
            aspect, pixels = row
            if len(pixels) != side * side * 3:
                raise self._damaged(f"a square of {len(pixels)} bytes")
            return np.frombuffer(pixels, np.uint8).reshape(side, side, 3), aspect
        square, aspect = self._decode(photo)
        with self._lock, self._explained(), self._database:
            if self._kept < self._room:
                added = self._database.execute(
                    "INSERT OR IGNORE INTO squares VALUES (?, ?, ?)",
                    (photo.content_hash, aspect, square.tobytes()),
                )
                self._kept += added.rowcount
        return square, aspect

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> DataError:
        return DataError(
            f"the decoded photos in {self.path} cannot be used ({reason}): delete the file, it is "
            "made again"
        )

    def close(self) -> None:
        """Close the file, after what another thread is still doing with it."""
        with self._lock:
            self._database.close()

    def _decode(self, photo: LabelledPhoto) -> Square:
        image = decode(
            photo.read(self.limits),
            max_pixels=self.limits.max_pixels,
            shorter_side=2 * self.spec.size,
        )
        return preprocess(image, self.spec), image.width / image.height
