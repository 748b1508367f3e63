from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.vsearch.foreign_weights import State, abstract_backbone, random_state
from vsearch.errors import WeightsError
from vsearch.models.deep_resnet import DeepResNet
from vsearch.models.efficientnet_lite import EfficientNetLite, Stage
from vsearch.models.initialise import initialise
from vsearch.state_dict import load_state_dict, without_prefixes
from vsearch.weight_names import (
    efficientnet_pytorch_names,
    naming_of,
    nvidia_resnet_names,
    timm_efficientnet_names,
    torchvision_resnet_names,
)

LITE_STAGES = (Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24))


def tiny_lite() -> Any:
    return nnx.eval_shape(lambda: EfficientNetLite(LITE_STAGES, rngs=nnx.Rngs(0)))


def tiny_resnet(*, bottleneck: bool = True) -> Any:
    repeats = (2, 1)
    return nnx.eval_shape(lambda: DeepResNet(repeats, bottleneck=bottleneck, rngs=nnx.Rngs(0)))


Case = tuple[Callable[[], Any], Callable[[Any], dict[str, str]], str, str]
NAMINGS: dict[str, Case] = {
    "EfficientNet-PyTorch": (
        tiny_lite,
        efficientnet_pytorch_names,
        "blocks.2.depthwise.kernel",
        "_blocks.2._depthwise_conv.weight",
    ),
    "timm": (
        tiny_lite,
        timm_efficientnet_names,
        "blocks.2.depthwise.kernel",
        "blocks.1.1.conv_dw.weight",
    ),
    "torchvision": (
        tiny_resnet,
        torchvision_resnet_names,
        "stage_blocks.1.0.middle.kernel",
        "layer2.0.conv2.weight",
    ),
    "NVIDIA": (
        tiny_resnet,
        nvidia_resnet_names,
        "stage_blocks.1.0.middle.kernel",
        "layers.1.0.conv2.weight",
    ),
}


def leaves_of(network: nnx.Module) -> dict[str, Any]:
    flat = nnx.to_flat_state(nnx.state(network))
    return {".".join(map(str, path)): leaf.get_raw_value() for path, leaf in flat}


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_state_dict_of_any_naming_lands_in_the_right_leaves(naming: str) -> None:
    build, names_of, ours, theirs = NAMINGS[naming]
    network = build()
    state = random_state(network, names_of(network))
    load_state_dict(network, state, naming_of(state, network))
    leaves = leaves_of(network)
    np.testing.assert_array_equal(leaves[ours].transpose(3, 2, 0, 1), state[theirs])
    assert all(leaf.dtype == jnp.float32 for leaf in leaves.values())
    assert len(leaves) == len(state)


@pytest.mark.parametrize(
    ("names_of", "name", "expected"),
    [
        # timm's first block is its depthwise-separable one, with a name less than the others.
        (timm_efficientnet_names, "blocks.0.project.kernel", "blocks.0.0.conv_pw.weight"),
        (timm_efficientnet_names, "blocks.0.project_norm.bias", "blocks.0.0.bn2.bias"),
        (timm_efficientnet_names, "blocks.1.expand.kernel", "blocks.1.0.conv_pw.weight"),
        (timm_efficientnet_names, "blocks.2.project.kernel", "blocks.1.1.conv_pwl.weight"),
        (timm_efficientnet_names, "blocks.15.project_norm.var", "blocks.6.0.bn3.running_var"),
        (timm_efficientnet_names, "head_norm.scale", "bn2.weight"),
        (efficientnet_pytorch_names, "blocks.0.depthwise_norm.scale", "_blocks.0._bn1.weight"),
        (efficientnet_pytorch_names, "stem_norm.mean", "_bn0.running_mean"),
    ],
)
def test_the_names_are_those_of_the_published_checkpoints(
    names_of: Callable[[EfficientNetLite], dict[str, str]], name: str, expected: str
) -> None:
    assert names_of(abstract_backbone("efficientnet-lite0"))[name] == expected


def test_a_projected_skip_has_the_name_of_its_sequence() -> None:
    names = torchvision_resnet_names(abstract_backbone("resnet-18"))
    assert names["stage_blocks.1.0.shortcut.kernel"] == "layer2.0.downsample.0.weight"
    assert names["stage_blocks.1.0.shortcut_norm.var"] == "layer2.0.downsample.1.running_var"
    assert "stage_blocks.0.0.shortcut.kernel" not in names


def test_a_network_that_nobody_publishes_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"no naming of published weights .* SmallResNet"):
        naming_of({"conv1.weight"}, abstract_backbone("resnet-small"))


def test_weights_of_another_family_name_the_first_missing_and_the_first_unknown_leaf() -> None:
    foreign = torchvision_resnet_names(tiny_resnet()).values()
    with pytest.raises(
        WeightsError, match=r"missing is “conv_stem\.weight”.*unknown “conv1\.weight”"
    ):
        naming_of(foreign, tiny_lite())


