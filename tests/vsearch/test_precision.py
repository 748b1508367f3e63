import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.benchmarks.programs import equations
from vsearch.augment import Augmentation
from vsearch.augment_on_device import augment
from vsearch.data import TrainingData
from vsearch.errors import DataError
from vsearch.fit import LOOK_EVERY, Batch, Clock, Run, Task, fit
from vsearch.fit_network import NetworkConfig
from vsearch.models.architectures import ARCHITECTURES, NetworkSpec
from vsearch.models.classifier import Classifier, abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import LossOptions, objective_named
from vsearch.precision import PRECISIONS, default_precision
from vsearch.recipe import Recipe
from vsearch.train import TrainConfig, train

OBJECTIVE = objective_named("normalised-softmax")
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
LABELS, DIM = 3, 8
RECIPE = Recipe(batch=16, warmup=0.0, ema=0.9, clip=5.0, checks=1)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"platform": "cpu"}, "fp32"),
        ({"platform": "gpu", "compute_capability": "9.0"}, "bf16"),  # H100
        ({"platform": "gpu", "compute_capability": "12.0"}, "bf16"),
        ({"platform": "gpu", "compute_capability": "8.0"}, "bf16"),  # A100
        ({"platform": "gpu", "compute_capability": "7.5"}, "fp16"),  # T4
        ({"platform": "gpu", "compute_capability": "7.0"}, "fp16"),  # V100
        ({"platform": "gpu", "compute_capability": "gfx942"}, "bf16"),  # MI300
        ({"platform": "tpu"}, "bf16"),
    ],
)
def test_the_default_suits_the_device(device: dict[str, str], expected: str) -> None:
    stub: Any = types.SimpleNamespace(**device)
    assert default_precision(stub) is PRECISIONS[expected]


def test_a_config_without_precision_takes_that_of_the_device() -> None:
    assert TrainConfig(backbone="tiny").computed_in is default_precision() is PRECISIONS["fp32"]
    assert TrainConfig(backbone="tiny", precision="fp16").computed_in is PRECISIONS["fp16"]


def classifier(precision: str, backbone: str = "tiny") -> Classifier:
    compute = PRECISIONS[precision].compute
    return abstract_classifier(NetworkSpec(backbone, DIM), LABELS, OBJECTIVE, compute)


class Small(nnx.Module):
    """A batch norm and a linear layer: little to compile."""

    def __init__(self, compute: jnp.dtype):
        self.norm = nnx.BatchNorm(6, dtype=compute, rngs=nnx.Rngs(0))
        self.linear = nnx.Linear(6, LABELS, dtype=compute, rngs=nnx.Rngs(0))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.linear(self.norm(x))


def small_task(name: str, batches: Callable[[int], Iterator[Batch]]) -> Task:
    """Return a training of the small network, whose output each batch multiplies by a factor."""
    return task_of(
        Small(PRECISIONS[name].compute),
        lambda network, inputs, key: network(inputs[0]) * inputs[1],
        batches,
    )


def tiny_task(name: str) -> Task:
    """Return a training of the tiny classifier on photos."""
    network = classifier(name)
    initialise(network, seed=0)
    return task_of(network, lambda network, pixels, key: network(pixels)[1], lambda _: iter(()))


def task_of(
    network: nnx.Module,
    logits: Callable[[Any, Any, jax.Array], jax.Array],
    batches: Callable[[int], Iterator[Batch]],
) -> Task:
    return Task(
        name="train it",
        network=network,
        logits=logits,
        loss=lambda logits, targets: OBJECTIVE.loss(logits, targets, LossOptions(smoothing=0.1)),
        batches=batches,
        frozen_norms=False,
    )


def batch(factor: float = 0.05, seed: int = 0) -> Batch:
    """Return a batch of the small network."""
    rng = np.random.default_rng(seed)
    targets = np.eye(LABELS, dtype=np.float32)[rng.integers(LABELS, size=16)]
    values = targets @ np.ones((LABELS, 6), np.float32) + rng.normal(size=(16, 6))
    return (values.astype(np.float32), np.float32(factor)), targets


def operands(program: Any, *primitives: str) -> Iterator[tuple[Any, set[str]]]:
    """Yield equations of these primitives with the floating dtypes that they take."""
    for equation in equations(program):
        if equation.primitive.name in primitives:
            taken = (v.aval.dtype for v in equation.invars if hasattr(v.aval, "dtype"))
            yield equation, {str(d) for d in taken if jnp.issubdtype(d, jnp.floating)}


