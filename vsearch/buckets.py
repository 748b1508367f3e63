"""A few fixed batch sizes, so that nothing is ever compiled while a shopper waits."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import jax
import numpy as np
from numpy.typing import NDArray

# On a CPU two photos are what caches hold: milliseconds of one core that a photo takes in passes of
# 1, 2, 4, 8 and 32 are 10.3, 8.9, 12.7, 13.0 and 13.3 for EfficientNet-Lite0 at 224 pixels, 18.1,
# 17.0, 23.7, 25.3 (of 8) for Lite2 at 260, 2.8, 2.0, 1.8, 1.9 and 1.8 for the small ResNet at 96
# (2 AVX-512 cores of 1 MB level-2 cache each; JAX 0.10). And no pass has photos that nobody sent.
ON_CPU = (1, 2)
# Elsewhere a pass costs nearly the same for one photo and for several.
ELSEWHERE = (1, 8, 32)

# A pass of one or two photos leaves a CPU's cores idle in its narrow layers; a second one beside it
# fills them: 197 photos a second with one under way, 252 with two, 260 with three (as above). Where
# Python's threads do other work the third makes more of a difference, for the thread of a pass that
# has ended may wait for the interpreter: a server of two cores answered 177 searches a second with
# three, 166 with two and 170 with four. A GPU's queue keeps it busy by itself.
AT_ONCE_ON_CPU = 3

Batch = tuple[int, int, int]
Result = TypeVar("Result")
Forward = Callable[[NDArray[np.uint8]], Sequence[jax.Array]]


@cache
def batch_sizes() -> tuple[int, ...]:
    """Return the batch sizes that pay on this machine's device, ascending."""
    return ON_CPU if jax.default_backend() == "cpu" else ELSEWHERE


@cache
def passes_at_once() -> int:
    """Return how many passes under way keep this machine's device busy."""
    if jax.default_backend() != "cpu":
        return 1
    return AT_ONCE_ON_CPU if (os.cpu_count() or 1) > 1 else 1


def plan(photos: int, sizes: Sequence[int] | None = None) -> list[Batch]:
    """Return (start, stop, batch size) of the batches that hold `photos` photos.

    Full batches of the largest size, then the smallest size that holds the rest.

    Args:
        photos: at least 1.
        sizes: the batch sizes, ascending; by default those that pay here.
    """
    sizes = sizes or batch_sizes()
    largest = sizes[-1]
    batches = [(i, i + largest, largest) for i in range(0, photos - largest + 1, largest)]
    rest = photos % largest
    if rest:
        batches.append((photos - rest, photos, next(size for size in sizes if size >= rest)))
    return batches


def run(
    forward: Forward, pixels: NDArray[np.uint8], sizes: Sequence[int] | None = None
) -> list[NDArray[np.float32]]:
    """Run `forward` over photos in batches of fixed sizes and join what it returns.

    Args:
        forward: a compiled function of (batch, size, size, 3) uint8.
        pixels: (n, size, size, 3) uint8, n ≥ 1.
        sizes: the batch sizes that `forward` may be compiled for, ascending; by default those that
            pay here.

    Returns:
        One float32 array of n rows for each array that `forward` returns.

    Raises:
        ValueError: no photos, or pixels of another shape or dtype.
    """
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or pixels.dtype != np.uint8 or not len(pixels):
        raise ValueError(
            f"expected pixels (n ≥ 1, size, size, 3) uint8, got {pixels.shape} {pixels.dtype}"
        )

    def one(part: Batch) -> list[NDArray[np.float32]]:
        start, stop, size = part
        batch = pixels[start:stop]
        if len(batch) < size:
            padding = np.zeros((size - len(batch), *batch.shape[1:]), np.uint8)
            batch = np.concatenate([batch, padding])
        return [np.asarray(array)[: stop - start] for array in forward(batch)]

    results = _at_once(one, plan(len(pixels), sizes))
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


def _at_once(one: Callable[[Batch], Result], batches: Sequence[Batch]) -> list[Result]:
    """Return what each batch gives, `passes_at_once()` of them under way."""
    ways = min(passes_at_once(), len(batches))
    if ways < 2:
        return [one(batch) for batch in batches]
    # Each thread has its share from the start: to hand out every pass would cost a tenth of it.
    shares = _threads().map(lambda way: [one(batch) for batch in batches[way::ways]], range(ways))
    found = [iter(share) for share in shares]
    return [next(found[i % ways]) for i in range(len(batches))]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(passes_at_once(), thread_name_prefix="pass")
