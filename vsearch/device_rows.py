"""Rows on a device in half precision: brought there once, with what the rounding took from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from vsearch.exact_search import BLOCK, SHAPES, Found, PackedMask, Part, Shapes, nearest_rows


@dataclass(frozen=True)
class Rounding:
    """What half precision has done to the rows, measured on all of them.

    Attributes:
        residual: the greatest length of what a row lost.
        longest: the greatest length of a row.
    """

    residual: float
    longest: float


@dataclass(frozen=True)
class DeviceRows:
    """Rows on a device.

    Attributes:
        array: shape (padded, dim), float16; zeros from `rows` on.
        rows: how many there are.
        rounding: how far they are from what they were.
        shapes: what programs are compiled for.
    """

    array: jax.Array
    rows: int
    rounding: Rounding
    shapes: Shapes

    @property
    def dim(self) -> int:
        """Length of a row."""
        return int(self.array.shape[1])

    @property
    def device(self) -> jax.Device:
        """Where they lie."""
        (device,) = self.array.devices()
        return device

    @property
    def pointer(self) -> int:
        """The address of the first row in the device's memory; rows follow without a gap."""
        return int(self.array.unsafe_buffer_pointer())

    def search(
        self,
        queries: NDArray[np.float16],
        parts: Sequence[Part],
        mask: PackedMask | None = None,
    ) -> list[Found]:
        """Return the nearest rows of every query, for each part; see `nearest_rows`."""
        return nearest_rows(self.array, queries, parts, mask, self.shapes)

    def warm_up(self) -> None:
        """Compile what most searches need, so that no shopper waits for it."""
        for count in self.shapes.queries[:2]:
            queries = np.zeros((count, self.dim), np.float16)
            self.search(queries, [(0, self.rows, min(self.shapes.takes[0], self.rows))])


def place(
    vectors: NDArray[np.float32],
    device: jax.Device | None = None,
    shapes: Shapes = SHAPES,
    go_on: Callable[[], bool] = lambda: True,
) -> DeviceRows | None:
    """Bring rows to a device in half precision, some at a time; None where it was not to go on.

    Args:
        vectors: shape (rows, dim), float32, at least one row; may be memory-mapped.
        device: where to; None for JAX's first.
        shapes: what programs are compiled for.
        go_on: asked between blocks of rows.

    Raises:
        ValueError: a row is not finite, or too long for half precision (over 2).
        RuntimeError: the device has failed, or has too little memory.
    """
    rows, dim = vectors.shape
    device = device or jax.devices()[0]
    padded = shapes.padded(rows)
    array = jnp.zeros((padded, dim), jnp.float16, device=device)
    blocks = [c for c in shapes.chunks if c <= BLOCK and padded % c == 0]
    step = max(blocks, default=shapes.chunks[0])
    most = np.zeros(2)
    for start in range(0, rows, step):
        if not go_on():
            return None
        block = np.zeros((step, dim), np.float32)
        block[: min(step, rows - start)] = vectors[start : start + step]
        array, lengths = _put(array, block, np.int32(start))
        most = np.maximum(most, np.asarray(lengths, np.float64))
    # Squares were added in float32.
    residual, longest = 1.001 * np.sqrt(most)
    if not longest <= 2:
        raise ValueError(f"rows of about unit length were expected, one has {longest:.3g}")
    array.block_until_ready()
    return DeviceRows(array, rows, Rounding(float(residual), float(longest)), shapes)


@partial(jax.jit, donate_argnums=0)
def _put(array: jax.Array, block: jax.Array, at: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Write a block of rows in place; return the greatest squared lengths lost, and of rows."""
    # Not a conversion there and back, which XLA may leave out: nothing would seem to be lost.
    short = lax.reduce_precision(block, exponent_bits=5, mantissa_bits=10)
    lost = jnp.square(block - short).sum(axis=1).max()
    longest = jnp.square(block).sum(axis=1).max()
    array = lax.dynamic_update_slice(array, short.astype(jnp.float16), (at, jnp.zeros_like(at)))
    return array, jnp.stack([lost, longest])