def dtypes_of(program: Any, *primitives: str) -> set[str]:
    found = [dtypes for _, dtypes in operands(program, *primitives)]
    assert found, f"the program has no {primitives}"
    return set().union(*found)


def floats_in(program: Any) -> set[str]:
    return set().union(
        *(
            {str(v.aval.dtype) for v in (*e.invars, *e.outvars) if hasattr(v.aval, "dtype")}
            for e in equations(program)
        )
    ) & {"float64", "float32", "float16", "bfloat16"}


def floats_of(tree: Any) -> set[str]:
    kinds = {leaf.dtype for leaf in jax.tree.leaves(tree)}
    return {str(kind) for kind in kinds if jnp.issubdtype(kind, jnp.floating)}


@pytest.mark.parametrize(
    ("backbone", "name"),
    [*((backbone, "bf16") for backbone in ARCHITECTURES), ("tiny", "fp32"), ("tiny", "fp16")],
)
def test_the_backbone_computes_in_the_lower_precision_and_what_stands_on_it_in_float32(
    backbone: str, name: str
) -> None:
    network = classifier(name, backbone)
    network.eval()  # type: ignore[no-untyped-call]

    def traced(module: nnx.Module, *shape: int) -> Any:
        graph, state = nnx.split(module)
        with jax.numpy_dtype_promotion("strict"):
            return jax.make_jaxpr(lambda state, x: nnx.merge(graph, state)(x))(
                state, jax.ShapeDtypeStruct(shape, jnp.float32)
            )

    trunk = traced(network.trunk, 2, 64, 64, 3)
    assert dtypes_of(trunk, "conv_general_dilated") == {DTYPES[name]}
    pointwise = set().union(*(taken for _, taken in operands(trunk, "dot_general")))
    assert pointwise <= {DTYPES[name]}
    # Means and deviations over all positions, and before all else photos less their mean.
    for primitive in ("reduce_sum", "sqrt", "rsqrt"):  # and norms with the statistics they have
        assert dtypes_of(trunk, primitive) == {"float32"}, primitive
    assert next(operands(trunk, "sub"))[1] == {"float32"}
    assert str(trunk.out_avals[0].dtype) == "float32"

    top = traced(network.top, 2, network.trunk.size)
    assert {e.primitive.name for e in equations(top)} >= {"dot_general", "rsqrt"}
    assert floats_in(top) == {"float32"}
    assert floats_of(nnx.state(network)) == {"float32"}


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("frozen_norms", [False, True])
def test_a_step_has_gradients_in_the_lower_precision_and_weights_and_sums_in_float32(
    name: str, frozen_norms: bool
) -> None:
    task = replace(tiny_task(name), frozen_norms=frozen_norms)
    run = Run(task, RECIPE, 10, PRECISIONS[name], seed=0)
    pixels, targets = np.zeros((4, 32, 32, 3), np.uint8), np.ones((4, LABELS), np.float32)
    program = jax.make_jaxpr(run.step, static_argnums=4)(
        run.state, pixels, targets, jnp.int32(0), 0
    )
    low = DTYPES[name]
    # Six convolutions, each with a gradient of its kernel and all but the first of their input.
    convolutions = list(operands(program, "conv_general_dilated"))
    assert len(convolutions) == 6 + 6 + 5
    assert all(taken == {low} for _, taken in convolutions)
    # Matrices are multiplied in projection and head alone: once there and twice back.
    assert len(list(operands(program, "dot_general"))) == 2 * 3
    # The loss, sums over positions and batch, deviations, and the norms of batch and embedding.
    for primitive in ("dot_general", "exp", "log", "reduce_sum", "sqrt", "rsqrt"):
        assert dtypes_of(program, primitive) == {"float32"}, primitive
    assert floats_in(program) == {"float32", low}
    assert {str(a.dtype) for a in program.out_avals} == {"float32", "int32"}
    assert floats_of(run.state) == {"float32"}


