"""Ways from photo files to batches: what `test_input.py` times beside the train step."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsearch.augment import Augmentation
from vsearch.data import LabelledPhoto, PhotoLimits
from vsearch.features import ahead
from vsearch.images import ImageSpec, decode
from vsearch.pixels import SquareCache

LIMITS = PhotoLimits()
Pixels = NDArray[np.uint8]


class Render:
    """Decode with Pillow and augment with NumPy: one photo, one random rendering of it."""

    def __init__(self, size: int):
        self.spec = ImageSpec(size=size)
        self.augmentation = Augmentation()

    def __call__(self, photo: LabelledPhoto, rng: np.random.Generator) -> Pixels:
        """Return (size, size, 3) uint8."""
        image = decode(photo.read(LIMITS), shorter_side=2 * self.spec.size)
        return self.augmentation.apply(image, self.spec, rng)


def in_threads(
    photos: list[LabelledPhoto], work: Callable[[LabelledPhoto], Any], threads: int, batch: int
) -> Iterator[list[Any]]:
    """Yield batches of what `work` makes of each photo, a few in the making ahead."""
    with ThreadPoolExecutor(threads) as pool:
        yield from _batches(ahead(pool, work, photos), batch)


def rendered_in_threads(
    photos: list[LabelledPhoto], size: int, threads: int, batch: int
) -> Iterator[Pixels]:
    """Yield batches (n, size, size, 3) uint8."""
    render = Render(size)

    def one(photo: LabelledPhoto) -> Pixels:
        return render(photo, np.random.default_rng(int(photo.content_hash[:8], 16)))

    for pixels in in_threads(photos, one, threads, batch):
        yield np.stack(pixels)


def rendered_by_grain(
    photos: list[LabelledPhoto], size: int, batch: int, *, threads: int, workers: int
) -> Iterator[Pixels]:
    """Yield the same, loaded by Grain in threads, or in processes of one thread each."""
    grain = importlib.import_module("grain")  # an extra of its own
    importlib.import_module("absl.flags").FLAGS.mark_as_parsed()  # or its workers do not start
    photos_of = grain.MapDataset.source(photos).seed(0).shuffle().random_map(Render(size))
    reading = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=4 * batch)
    dataset = photos_of.to_iter_dataset(reading).batch(batch)
    if workers:
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    yield from dataset


def squares_in_threads(
    photos: list[LabelledPhoto], cache: SquareCache, threads: int, batch: int
) -> Iterator[tuple[Pixels, NDArray[np.float32]]]:
    """Yield batches of squares (n, side, side, 3) uint8 and their aspects (n,) float32."""
    for squares in in_threads(photos, cache.get, threads, batch):
        pixels, aspects = zip(*squares, strict=True)
        yield np.stack(pixels), np.array(aspects, np.float32)


def _batches(items: Iterable[Any], batch: int) -> Iterator[list[Any]]:
    part = []
    for item in items:
        part.append(item)
        if len(part) == batch:
            yield part
            part = []