@pytest.mark.parametrize("prefix", ["module.", "model.", "backbone.", "module.model."])
def test_a_prefix_that_all_names_share_is_taken_off(prefix: str) -> None:
    state = {f"{prefix}{name}": np.zeros(1) for name in ("conv1.weight", "model.bias")}
    assert list(without_prefixes(state)) == ["conv1.weight", "model.bias"]


def test_what_only_some_names_begin_with_is_no_prefix() -> None:
    state = {name: np.zeros(1) for name in ("module.weight", "fc.weight")}
    assert without_prefixes(state) == state
    assert without_prefixes({}) == {}


def test_the_imagenet_classifier_and_counters_are_left_out() -> None:
    network = tiny_resnet()
    names = torchvision_resnet_names(network)
    extra = ("fc.weight", "fc.bias", "classifier.bias", "_fc.weight", "bn1.num_batches_tracked")
    state = random_state(network, names) | {name: np.ones(3, np.int64) for name in extra}
    load_state_dict(network, state, names)
    np.testing.assert_array_equal(leaves_of(network)["stem_norm.mean"], state["bn1.running_mean"])


@pytest.mark.parametrize("dtype", [np.float64, np.float16, jnp.bfloat16])
def test_floats_of_any_width_become_float32(dtype: Any) -> None:
    network = tiny_lite()
    names = timm_efficientnet_names(network)
    state = {name: leaf.astype(dtype) for name, leaf in random_state(network, names).items()}
    load_state_dict(network, state, names)
    stem = leaves_of(network)["stem_norm.var"]
    assert stem.dtype == jnp.float32
    np.testing.assert_array_equal(stem, state["bn1.running_var"].astype(np.float32))


def filled(leaf: str, value: float) -> Callable[[State], None]:
    def spoil(state: State) -> None:
        state[leaf] = np.full_like(state[leaf], value)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: s.pop("_blocks.1._bn2.bias"), r"“_blocks\.1\._bn2\.bias” is missing"),
        (lambda s: s.pop("_conv_stem.weight"), r"“_conv_stem\.weight” is missing"),
        (
            lambda s: s.update({"_bn1.weight": np.zeros(7, np.float32)}),
            r"“_bn1\.weight” has shape \(7,\), expected \(1280,\)",
        ),
        (
            lambda s: s.update({"_conv_head.weight": s["_conv_head.weight"][:, :, 0, 0]}),
            r"“_conv_head\.weight” has shape \(1280, 24\), expected \(1280, 24, 1, 1\)",
        ),
        (
            lambda s: s.update({"_bn0.bias": s["_bn0.bias"].astype(np.int32)}),
            r"“_bn0\.bias” is int32, expected floats",
        ),
        (filled("_blocks.0._bn1.bias", np.nan), r"“_blocks\.0\._bn1\.bias” .* not finite"),
        (
            lambda s: s.update({"_bn0.bias": np.full(32, 1e300)}),
            r"“_bn0\.bias” .* not finite",
        ),
        (filled("_bn0.running_var", -1), r"“_bn0\.running_var” has variances below 0"),
        (
            lambda s: s.update({"_blocks.3._bn2.bias": np.zeros(1), "_blocks.4.x": np.zeros(1)}),
            r"“_blocks\.3\._bn2\.bias” and 1 more belong to no layer",
        ),
    ],
)
def test_the_first_bad_leaf_is_named(spoil: Callable[[State], object], expected: str) -> None:
    network = tiny_lite()
    initialise(network, seed=0)
    before = leaves_of(network)
    state = random_state(network, efficientnet_pytorch_names(network))
    spoil(state)
    with pytest.raises(WeightsError, match=expected):
        load_state_dict(network, state, naming_of(state, network))
    np.testing.assert_array_equal(leaves_of(network)["stem.kernel"], before["stem.kernel"])


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("resnet-18", "resnet-50", r"“layer1\.0\.conv1\.weight” has shape"),
        ("resnet-50", "resnet-18", r"“layer1\.0\.conv1\.weight” has shape"),
        ("efficientnet-lite0", "efficientnet-lite2", r"“blocks\.2\.0\.conv_pwl\.weight” has shape"),
        ("efficientnet-lite0", "efficientnet-lite1", r"“blocks\.1\.2\.conv_pw\.weight” and"),
        ("efficientnet-lite1", "efficientnet-lite0", r"“blocks\.1\.2\.conv_pw\.weight” is missing"),
    ],
)
def test_a_sister_network_is_refused_by_its_first_leaf(
    name: str, other: str, expected: str
) -> None:
    sister, network = abstract_backbone(other), abstract_backbone(name)
    names_of: Any = timm_efficientnet_names if "lite" in name else torchvision_resnet_names
    state = random_state(sister, names_of(sister))
    with pytest.raises(WeightsError, match=expected):
        load_state_dict(network, state, naming_of(state, network))


def test_a_leaf_that_no_name_fills_is_refused() -> None:
    network = tiny_lite()
    names = efficientnet_pytorch_names(network)
    state = random_state(network, names)
    del names["stem.kernel"]
    with pytest.raises(WeightsError, match=r"fills no leaf “stem\.kernel”"):
        load_state_dict(network, state, names)
