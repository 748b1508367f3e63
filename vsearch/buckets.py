"""A few fixed batch sizes, so that nothing is ever compiled while a shopper waits."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from numpy.typing import NDArray

# On a CPU a photo costs the same in every batch from 8 up; single photos are what shoppers send.
BATCH_SIZES = (1, 8, 32)

Forward = Callable[[NDArray[np.uint8]], Sequence[jax.Array]]


def plan(photos: int, sizes: Sequence[int] = BATCH_SIZES) -> list[tuple[int, int, int]]:
    """Return (start, stop, batch size) of the batches that hold `photos` photos.

    Full batches of the largest size, then the smallest size that holds the rest.
    """
    largest = sizes[-1]
    batches = [(i, i + largest, largest) for i in range(0, photos - largest + 1, largest)]
    rest = photos % largest
    if rest:
        batches.append((photos - rest, photos, next(size for size in sizes if size >= rest)))
    return batches


def run(
    forward: Forward, pixels: NDArray[np.uint8], sizes: Sequence[int] = BATCH_SIZES
) -> list[NDArray[np.float32]]:
    """Run `forward` over photos in batches of fixed sizes and join what it returns.

    Args:
        forward: a compiled function of (batch, size, size, 3) uint8.
        pixels: (n, size, size, 3) uint8, n ≥ 1.
        sizes: the batch sizes that `forward` may be compiled for, ascending.

    Returns:
        One float32 array of n rows for each array that `forward` returns.

    Raises:
        ValueError: no photos, or pixels of another shape or dtype.
    """
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or pixels.dtype != np.uint8 or not len(pixels):
        raise ValueError(
            f"expected pixels (n ≥ 1, size, size, 3) uint8, got {pixels.shape} {pixels.dtype}"
        )
    results = []
    for start, stop, size in plan(len(pixels), sizes):
        batch = pixels[start:stop]
        if len(batch) < size:
            padding = np.zeros((size - len(batch), *batch.shape[1:]), np.uint8)
            batch = np.concatenate([batch, padding])
        results.append([np.asarray(array)[: stop - start] for array in forward(batch)])
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]
