"""A small residual network that trains from scratch in minutes on two CPU cores.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385): one basic
block a stage, as in the ResNet-10 that is used for few-shot work.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from vsearch.models.layers import NO_VALUES, in_float32

WIDTHS = (32, 64, 128, 256)
FLOAT32 = jnp.dtype(jnp.float32)
Padding = Literal["SAME"] | int


def convolution(
    channels_in: int,
    channels: int,
    size: int,
    stride: int,
    compute: jnp.dtype,
    rngs: nnx.Rngs,
    padding: Padding = "SAME",
) -> nnx.Conv:
    """Return a convolution without bias, padded to SAME or by so many pixels on every side."""
    return nnx.Conv(
        channels_in,
        channels,
        (size, size),
        stride,
        padding=padding,
        use_bias=False,
        kernel_init=NO_VALUES,
        dtype=compute,
        rngs=rngs,
    )


def batch_norm(channels: int, compute: jnp.dtype, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """Return a batch norm whose statistics are float32."""
    return nnx.BatchNorm(channels, momentum=0.9, dtype=compute, promote_dtype=in_float32, rngs=rngs)


class Residual(nnx.Module):
    """A skip beside some layers, projected where the shape changes."""

    def __init__(
        self, channels_in: int, channels: int, stride: int, compute: jnp.dtype, *, rngs: nnx.Rngs
    ):
        changes = stride > 1 or channels_in != channels
        self.shortcut = (
            convolution(channels_in, channels, 1, stride, compute, rngs) if changes else None
        )
        self.shortcut_norm = batch_norm(channels, compute, rngs) if changes else None

    def join(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Return the block's output, from its input x and what its layers made of it."""
        if self.shortcut is not None and self.shortcut_norm is not None:
            x = self.shortcut_norm(self.shortcut(x))
        return jax.nn.relu(x + y)


class BasicBlock(Residual):
    """Two 3 × 3 convolutions beside a skip, projected where the shape changes."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        stride: int,
        compute: jnp.dtype,
        padding: Padding = "SAME",
        *,
        rngs: nnx.Rngs,
    ):
        super().__init__(channels_in, channels, stride, compute, rngs=rngs)
        self.first = convolution(channels_in, channels, 3, stride, compute, rngs, padding)
        self.first_norm = batch_norm(channels, compute, rngs)
        self.second = convolution(channels, channels, 3, 1, compute, rngs)
        self.second_norm = batch_norm(channels, compute, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (n, h, w, channels_in) to (n, h/stride, w/stride, channels)."""
        y = jax.nn.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return self.join(x, y)


class SmallResNet(nnx.Module):
    """A stride-2 stem and four stages of one basic block."""

    def __init__(
        self,
        widths: tuple[int, ...] = WIDTHS,
        compute: jnp.dtype = FLOAT32,
        *,
        rngs: nnx.Rngs,
    ):
        self.stem = convolution(3, widths[0], 3, 2, compute, rngs)
        self.stem_norm = batch_norm(widths[0], compute, rngs)
        inputs = (widths[0], *widths[:-1])
        self.blocks = nnx.List(
            BasicBlock(a, b, 1 if i == 0 else 2, compute, rngs=rngs)
            for i, (a, b) in enumerate(zip(inputs, widths, strict=True))
        )
        self.stage_channels = widths

    def stages(self, x: jax.Array, first: int = 0, stop: int | None = None) -> list[jax.Array]:
        """Return the outputs of stages `first` to `stop`.

        Args:
            x: normalised photos (n, h, w, 3), or the output of stage `first` - 1.
            first: the first stage to compute.
            stop: the stage to stop before; None: all.
        """
        if first == 0:
            x = jax.nn.relu(self.stem_norm(self.stem(x)))
        outputs = []
        for block in list(self.blocks)[first:stop]:
            x = block(x)
            outputs.append(x)
        return outputs

    def stage_of(self, leaf: str) -> int:
        """Return the stage of a leaf, such as `blocks.1.first.kernel`."""
        part, *rest = leaf.split(".")
        return int(rest[0]) if part == "blocks" else 0
