from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vsearch.models.architectures import ARCHITECTURES
from vsearch.models.initialise import initialise
from vsearch.recipe import leaf_name

# Parameters of the published networks, less those of their classifiers.
PARAMETERS = {
    "efficientnet-lite0": 4_652_008 - 1_281_000,
    "efficientnet-lite1": 5_416_680 - 1_281_000,
    "efficientnet-lite2": 6_092_072 - 1_281_000,
    "resnet-18": 11_689_512 - 513_000,
    "resnet-50": 25_557_032 - 2_049_000,
}


def abstract(name: str) -> Any:
    backbone = ARCHITECTURES[name].backbone
    return nnx.eval_shape(lambda: backbone(rngs=nnx.Rngs(0)))


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_backbone_has_as_many_parameters_as_the_published_one(name: str) -> None:
    parameters = nnx.to_flat_state(nnx.state(abstract(name), nnx.Param))
    shapes = [leaf.get_raw_value().shape for _, leaf in parameters]
    assert sum(int(np.prod(shape)) for shape in shapes) == PARAMETERS[name]


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("efficientnet-lite0", (112, 56, 28, 14, 14, 7, 7, 7)),
        ("efficientnet-lite1", (120, 60, 30, 15, 15, 8, 8, 8)),
        ("efficientnet-lite2", (130, 65, 33, 17, 17, 9, 9, 9)),
        ("resnet-18", (56, 28, 14, 7)),
        ("resnet-50", (56, 28, 14, 7)),
        ("resnet-small", (48, 24, 12, 6)),
    ],
)
def test_every_stage_has_the_shape_that_is_announced(name: str, sides: tuple[int, ...]) -> None:
    size = ARCHITECTURES[name].spec.size
    pixels = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    backbone = abstract(name)
    backbone.eval()
    outputs = nnx.eval_shape(lambda network, x: network.stages(x), backbone, pixels)
    channels = backbone.stage_channels
    assert [y.shape[1:] for y in outputs] == [
        (side, side, width) for side, width in zip(sides, channels, strict=True)
    ]
    assert set(ARCHITECTURES[name].pooled) <= set(range(len(outputs)))


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_a_stage_uses_just_the_leaves_that_are_said_to_be_its_own(name: str) -> None:
    network = abstract(name)
    network.eval()
    size = ARCHITECTURES[name].spec.size
    pixels = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    outputs = nnx.eval_shape(lambda network, x: network.stages(x), network, pixels)
    graph, state = nnx.split(network)
    names = [leaf_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    for stage, x in enumerate([pixels, *outputs[:-1]]):
        program = jax.make_jaxpr(
            lambda state, x, stage=stage: nnx.merge(graph, state).stages(x, stage, stage + 1)
        )(state, x).jaxpr
        taken = {id(v) for equation in program.eqns for v in equation.invars}
        used = {leaf for leaf, v in zip(names, program.invars, strict=False) if id(v) in taken}
        assert used == {leaf for leaf in names if network.stage_of(leaf) == stage}
        assert used


@pytest.mark.parametrize("name", ["efficientnet-lite0", "resnet-18"])
def test_a_network_run_in_two_parts_is_the_network(name: str) -> None:
    network = abstract(name)
    initialise(network, seed=0)
    network.eval()
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 32, 32, 3)), jnp.float32)

    @nnx.jit
    def run(network: Any, x: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        front = network.stages(x, stop=2)
        return network.stages(x), front + network.stages(front[-1], first=2)

    whole, parts = run(network, x)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)
