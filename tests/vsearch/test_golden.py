"""Every backbone against figures that PyTorch computed, stored in golden.npz by make_golden.py."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numpy.typing import NDArray

from tests.vsearch.foreign_weights import abstract_backbone, random_state
from vsearch.pretrained import load_pretrained, load_state_dict
from vsearch.weight_names import torchvision_resnet_names

GOLDEN = Path(__file__).with_name("golden.npz")
LITE_SIZES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}
RESNETS = ("resnet-18", "resnet-50")


def golden_input(size: int) -> NDArray[np.float32]:
    """Return two smooth, noisy, normalised pictures, (2, size, size, 3) float32."""
    rng = np.random.default_rng(20260101)
    coarse = rng.normal(size=(2, 14, 14, 3))
    times = -(-size // 14)
    smooth = coarse.repeat(times, axis=1).repeat(times, axis=2)[:, :size, :size]
    return np.asarray(smooth + 0.3 * rng.normal(size=(2, size, size, 3)), np.float32)


def assert_golden(name: str, network: Any, size: int) -> None:
    network.eval()
    # Strict promotion: no dtype drifts unseen through the whole network.
    with jax.numpy_dtype_promotion("strict"):
        outputs = nnx.jit(lambda network, x: [y.mean((1, 2)) for y in network.stages(x)])(
            network, jnp.asarray(golden_input(size))
        )
    with np.load(GOLDEN) as golden:
        stages = [golden[f"{name}/{index}"] for index in range(len(network.stage_channels))]
    for output, stage in zip(outputs, stages, strict=True):
        np.testing.assert_allclose(output, stage, rtol=0, atol=1e-4 * np.abs(stage).max())


@pytest.mark.parametrize("name", LITE_SIZES)
def test_a_packaged_network_agrees_with_the_original(name: str) -> None:
    network = abstract_backbone(name)
    pretrained = load_pretrained(name, network, "package")
    assert pretrained.provenance.licence == "Apache-2.0"
    assert_golden(name, network, LITE_SIZES[name])


@pytest.mark.parametrize("name", RESNETS)
def test_a_resnet_with_given_weights_agrees_with_torch(name: str) -> None:
    network = abstract_backbone(name)
    names = torchvision_resnet_names(network)
    load_state_dict(network, random_state(network, names), names)
    assert_golden(name, network, 64)