def test_augmentation_is_computed_in_float32() -> None:
    squares = np.zeros((2, 32, 32, 3), np.uint8)
    program = jax.make_jaxpr(augment, static_argnums=(3, 4))(
        squares, np.ones(2, np.float32), jax.random.key(0), 24, Augmentation()
    )
    assert len(list(operands(program, "dot_general"))) == 2
    assert floats_in(program) == {"float32"}


def steps_of(run: Run, batches: list[Batch]) -> list[Any]:
    """Advance by these batches; return the state on the host before and after each."""
    states = [jax.device_get(run.state)]
    clock = Clock()
    for step, one in enumerate(batches):
        run.advance(step, iter([one]), clock)
        states.append(jax.device_get(run.state))
    return states


WEIGHTS = ("params", "rest", "optimiser", "average")


def same(first: Any, second: Any) -> bool:
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def from_list(batches: list[Batch]) -> Callable[[int], Iterator[Batch]]:
    return lambda first: iter(batches[first:])


def test_an_fp16_step_that_overflows_changes_nothing_and_halves_the_scale() -> None:
    run = Run(small_task("fp16", from_list([])), RECIPE, 10, PRECISIONS["fp16"], seed=0)
    factors = [0.05, 1e30, np.inf, np.nan, 0.05]
    states = steps_of(run, [batch(factor, step) for step, factor in enumerate(factors)])
    start, first, huge, infinite, nan, after = states
    for key in WEIGHTS:
        assert not same(start[key], first[key]), key
        assert same(first[key], huge[key]), key
        assert same(first[key], infinite[key]), key
        assert same(first[key], nan[key]), key
        assert not same(nan[key], after[key]), key
    scales = [float(state["scale"].scale) for state in states]
    assert scales == [2**15, 2**15, 2**14, 2**13, 2**12, 2**12]
    assert [int(state["skipped"]) for state in states] == [0, 0, 1, 2, 3, 3]
    # The mean loss of a check is that of the steps that counted.
    assert int(after["steps"]) == 2
    assert np.isfinite(after["loss"])
    run.look(Clock())  # and nothing is wrong


def test_skipped_steps_are_told() -> None:
    batches = from_list([batch(1e30 if step in (2, 5) else 0.05, step) for step in range(8)])
    fitted = fit(small_task("fp16", batches), RECIPE, 8, PRECISIONS["fp16"], seed=0)
    assert fitted.skipped == 2
    assert np.isfinite(fitted.history[0]["loss"])
    assert floats_of(nnx.state(fitted.network)) == {"float32"}


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_loss_that_is_not_finite_stops_and_names_the_step(name: str) -> None:
    batches = from_list([batch(np.nan if step in (3, 5) else 0.05, step) for step in range(8)])
    with pytest.raises(DataError, match=r"train it: the loss .* not finite at step 4: lower"):
        fit(small_task(name, batches), RECIPE, 8, PRECISIONS[name], seed=0)


@pytest.mark.parametrize("steps", [3, 4 * LOOK_EVERY])
def test_fp16_that_always_overflows_ends(steps: int) -> None:
    asked = 0

    def endless(first: int) -> Iterator[Batch]:
        nonlocal asked
        while True:
            asked += 1
            yield batch(1e30)

    with pytest.raises(DataError, match="fp16 overflows at every loss scale: use bf16 or fp32"):
        fit(small_task("fp16", endless), RECIPE, steps, PRECISIONS["fp16"], seed=0)
    assert asked <= min(steps, 2 * LOOK_EVERY)


def test_lower_precisions_learn_as_float32_does(colours: TrainingData, tmp_path: Path) -> None:
    network = NetworkConfig(epochs=8, batch=12, learning_rate=1e-2, checks=8)
    losses = {}
    for name in DTYPES:
        config = TrainConfig(backbone="tiny", dim=16, precision=name, network=network)
        result = train(colours, config, cache=tmp_path)
        assert result.bundle.metrics["val_top1"] == 1.0
        assert result.bundle.training["precision"] == name
        assert result.skipped == 0
        losses[name] = [check["loss"] for check in result.bundle.training["history"]["network"]]
        assert len(losses[name]) == 8
    assert losses["bf16"] != losses["fp32"] != losses["fp16"]
    # Measured: within 2.2 % (bf16) and 1.3 % (fp16).
    np.testing.assert_allclose(losses["bf16"], losses["fp32"], rtol=0.1)
    np.testing.assert_allclose(losses["fp16"], losses["fp32"], rtol=0.1)
