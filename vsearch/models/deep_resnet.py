"""ResNet-18 and ResNet-50 as their published weights were trained.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385), in the form
of torchvision, timm and NVIDIA (“v1.5”): a bottleneck strides in its 3 × 3 convolution, and padding
is the same on all sides, which at stride 2 is not what SAME gives.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

from vsearch.models.layers import pointwise
from vsearch.models.resnet import FLOAT32, BasicBlock, Residual, batch_norm, convolution

STEM_CHANNELS = 64
EXPANSION = 4  # of a bottleneck's output over its width


class Bottleneck(Residual):
    """1 × 1 to narrow, 3 × 3, 1 × 1 to widen; beside them a skip, projected where shapes change."""

    def __init__(
        self, channels_in: int, width: int, stride: int, compute: jnp.dtype, *, rngs: nnx.Rngs
    ):
        channels = EXPANSION * width
        super().__init__(channels_in, channels, stride, compute, rngs=rngs)
        self.narrow = pointwise(channels_in, width, compute, rngs)
        self.narrow_norm = batch_norm(width, compute, rngs)
        self.middle = convolution(width, width, 3, stride, compute, rngs, padding=1)
        self.middle_norm = batch_norm(width, compute, rngs)
        self.widen = pointwise(width, channels, compute, rngs)
        self.widen_norm = batch_norm(channels, compute, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (n, h, w, channels_in) to (n, ⌈h/stride⌉, ⌈w/stride⌉, 4 × width)."""
        y = jax.nn.relu(self.narrow_norm(self.narrow(x)))
        y = jax.nn.relu(self.middle_norm(self.middle(y)))
        y = self.widen_norm(self.widen(y))
        return self.join(x, y)


class DeepResNet(nnx.Module):
    """A stem that divides each side by four, then stages that keep the side or halve it.

    `repeats` are the blocks of each stage, `bottleneck` says of which kind; a stage is twice as
    wide as the one before.
    """

    def __init__(
        self,
        repeats: tuple[int, ...],
        *,
        bottleneck: bool,
        compute: jnp.dtype = FLOAT32,
        rngs: nnx.Rngs,
    ):
        self.stem = convolution(3, STEM_CHANNELS, 7, 2, compute, rngs, padding=3)
        self.stem_norm = batch_norm(STEM_CHANNELS, compute, rngs)
        self.stage_channels = tuple(
            STEM_CHANNELS * 2**stage * (EXPANSION if bottleneck else 1)
            for stage in range(len(repeats))
        )

        def block(stage: int, index: int) -> nnx.Module:
            inputs = (STEM_CHANNELS, *self.stage_channels)[stage + (index > 0)]
            stride = 2 if stage > 0 and index == 0 else 1
            width = STEM_CHANNELS * 2**stage
            if bottleneck:
                return Bottleneck(inputs, width, stride, compute, rngs=rngs)
            return BasicBlock(inputs, width, stride, compute, padding=1, rngs=rngs)

        self.stage_blocks = nnx.List(
            nnx.List(block(stage, index) for index in range(count))
            for stage, count in enumerate(repeats)
        )

    def stages(self, x: jax.Array, first: int = 0, stop: int | None = None) -> list[jax.Array]:
        """Return the outputs of stages `first` to `stop`; the stem is part of stage 0.

        Args:
            x: normalised photos (n, h, w, 3), or the output of stage `first` - 1.
            first: the first stage to compute.
            stop: the stage to stop before; None: all.
        """
        if first == 0:
            x = jax.nn.relu(self.stem_norm(self.stem(x)))
            x = nnx.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        outputs = []
        for blocks in list(self.stage_blocks)[first:stop]:
            for block in blocks:
                x = block(x)
            outputs.append(x)
        return outputs

    def stage_of(self, leaf: str) -> int:
        """Return the stage of a leaf, such as `stage_blocks.2.0.narrow.kernel`."""
        part, *rest = leaf.split(".")
        return int(rest[0]) if part == "stage_blocks" else 0


resnet18 = partial(DeepResNet, (2, 2, 2, 2), bottleneck=False)
resnet50 = partial(DeepResNet, (3, 4, 6, 3), bottleneck=True)
