import importlib.util
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vsearch.errors import WeightsError
from vsearch.models.efficientnet_lite import LITE0_STAGES, EfficientNetLite, Stage
from vsearch.pretrained import LITE_NAMES, load_efficientnet_lite0, load_state_dict, package_file

HERE = Path(__file__).parent


def abstract_lite0() -> EfficientNetLite:
    return nnx.eval_shape(lambda: EfficientNetLite(LITE0_STAGES, rngs=nnx.Rngs(0)))


def golden_input() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    spec = importlib.util.spec_from_file_location("golden", HERE / "make_lite0_golden.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.golden_input()  # type: ignore[no-any-return]


def test_every_stage_agrees_with_the_original_network() -> None:
    network = abstract_lite0()
    provenance = load_efficientnet_lite0(network)
    assert provenance.licence == "Apache-2.0"
    network.eval()
    outputs = network.stages(jnp.asarray(golden_input()))
    golden = np.load(HERE / "lite0_golden.npz")
    assert len(outputs) == len(golden.files)
    for index, output in enumerate(outputs):
        # Measured: at most 4e-6 on a CPU in fp32.
        np.testing.assert_allclose(
            output.mean((1, 2)), golden[f"stage{index}"], atol=1e-4, rtol=1e-4
        )


def tiny() -> EfficientNetLite:
    return EfficientNetLite((Stage(1, 3, 1, 1, 16), Stage(1, 3, 2, 6, 24)), rngs=nnx.Rngs(0))
