"""Exact nearest rows by inner product on one device, among rows kept there in half precision.

The rows lie on the device once, padded a little (see `device_rows`). A range of them is walked in
chunks by one loop, so that one compiled program serves ranges of any length and place; queries,
rows asked for and chunks come in a few fixed sizes. Scores are float32 sums of products of
half-precision numbers: `device_rows.Rounding` tells how far they may be from the true ones.

The best of a chunk are found in two steps, both exact. A block's greatest score stands for the
block; of the k blocks with the greatest ones, the k best scores are taken. No better one is left
out: fewer than k blocks can hold a score above the k-th best, so all of these are among the k.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

Part = tuple[int, int, int]
"""Rows `start` to `stop`, and how many of the nearest are wanted: at most as many as there are."""

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Rough scores (n, take) and rows (n, take); where fewer rows count, -inf and -1."""

# Rows that a device reads while it starts another turn of the loop: about 15 µs at 3 TB/s.
_TURN = 1 << 16
BLOCK = 1 << 16
"""Rows that are brought to a device at a time, at most."""


@dataclass(frozen=True)
class Shapes:
    """The few sizes that programs are compiled for, each ascending, chunks powers of two.

    Attributes:
        queries: how many are answered together; more are answered in several batches.
        takes: how many nearest rows are found.
        chunks: rows that are scored at a time.
        scores: the most scores that are held at a time.
    """

    queries: tuple[int, ...] = (1, 16, 256)
    takes: tuple[int, ...] = (64, 512, 2048)
    chunks: tuple[int, ...] = (1 << 13, 1 << 16, 1 << 18, 1 << 20)
    scores: int = 1 << 26

    def __post_init__(self) -> None:
        if self.takes[-1] > self.chunks[0]:
            raise ValueError(f"{self.takes[-1]} rows cannot be taken of {self.chunks[0]}")

    @property
    def most(self) -> int:
        """The most rows that one search finds."""
        return self.takes[-1]

    def take(self, wanted: int) -> int:
        """Return the smallest size that holds so many rows; the largest where none does."""
        return next((size for size in self.takes if size >= wanted), self.most)

    def padded(self, rows: int) -> int:
        """Return how many rows are allocated: with at most an eighth, or a chunk, to spare."""
        step = max((c for c in self.chunks if 8 * c <= rows), default=self.chunks[0])
        return max(1, -(-rows // step)) * step

    def chunk(self, length: int, queries: int, padded: int) -> int:
        """Return the chunk that walks a range of this length with the least work."""
        fitting = [c for c in self.chunks if c <= padded and c * queries <= self.scores]
        return min(fitting or self.chunks[:1], key=lambda c: (-(-length // c) * (c + _TURN), c))

    def bytes(self, rows: int, dim: int) -> int:
        """Return what so many rows take on the device."""
        return self.padded(rows) * dim * 2

    def scratch(self, dim: int) -> int:
        """Return what a search takes beside the rows: scores twice, and a chunk copied."""
        several = max(c for c in self.chunks if c * self.queries[-1] <= self.scores)
        return 2 * self.scores * 4 + several * dim * 2 + 2 * BLOCK * dim * 4


SHAPES = Shapes()


@dataclass(frozen=True)
class PackedMask:
    """Which rows count, as it travels to a device: an eighth of the bytes.

    Attributes:
        bits: shape (rows / 8, rounded up,), uint8, a bit for each row, the lowest one first.
        name: what masks of the same rows have in common, and no others.
    """

    bits: NDArray[np.uint8]
    name: bytes

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "PackedMask":
        """Pack a mask of shape (rows,)."""
        bits = np.packbits(mask, bitorder="little")
        return cls(bits, hashlib.blake2b(bits.tobytes(), digest_size=16).digest())

    def padded(self, rows: int) -> NDArray[np.uint8]:
        """Return the bits of so many rows, a multiple of eight; those that follow do not count."""
        return np.concatenate([self.bits, np.zeros(rows // 8 - len(self.bits), np.uint8)])


def nearest_rows(
    rows: jax.Array,
    queries: NDArray[np.float16],
    parts: Sequence[Part],
    mask: PackedMask | None = None,
    shapes: Shapes = SHAPES,
) -> list[Found]:
    """Return the nearest rows of every query within each of some ranges.

    Args:
        rows: shape (padded, dim), float16, on one device.
        queries: shape (n, dim), float16.
        parts: ranges, each with how many of its nearest rows are wanted, at most `shapes.most`.
        mask: which rows count; None: all.
        shapes: what programs are compiled for.

    Returns:
        For each part scores (n, take) float32, descending, and rows (n, take) int64. Where fewer
        than `take` rows count, scores are -inf and rows -1.

    Raises:
        RuntimeError: the device has failed, or has too little memory.
    """
    held = None
    if mask is not None:
        (device,) = rows.devices()
        held = _unpacked(jax.device_put(mask.padded(rows.shape[0]), device))
    batches = [
        [_started(rows, batch, part, held, shapes) for batch in _batches(queries, shapes)]
        for part in parts
    ]  # all of them wait on the device before the first is waited for
    return [
        _fetched(started, len(queries), take)
        for started, (_, _, take) in zip(batches, parts, strict=True)
    ]


def _batches(queries: NDArray[np.float16], shapes: Shapes) -> list[NDArray[np.float16]]:
    """Return the queries in batches of fixed sizes, the last one padded with zeros."""
    most = shapes.queries[-1]
    starts = range(0, max(1, len(queries)), most)
    batches = [queries[start : start + most] for start in starts]
    size = next(size for size in shapes.queries if size >= len(batches[-1]))
    padding = np.zeros((size - len(batches[-1]), queries.shape[1]), np.float16)
    return [*batches[:-1], np.concatenate([batches[-1], padding])]


def _started(
    rows: jax.Array,
    queries: NDArray[np.float16],
    part: Part,
    mask: jax.Array | None,
    shapes: Shapes,
) -> tuple[jax.Array, jax.Array]:
    start, stop, wanted = part
    if not 0 <= start <= stop <= rows.shape[0] or not 1 <= wanted <= shapes.most:
        raise ValueError(f"no part of {rows.shape[0]} rows: {part} (at most {shapes.most} wanted)")
    chunk = shapes.chunk(stop - start, len(queries), rows.shape[0])
    bounds = np.int32(start), np.int32(stop)
    scan: tuple[jax.Array, jax.Array] = _scan(
        rows, queries, *bounds, mask, chunk=chunk, take=shapes.take(wanted)
    )
    return scan


def _fetched(started: Sequence[tuple[jax.Array, jax.Array]], queries: int, take: int) -> Found:
    scores = np.concatenate([np.asarray(values) for values, _ in started])[:queries, :take]
    places = np.concatenate([np.asarray(found) for _, found in started])[:queries, :take]
    return scores, np.where(np.isneginf(scores), -1, places.astype(np.int64))


@partial(jax.jit, static_argnames=("chunk", "take"))
def _scan(
    rows: jax.Array,
    queries: jax.Array,
    start: jax.Array,
    stop: jax.Array,
    mask: jax.Array | None,
    *,
    chunk: int,
    take: int,
) -> tuple[jax.Array, jax.Array]:
    """Return scores and rows, (n, take) each, of the rows from `start` to `stop` that count."""
    lanes = jnp.arange(chunk, dtype=jnp.int32)

    def turn(i: jax.Array, best: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        begin = start + i * chunk
        at = jnp.minimum(begin, rows.shape[0] - chunk)  # the last chunk lies within the array
        places = at + lanes
        counts = (places >= begin) & (places < stop)
        if mask is not None:
            counts &= lax.dynamic_slice_in_dim(mask, at, chunk)
        scores = _products(queries, lax.dynamic_slice_in_dim(rows, at, chunk))
        scores, found = _best(jnp.where(counts[None], scores, -jnp.inf), take)
        scores = jnp.concatenate([best[0], scores], axis=1)
        found = jnp.concatenate([best[1], at + found], axis=1)
        scores, kept = lax.top_k(scores, take)
        return scores, jnp.take_along_axis(found, kept, axis=1)

    shape = (queries.shape[0], take)
    nothing = jnp.full(shape, -jnp.inf, jnp.float32), jnp.full(shape, -1, jnp.int32)
    turns = (stop - start + chunk - 1) // chunk
    best: tuple[jax.Array, jax.Array] = lax.fori_loop(0, turns, turn, nothing)
    return best


def _products(queries: jax.Array, rows: jax.Array) -> jax.Array:
    """Return all inner products, (n, rows) float32, added in float32."""
    if queries.shape[0] == 1:
        # XLA makes one loop of this that reads each row once where it lies; a matrix product
        # would have the chunk copied first.
        products = rows.astype(jnp.float32) * queries.astype(jnp.float32)
        return products.sum(axis=1)[None]
    return lax.dot_general(
        queries, rows, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32
    )


def _best(scores: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Return the `k` greatest of each line of (n, m), and their places; see the module's text."""
    lines, length = scores.shape
    width = _block_width(length, k)
    if width == 1:
        return lax.top_k(scores, k)
    blocks = scores.reshape(lines, length // width, width)
    _, chosen = lax.top_k(blocks.max(axis=2), k)
    few = jnp.take_along_axis(blocks, chosen[:, :, None], axis=1)
    values, places = lax.top_k(few.reshape(lines, k * width), k)
    return values, jnp.take_along_axis(chosen, places // width, axis=1) * width + places % width


def _block_width(length: int, k: int) -> int:
    """Return the width of blocks for which both steps look at few scores, a power of two."""
    width = 1
    while 4 * width * width * k <= length and length % (2 * width) == 0:
        width *= 2
    return width if 2 * k * width < length else 1


@jax.jit
def _unpacked(bits: jax.Array) -> jax.Array:
    """Return which rows count, (padded,) bool."""
    spread = jnp.right_shift(bits[:, None], jnp.arange(8, dtype=jnp.uint8)[None]) & 1
    return spread.astype(jnp.bool_).reshape(-1)
