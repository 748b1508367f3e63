"""The published networks in PyTorch, as small as parity needs; leaves named as the publishers do.

Written from the papers and from the names in timm's and torchvision's checkpoints.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

# kernel, stride, expansion; then repeats and channels of each network
LITE_BLOCKS = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))
LITE = {
    "efficientnet-lite0": ((1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320)),
    "efficientnet-lite1": ((1, 3, 3, 4, 4, 5, 1), (16, 24, 40, 80, 112, 192, 320)),
    "efficientnet-lite2": ((1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352)),
}


class SameConv(nn.Conv2d):  # type: ignore[misc]
    """A convolution padded as TensorFlow does: the odd pixel goes right and below."""

    def forward(self, x: Any) -> Any:
        pads = []
        for length in (x.shape[3], x.shape[2]):
            size, stride = self.kernel_size[0], self.stride[0]
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, pads))


class LiteBlock(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        depthwise = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        widen = SameConv(inputs, wide, 1, bias=False)
        narrow = SameConv(wide, outputs, 1, bias=False)
        named = {"conv_dw": depthwise, "conv_pw": narrow}
        if expansion > 1:
            named = {"conv_pw": widen, "conv_dw": depthwise, "conv_pwl": narrow}
        self.order = list(named)
        for number, (name, convolution) in enumerate(named.items(), start=1):
            self.add_module(name, convolution)
            self.add_module(f"bn{number}", nn.BatchNorm2d(convolution.out_channels, eps=1e-3))
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Any) -> Any:
        y = x
        for number, name in enumerate(self.order, start=1):
            y = getattr(self, f"bn{number}")(getattr(self, name)(y))
            if number < len(self.order):
                y = functional.relu6(y)
        return x + y if self.skip else y


class TorchLite(nn.Module):  # type: ignore[misc]
    def __init__(self, name: str):
        super().__init__()
        self.conv_stem, self.bn1 = SameConv(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32, eps=1e-3)
        repeats, channels = LITE[name]
        inputs, stages = 32, []
        for count, outputs, (kernel, stride, expansion) in zip(
            repeats, channels, LITE_BLOCKS, strict=True
        ):
            blocks = []
            for index in range(count):
                strides = stride if index == 0 else 1
                blocks.append(LiteBlock(inputs, outputs, kernel, strides, expansion))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = SameConv(inputs, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280, eps=1e-3)

    def forward(self, x: Any) -> list[Any]:
        x = functional.relu6(self.bn1(self.conv_stem(x)))
        outputs = []
        for stage in self.blocks:
            x = stage(x)
            outputs.append(x)
        return [*outputs, functional.relu6(self.bn2(self.conv_head(x)))]


class ResNetBlock(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, width: int, stride: int, *, bottleneck: bool):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        shapes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        if bottleneck:
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        self.depth = len(shapes)
        for number, (a, b, size, strides) in enumerate(shapes, start=1):
            convolution = nn.Conv2d(a, b, size, strides, padding=size // 2, bias=False)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride > 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Any) -> Any:
        y = x
        for number in range(1, self.depth + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            if number < self.depth:
                y = torch.relu(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class TorchResNet(nn.Module):  # type: ignore[misc]
    def __init__(self, repeats: tuple[int, ...], *, bottleneck: bool):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for stage, count in enumerate(repeats):
            width, blocks = 64 * 2**stage, []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(ResNetBlock(inputs, width, stride, bottleneck=bottleneck))
                inputs = width * (4 if bottleneck else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.depth = len(repeats)

    def forward(self, x: Any) -> list[Any]:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        outputs = []
        for stage in range(self.depth):
            x = getattr(self, f"layer{stage + 1}")(x)
            outputs.append(x)
        return outputs


def torch_network(name: str) -> Any:
    """Return PyTorch's form of one of our architectures, in eval mode."""
    if name in LITE:
        return TorchLite(name).eval()
    if name == "resnet-18":
        return TorchResNet((2, 2, 2, 2), bottleneck=False).eval()
    return TorchResNet((3, 4, 6, 3), bottleneck=True).eval()


def torch_stages(network: Any, pixels: Any) -> list[Any]:
    """Return every stage's output (n, h, w, c) for normalised pixels (n, h, w, 3)."""
    with torch.no_grad():
        outputs = network(torch.tensor(pixels).permute(0, 3, 1, 2))
    return [output.permute(0, 2, 3, 1).numpy() for output in outputs]
