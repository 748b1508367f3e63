"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation, with ReLU6.

Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019
(arXiv:1905.11946); the Lite variants are TensorFlow's, published in 2020
(github.com/tensorflow/tpu, models/official/efficientnet/lite).
"""

import bisect
import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from flax import nnx

from vsearch.models.layers import NO_VALUES, DepthwiseConv, in_float32, pointwise

# TensorFlow's published networks use these, and pretrained statistics only fit them.
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.99
FLOAT32 = jnp.dtype(jnp.float32)


@dataclass(frozen=True)
class Stage:
    """One stage: `repeats` blocks, the first of which strides and widens."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


LITE0_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280


def scaled(width: float, depth: float) -> tuple[Stage, ...]:
    """Return Lite0's stages with more channels and more blocks.

    Channels become the nearest multiple of 8 that loses no more than a tenth, repeats are rounded
    up. The Lite variants leave stem, head and the repeats of the first and last stage alone.
    """
    last = len(LITE0_STAGES) - 1
    return tuple(
        replace(
            stage,
            channels=_multiple_of_8(stage.channels * width),
            repeats=stage.repeats if index in (0, last) else math.ceil(stage.repeats * depth),
        )
        for index, stage in enumerate(LITE0_STAGES)
    )


def _multiple_of_8(channels: float) -> int:
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


LITE1_STAGES = scaled(1.0, 1.1)
LITE2_STAGES = scaled(1.1, 1.2)


def batch_norm(channels: int, compute: jnp.dtype, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """Return a batch norm with TensorFlow's constants; its statistics are float32."""
    return nnx.BatchNorm(
        channels,
        epsilon=BN_EPSILON,
        momentum=BN_MOMENTUM,
        dtype=compute,
        promote_dtype=in_float32,
        rngs=rngs,
    )


class MBConv(nnx.Module):
    """Inverted residual: widen (1 × 1), depthwise k × k, narrow (1 × 1); skip where shapes fit."""

    def __init__(
        self, channels_in: int, stage: Stage, stride: int, compute: jnp.dtype, *, rngs: nnx.Rngs
    ):
        wide = channels_in * stage.expand
        widens = stage.expand > 1
        self.expand = pointwise(channels_in, wide, compute, rngs) if widens else None
        self.expand_norm = batch_norm(wide, compute, rngs) if widens else None
        self.depthwise = DepthwiseConv(wide, stage.kernel, stride)
        self.depthwise_norm = batch_norm(wide, compute, rngs)
        self.project = pointwise(wide, stage.channels, compute, rngs)
        self.project_norm = batch_norm(stage.channels, compute, rngs)
        self.skip = stride == 1 and channels_in == stage.channels

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (n, h, w, channels_in) to (n, h/stride, w/stride, stage.channels)."""
        y: jax.Array = x
        if self.expand is not None and self.expand_norm is not None:
            y = jax.nn.relu6(self.expand_norm(self.expand(y)))
        y = jax.nn.relu6(self.depthwise_norm(self.depthwise(y)))
        y = self.project_norm(self.project(y))
        return x + y if self.skip else y


class EfficientNetLite(nnx.Module):
    """The convolutional part, up to the 1280 channels that the ImageNet classifier pooled."""

    def __init__(
        self,
        stages: tuple[Stage, ...] = LITE0_STAGES,
        compute: jnp.dtype = FLOAT32,
        *,
        rngs: nnx.Rngs,
    ):
        self.stem = nnx.Conv(
            3,
            STEM_CHANNELS,
            (3, 3),
            2,
            use_bias=False,
            kernel_init=NO_VALUES,
            dtype=compute,
            rngs=rngs,
        )
        self.stem_norm = batch_norm(STEM_CHANNELS, compute, rngs)
        channels = STEM_CHANNELS
        blocks, ends = [], []
        for stage in stages:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(MBConv(channels, stage, stride, compute, rngs=rngs))
                channels = stage.channels
            ends.append(len(blocks) - 1)
        self.blocks = nnx.List(blocks)
        self.stage_ends = tuple(ends)
        self.head = pointwise(channels, HEAD_CHANNELS, compute, rngs)
        self.head_norm = batch_norm(HEAD_CHANNELS, compute, rngs)
        self.stage_channels = (*(stage.channels for stage in stages), HEAD_CHANNELS)

    def stages(self, x: jax.Array, first: int = 0, stop: int | None = None) -> list[jax.Array]:
        """Return the outputs of stages `first` to `stop`; the last stage is the 1280-wide head.

        Args:
            x: normalised photos (n, h, w, 3), or the output of stage `first` - 1.
            first: the first stage to compute.
            stop: the stage to stop before; None: all.
        """
        last = len(self.stage_ends)
        stop = last + 1 if stop is None else stop
        if first == 0:
            x = jax.nn.relu6(self.stem_norm(self.stem(x)))
        starts = (0, *(end + 1 for end in self.stage_ends))
        outputs = []
        for stage in range(first, min(stop, last)):
            for index in range(starts[stage], starts[stage + 1]):
                x = self.blocks[index](x)
            outputs.append(x)
        if stop > last:
            outputs.append(jax.nn.relu6(self.head_norm(self.head(x))))
        return outputs

    def stage_of(self, leaf: str) -> int:
        """Return the stage of a leaf, such as `blocks.3.expand.kernel`."""
        part, *rest = leaf.split(".")
        if part == "blocks":
            return bisect.bisect_left(self.stage_ends, int(rest[0]))
        return 0 if part.startswith("stem") else len(self.stage_ends)
