"""How published checkpoints name our leaves: one map for each family and naming.

Sources of the names: EfficientNet-PyTorch (github.com/lukemelas/EfficientNet-PyTorch), timm
(github.com/huggingface/pytorch-image-models), torchvision (github.com/pytorch/vision) and NVIDIA's
DeepLearningExamples, whose later ResNets number their stages within one `layers`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vsearch.errors import WeightsError
from vsearch.models.deep_resnet import Bottleneck, DeepResNet
from vsearch.models.efficientnet_lite import EfficientNetLite, MBConv

# Leaf of ours → leaf of theirs, in the order of the network.
Names = Mapping[str, str]


def naming_of(state: Iterable[str], network: object) -> Names:
    """Return the name map of the naming that a state dict uses.

    Raises:
        WeightsError: nobody publishes weights of this network, or the leaves are another network's.
    """
    found = list(state)
    maps = _namings(network)
    if not maps:
        raise WeightsError(f"no naming of published weights is known for {type(network).__name__}")
    known = set(found)
    names = max(maps, key=lambda names: len(known.intersection(names.values())))
    present = known.intersection(names.values())
    if 4 * len(present) < len(names):
        missing = next(theirs for theirs in names.values() if theirs not in present)
        foreign = next((name for name in found if name not in present), None)
        raise WeightsError(
            f"of the {len(names)} leaves expected, {len(present)} are there: the first that is "
            f"missing is “{missing}”"
            + (f", the first that is unknown “{foreign}”" if foreign else "")
        )
    return names


def _namings(network: object) -> list[dict[str, str]]:
    if isinstance(network, EfficientNetLite):
        return [efficientnet_pytorch_names(network), timm_efficientnet_names(network)]
    if isinstance(network, DeepResNet):
        return [torchvision_resnet_names(network), nvidia_resnet_names(network)]
    return []


def _norm(ours: str, theirs: str) -> dict[str, str]:
    pairs = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
    return {f"{ours}.{leaf}": f"{theirs}.{name}" for leaf, name in pairs.items()}


def _convolution(ours: str, theirs: str, norm: str) -> dict[str, str]:
    """Name a convolution's kernel and the four leaves of the batch norm behind it."""
    return {f"{ours}.kernel": f"{theirs}.weight"} | _norm(f"{ours}_norm", norm)


def efficientnet_pytorch_names(network: EfficientNetLite) -> dict[str, str]:
    """Name an EfficientNet-Lite as EfficientNet-PyTorch does: blocks are counted through."""
    names = _convolution("stem", "_conv_stem", "_bn0")
    for index, block in enumerate(network.blocks):
        ours, theirs = f"blocks.{index}", f"_blocks.{index}"
        if block.expand is not None:
            names |= _convolution(f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        names |= _convolution(f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        names |= _convolution(f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    return names | _convolution("head", "_conv_head", "_bn1")


def timm_efficientnet_names(network: EfficientNetLite) -> dict[str, str]:
    """Name an EfficientNet-Lite as timm does: blocks are counted within their stage."""
    names = _convolution("stem", "conv_stem", "bn1")
    begin = 0
    for stage, end in enumerate(network.stage_ends):
        for index in range(begin, end + 1):
            theirs = f"blocks.{stage}.{index - begin}"
            names |= _timm_block(network.blocks[index], f"blocks.{index}", theirs)
        begin = end + 1
    return names | _convolution("head", "conv_head", "bn2")


def _timm_block(block: MBConv, ours: str, theirs: str) -> dict[str, str]:
    # A block that does not widen is another class there, so its norms and its last convolution
    # have other names.
    parts = [("depthwise", "conv_dw"), ("project", "conv_pw")]
    if block.expand is not None:
        parts = [("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl")]
    names: dict[str, str] = {}
    for number, (part, name) in enumerate(parts, start=1):
        names |= _convolution(f"{ours}.{part}", f"{theirs}.{name}", f"{theirs}.bn{number}")
    return names


def torchvision_resnet_names(network: DeepResNet) -> dict[str, str]:
    """Name a ResNet as torchvision and timm do."""
    return _resnet_names(network, lambda stage: f"layer{stage + 1}")


def nvidia_resnet_names(network: DeepResNet) -> dict[str, str]:
    """Name a ResNet as NVIDIA's checkpoints after version 20.06 do."""
    return _resnet_names(network, lambda stage: f"layers.{stage}")


def _resnet_names(network: DeepResNet, stage_name: Callable[[int], str]) -> dict[str, str]:
    names = _convolution("stem", "conv1", "bn1")
    for stage, blocks in enumerate(network.stage_blocks):
        for index, block in enumerate[Any](blocks):
            ours, theirs = f"stage_blocks.{stage}.{index}", f"{stage_name(stage)}.{index}"
            for number, part in enumerate(_parts(block), start=1):
                convolution, norm = f"{theirs}.conv{number}", f"{theirs}.bn{number}"
                names |= _convolution(f"{ours}.{part}", convolution, norm)
            if block.shortcut is not None:
                downsample = f"{theirs}.downsample"
                names |= _convolution(f"{ours}.shortcut", f"{downsample}.0", f"{downsample}.1")
    return names


def _parts(block: object) -> tuple[str, ...]:
    return ("narrow", "middle", "widen") if isinstance(block, Bottleneck) else ("first", "second")
