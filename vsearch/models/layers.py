"""Layers whose fastest form depends on the device: depthwise convolution and its gradient.

XLA's CPU backend runs a depthwise convolution as a naive loop; the sum of k² shifted multiplies
below is fused into one pass over memory and made EfficientNet-Lite0 eight times faster there (see
BENCHMARKS.md). On a GPU the native convolution is the faster one.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

# Values always come from a file or from `initialise`; drawing them here as well would double the
# time that a network takes to load.
NO_VALUES = nnx.initializers.zeros_init()


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


def shifted_depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Return the same as `native_depthwise`, as a sum of k² shifted multiplies."""
    size, channels = kernel.shape[0], kernel.shape[-1]
    pads = [_same_padding(length, size, stride) for length in x.shape[1:3]]
    height, width = (-(-length // stride) for length in x.shape[1:3])
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    out = jnp.zeros((x.shape[0], height, width, channels), x.dtype)
    for row in range(size):
        for column in range(size):
            stop = (row + (height - 1) * stride + 1, column + (width - 1) * stride + 1)
            shifted = padded[:, row : stop[0] : stride, column : stop[1] : stride]
            out = out + shifted * kernel[row, column, 0][None, None, None]
    return out


def _same_padding(length: int, size: int, stride: int) -> tuple[int, int]:
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
