"""Convolutions in the form that is fastest: pointwise, and depthwise with its gradient.

XLA's CPU backend runs a depthwise convolution as a naive loop; the sum of k² shifted multiplies
below is fused into one pass over memory and made EfficientNet-Lite0 eight times faster there (see
BENCHMARKS.md). On a GPU the native convolution is the faster one.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

# Values always come from a file or from `initialise`; drawing them here as well would double the
# time that a network takes to load.
NO_VALUES = nnx.initializers.zeros_init()
Arrays = TypeVar("Arrays", bound=tuple[Any, ...])


def pointwise(channels_in: int, channels: int, compute: jnp.dtype, rngs: nnx.Rngs) -> nnx.Linear:
    """Return a 1 × 1 convolution as the matrix product over channels that it is.

    As such its weight gradient is 3–4 times faster on a CPU than as a convolution.
    """
    return nnx.Linear(
        channels_in, channels, use_bias=False, kernel_init=NO_VALUES, dtype=compute, rngs=rngs
    )


def in_float32(arrays: Arrays, /, **_rounding: object) -> Arrays:
    """Return what a batch norm computes with in float32; its result has the lower precision still.

    flax rounds kept statistics, scale and bias to the lower precision otherwise, and sums their
    gradients over all positions in it: in fp16 such a sum overflows, bfloat16 has 8 bits for it.

    Args:
        arrays: a tuple of arrays and None.
        _rounding: what flax would round to.
    """
    found = tuple(None if array is None else array.astype(jnp.float32) for array in arrays)
    return cast(Arrays, found)


class DepthwiseConv(nnx.Module):
    """A k × k convolution of every channel with a kernel of its own, padded to SAME."""

    def __init__(self, channels: int, size: int, stride: int):
        self.kernel = nnx.Param(jnp.zeros((size, size, 1, channels)))
        self.stride = stride

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (n, h, w, channels) to (n, ⌈h/stride⌉, ⌈w/stride⌉, channels), in the dtype of x."""
        kernel = self.kernel[...].astype(x.dtype)
        if jax.default_backend() == "cpu":
            return shifted_depthwise(x, kernel, self.stride)
        return native_depthwise(x, kernel, self.stride)


def native_depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Return XLA's own depthwise convolution of x (n, h, w, c) with kernel (k, k, 1, c)."""
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def shifted_depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Return the same as `native_depthwise`, as a sum of k² shifted multiplies.

    Its gradients are its own: that of the input is such a sum again, and that of the kernel is one
    reduction with k² results, which reads memory once where autodiff's k² reductions read it k²
    times (measured on two CPU cores: 121 → 14 ms).
    """
    return _weighted_sum(_shifts_of_input(x, kernel.shape[0], stride), kernel)


def _forward(
    x: jax.Array, kernel: jax.Array, stride: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return shifted_depthwise(x, kernel, stride), (x, kernel)


def _backward(
    stride: int, inputs: tuple[jax.Array, jax.Array], slope: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = inputs
    size = kernel.shape[0]
    wide = slope.astype(jnp.float32)  # sums over all positions need more than bfloat16's 8 bits
    products = [s.astype(jnp.float32) * wide for s in _shifts_of_input(x, size, stride)]
    zeros = [jnp.zeros((), jnp.float32)] * len(products)
    sums = lax.reduce(products, zeros, _add_each, (0, 1, 2))
    kernel_slope = jnp.stack(sums).reshape(kernel.shape).astype(kernel.dtype)
    shifts = _shifts_of_slope(slope, x.shape[1:3], size, stride)
    return _weighted_sum(shifts, kernel[::-1, ::-1]), kernel_slope


shifted_depthwise.defvjp(_forward, _backward)


def _add_each(a: Sequence[jax.Array], b: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _weighted_sum(shifts: Sequence[jax.Array], kernel: jax.Array) -> jax.Array:
    weights = kernel.reshape(len(shifts), kernel.shape[-1])
    out = jnp.zeros_like(shifts[0])
    for index, shifted in enumerate(shifts):
        out = out + shifted * weights[index][None, None, None]
    return out


def _shifts_of_input(x: jax.Array, size: int, stride: int) -> list[jax.Array]:
    """Return what each element of the kernel, row by row, multiplies in the forward pass."""
    pads = [_same_padding(length, size, stride) for length in x.shape[1:3]]
    height, width = (-(-length // stride) for length in x.shape[1:3])
    return _shifts(jnp.pad(x, ((0, 0), *pads, (0, 0))), (height, width), size, stride)


def _shifts_of_slope(
    slope: jax.Array, lengths: tuple[int, ...], size: int, stride: int
) -> list[jax.Array]:
    """Return what each element of the mirrored kernel multiplies in the input's gradient.

    The output's gradient is spread by the stride, with zeros between, and padded so that the
    window at the first kernel element ends where the input's first position was last used.
    """
    pads = []
    for length, spread in zip(lengths, slope.shape[1:3], strict=True):
        before = size - 1 - _same_padding(length, size, stride)[0]
        after = length + size - 1 - before - ((spread - 1) * stride + 1)
        pads.append((before, after, stride - 1))
    zero = jnp.zeros((), slope.dtype)
    padded = lax.pad(slope, zero, ((0, 0, 0), *pads, (0, 0, 0)))
    return _shifts(padded, (lengths[0], lengths[1]), size, 1)


def _shifts(padded: jax.Array, lengths: tuple[int, int], size: int, stride: int) -> list[jax.Array]:
    rows, columns = ((length - 1) * stride + 1 for length in lengths)
    return [
        padded[:, row : row + rows : stride, column : column + columns : stride]
        for row in range(size)
        for column in range(size)
    ]


def _same_padding(length: int, size: int, stride: int) -> tuple[int, int]:
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
