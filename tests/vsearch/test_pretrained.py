import importlib.util
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vsearch.errors import WeightsError
from vsearch.models.efficientnet_lite import LITE0_STAGES, EfficientNetLite, Stage
from vsearch.models.initialise import initialise
from vsearch.pretrained import lite_names, load_efficientnet_lite0, load_state_dict, package_file

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
    network.eval()  # type: ignore[no-untyped-call]
    # Strict promotion: no dtype drifts unseen through the whole network.
    with jax.numpy_dtype_promotion("strict"):
        outputs = nnx.jit(lambda network, x: network.stages(x))(
            network, jnp.asarray(golden_input())
        )
    golden = np.load(HERE / "lite0_golden.npz")
    assert len(outputs) == len(golden.files)
    for index, output in enumerate(outputs):
        # Measured: at most 4e-6 on a CPU in fp32.
        np.testing.assert_allclose(
            output.mean((1, 2)), golden[f"stage{index}"], atol=1e-4, rtol=1e-4
        )


def tiny() -> EfficientNetLite:
    stages = (Stage(1, 3, 1, 1, 16), Stage(1, 3, 2, 6, 24))
    network = nnx.eval_shape(lambda: EfficientNetLite(stages, rngs=nnx.Rngs(0)))
    initialise(network, seed=0)
    return network


def foreign_state(network: EfficientNetLite) -> dict[str, np.ndarray]:
    """Return random arrays under the foreign names, in the foreign layout."""
    rng = np.random.default_rng(0)
    leaves = {
        ".".join(map(str, path)): leaf[...].shape
        for path, leaf in nnx.to_flat_state(nnx.state(network))
    }
    state = {}
    for ours, (theirs, _) in lite_names(network).items():
        shape = leaves[ours]
        if len(shape) == 2:
            shape = (*shape[::-1], 1, 1)
        elif len(shape) == 4:
            shape = (shape[3], shape[2], *shape[:2])
        state[theirs] = rng.normal(size=shape).astype(np.float32)
    return state


def test_a_state_dict_lands_in_the_right_leaves() -> None:
    network = tiny()
    state = foreign_state(network)
    load_state_dict(network, state, lite_names(network))
    np.testing.assert_array_equal(
        network.head.kernel[...], state["_conv_head.weight"][:, :, 0, 0].T
    )
    np.testing.assert_array_equal(network.stem_norm.var[...], state["_bn0.running_var"])
    np.testing.assert_array_equal(
        network.blocks[1].depthwise.kernel[...][:, :, 0, 5],
        state["_blocks.1._depthwise_conv.weight"][5, 0],
    )


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: s.pop("_blocks.1._bn2.bias"), r"“_blocks\.1\._bn2\.bias” is missing"),
        (
            lambda s: s.update({"_bn1.weight": np.zeros(7, np.float32)}),
            r"“_bn1.weight” has shape \(7,\)",
        ),
        (
            lambda s: s.update({"_conv_stem.weight": s["_conv_stem.weight"].astype(np.float64)}),
            "“_conv_stem.weight” is float64",
        ),
        (
            lambda s: s.update({"_conv_head.weight": s["_conv_head.weight"][:, :, 0, 0]}),
            "“_conv_head.weight” has shape",
        ),
    ],
)
def test_the_first_bad_leaf_is_named(
    spoil: Callable[[dict[str, np.ndarray]], object], expected: str
) -> None:
    network = tiny()
    state = foreign_state(network)
    spoil(state)
    with pytest.raises(WeightsError, match=expected):
        load_state_dict(network, state, lite_names(network))


def test_a_leaf_that_no_name_fills_is_refused() -> None:
    network = tiny()
    names = dict(lite_names(network))
    del names["stem.kernel"]
    with pytest.raises(WeightsError, match=r"fills no leaf “stem\.kernel”"):
        load_state_dict(network, foreign_state(network), names)


def test_a_missing_package_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(WeightsError, match="extra “pretrained”"):
        package_file()


def test_a_changed_weights_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(package_file().read_bytes()[:-1])
    monkeypatch.setattr("vsearch.pretrained.package_file", lambda: damaged)
    with pytest.raises(WeightsError, match="sha256"):
        load_efficientnet_lite0(abstract_lite0())
