"""Pooled features of the training photos, computed once and kept.

With a frozen backbone the features of a photo never change, so training the head needs each
rendering of each photo only once: minutes become seconds from the second run on, and an interrupted
run goes on where it stopped.
"""

import hashlib
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vsearch.augment import Augmentation
from vsearch.data import LabelledPhoto, PhotoLimits
from vsearch.errors import DataError
from vsearch.images import MAX_PIXELS, ImageError, ImageSpec, decode, preprocess
from vsearch.progress import Progress, silent

A = TypeVar("A")
B = TypeVar("B")
Extractor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
DECODERS = min(16, max(2, os.cpu_count() or 1))  # a GPU waits for two
PHOTOS_AT_ONCE = 16


@dataclass(frozen=True)
class Renderings:
    """How many renderings of a photo are cached and how: as is, mirrored, augmented."""

    spec: ImageSpec
    count: int
    augmentation: Augmentation = field(default_factory=Augmentation)

    def render(
        self, data: bytes, photo_hash: str, max_pixels: int = MAX_PIXELS
    ) -> NDArray[np.uint8]:
        """Return the renderings of one photo, (count, size, size, 3) uint8.

        Seeded by the photo itself: whatever else is in the catalogue, its renderings are the same.
        """
        # As `images.load` decodes, so that rendering 0 is to the bit what serving will see.
        image = decode(data, max_pixels=max_pixels, shorter_side=2 * self.spec.resize_side)
        plain = preprocess(image, self.spec)
        renderings = [plain, plain[:, ::-1]][: self.count]
        rng = np.random.default_rng(int(photo_hash[:16], 16))
        while len(renderings) < self.count:
            renderings.append(self.augmentation.apply(image, self.spec, rng))
        return np.stack(renderings)


@dataclass(frozen=True)
class PhotoFeatures:
    """Features of the photos that could be read, and the reasons of those that could not."""

    photos: tuple[LabelledPhoto, ...]
    values: NDArray[np.float16]  # (photos, renderings, features)
    unreadable: tuple[tuple[Path, str], ...]


class FeatureCache:
    """A file of features by content hash, for one network and one way of making renderings."""

    def __init__(
        self,
        folder: Path,
        network_fingerprint: str,
        renderings: Renderings,
        limits: PhotoLimits | None = None,
    ):
        key = hashlib.sha256(f"{network_fingerprint} {renderings!r}".encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"features-{key}.db"
        self.renderings, self.limits = renderings, limits or PhotoLimits()

    def compute(
        self,
        photos: Sequence[LabelledPhoto],
        extract: Extractor,
        *,
        progress: Progress = silent,
        stage: str = "features",
    ) -> PhotoFeatures:
        """Return the features of all photos, computing those that are not kept yet.

        Args:
            photos: the labelled photos, in the order of the result.
            extract: maps (n, size, size, 3) uint8 to (n, features) float32, any n.
            progress: told of every photo.
            stage: what the progress is called.

        Raises:
            DataError: the file of kept features is damaged or something else.
        """
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS features "
                    "(hash TEXT PRIMARY KEY, value BLOB NOT NULL)"
                )
                unreadable = self._fill(database, photos, extract, progress, stage)
                return self._read(database, photos, unreadable)
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"the features in {self.path} cannot be used ({error}): delete the file, it is "
                "made again"
            ) from error

    def discard(self) -> None:
        """Delete the file: features of a network that is not used again."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _fill(
        self,
        database: sqlite3.Connection,
        photos: Sequence[LabelledPhoto],
        extract: Extractor,
        progress: Progress,
        stage: str,
    ) -> dict[Path, str]:
        kept = {row[0] for row in database.execute("SELECT hash FROM features")}
        missing = [p for p in photos if p.content_hash not in kept]
        done = len(photos) - len(missing)
        unreadable: dict[Path, str] = {}
        progress(stage, done, len(photos))
        for batch, failed in self._rendered(missing):
            unreadable |= failed
            if batch:
                pixels = np.concatenate([renderings for _, renderings in batch])
                values = extract(pixels).astype(np.float16)
                parts = values.reshape(len(batch), self.renderings.count, -1)
                with database:
                    database.executemany(
                        "INSERT OR REPLACE INTO features VALUES (?, ?)",
                        [(h, part.tobytes()) for (h, _), part in zip(batch, parts, strict=True)],
                    )
            done += len(batch) + len(failed)
            progress(stage, done, len(photos))
        return unreadable

    def _rendered(
        self, photos: Sequence[LabelledPhoto]
    ) -> Iterator[tuple[list[tuple[str, NDArray[np.uint8]]], dict[Path, str]]]:
        chunks = [photos[i : i + PHOTOS_AT_ONCE] for i in range(0, len(photos), PHOTOS_AT_ONCE)]
        with ThreadPoolExecutor(DECODERS) as pool:
            yield from ahead(pool, self._render_chunk, chunks)

    def _render_chunk(
        self, photos: Sequence[LabelledPhoto]
    ) -> tuple[list[tuple[str, NDArray[np.uint8]]], dict[Path, str]]:
        rendered, failed = [], {}
        for photo in photos:
            try:
                data = photo.read(self.limits)
                pixels = self.renderings.render(data, photo.content_hash, self.limits.max_pixels)
                rendered.append((photo.content_hash, pixels))
            except ImageError as error:
                failed[photo.path] = str(error)
        return rendered, failed

    def _read(
        self,
        database: sqlite3.Connection,
        photos: Sequence[LabelledPhoto],
        unreadable: dict[Path, str],
    ) -> PhotoFeatures:
        usable, values = [], []
        for photo in photos:
            row = database.execute(
                "SELECT value FROM features WHERE hash = ?", (photo.content_hash,)
            ).fetchone()
            if row is not None:
                usable.append(photo)
                values.append(np.frombuffer(row[0], np.float16).reshape(self.renderings.count, -1))
        nothing = np.zeros((0, self.renderings.count, 0), np.float16)
        stacked = np.stack(values) if values else nothing
        return PhotoFeatures(tuple(usable), stacked, tuple(unreadable.items()))


def ahead(pool: Executor, work: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
    """Yield `work(item)` in order, keeping a few items in the making while the caller computes."""
    running: deque[Future[B]] = deque()
    for item in items:
        running.append(pool.submit(work, item))
        if len(running) > 2 * DECODERS:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
