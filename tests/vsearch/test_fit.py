from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from tests.vsearch.toy_task import Toy, cross_entropy, photos, toy_task
from vsearch.bundle import weights_of
from vsearch.checkpoints import Checkpoints
from vsearch.errors import DataError
from vsearch.fit import Fitted, Speed, fit
from vsearch.precision import PRECISIONS
from vsearch.recipe import Recipe

FP32 = PRECISIONS["fp32"]


def fitted(steps: int = 20, recipe: Recipe | None = None, **changes: Any) -> Fitted:
    chosen = recipe or Recipe(learning_rate=1e-2, checks=5)
    return fit(toy_task(steps, **changes), chosen, steps, FP32, seed=0)


def test_only_what_is_trainable_moves_and_rates_differ_by_name() -> None:
    start = weights_of(Toy())
    after = weights_of(fitted(trainable=lambda leaf: leaf.startswith("above")).network)
    moved = {name for name in start if (start[name] != after[name]).any()}
    assert moved == {"above.kernel", "above.bias"}  # the norm below them is not trained
    still = weights_of(fitted(rate_of=lambda leaf: float(leaf.startswith("above"))).network)
    assert (still["below.kernel"] == start["below.kernel"]).all()
    assert (still["above.kernel"] != start["above.kernel"]).any()


def test_frozen_norms_keep_their_statistics_but_learn_scale_and_bias() -> None:
    start, after = weights_of(Toy()), weights_of(fitted(frozen_norms=True).network)
    assert (after["norm.mean"] == start["norm.mean"]).all()
    assert (after["norm.scale"] != start["norm.scale"]).any()


def test_weights_decay_but_neither_norms_nor_biases() -> None:
    recipe = Recipe(learning_rate=0.1, weight_decay=0.5, warmup=0.0)
    nothing = {"loss": lambda logits, targets: 0.0 * logits.sum()}
    start, after = weights_of(Toy()), weights_of(fitted(5, recipe, **nothing).network)
    assert np.abs(after["below.kernel"]).sum() < np.abs(start["below.kernel"]).sum()
    for name in ("norm.scale", "norm.bias", "below.bias"):
        assert (after[name] == start[name]).all()


def test_accumulated_gradients_are_those_of_the_batches_together() -> None:
    """Two half batches in one update equal one update on both: recomputed with optax alone."""
    recipe = Recipe(learning_rate=1e-2, accumulate=2, warmup=0.0, checks=1)
    quiet = {"logits": lambda network, inputs, key: network(inputs), "frozen_norms": True}
    after = weights_of(fitted(2, recipe, **quiet).network)
    network = Toy()
    network.eval()  # type: ignore[no-untyped-call]
    graph, params, rest = nnx.split(network, nnx.Param, ...)  # type: ignore[misc]
    x, y = (np.concatenate(parts) for parts in zip(photos(0), photos(1), strict=True))

    def loss(params: Any) -> jax.Array:
        return cross_entropy(
            nnx.merge(graph, params, rest, copy=True)(jnp.asarray(x)), jnp.asarray(y)
        )

    plain = Recipe(learning_rate=1e-2, warmup=0.0).optimiser(1, lambda _: 1.0)
    updates, _ = plain.update(jax.grad(loss)(params), plain.init(params), params)
    expected = optax.apply_updates(params, updates)
    np.testing.assert_allclose(
        after["below.kernel"], expected["below"]["kernel"][...], rtol=1e-4, atol=1e-6
    )


def test_the_best_state_on_val_is_kept() -> None:
    script = iter([0.1, 0.9, 0.5, 0.9, 0.2])
    seen = []

    def judge(network: Any) -> tuple[tuple[float, ...], dict[str, float]]:
        seen.append(weights_of(network))
        value = next(script)
        return (value,), {"val": value}

    outcome = fitted(judge=judge)
    assert outcome.step == 16  # of equals the later one
    assert [check["val"] for check in outcome.history] == [0.1, 0.9, 0.5, 0.9, 0.2]
    np.testing.assert_array_equal(
        weights_of(outcome.network)["above.kernel"], seen[3]["above.kernel"]
    )


def test_training_stops_early_where_val_gets_no_better() -> None:
    script = iter([0.5, 0.4, 0.3, 0.2, 0.1])
    recipe = Recipe(learning_rate=1e-2, checks=5, patience=2)
    outcome = fitted(recipe=recipe, judge=lambda _: ((value := next(script),), {"val": value}))
    assert [check["step"] for check in outcome.history] == [4, 8, 12]
    assert outcome.step == 4


def test_the_average_of_the_weights_lags_behind_them() -> None:
    last = weights_of(fitted(judge=None).network)["above.kernel"]
    averaged = Recipe(learning_rate=1e-2, checks=5, ema=0.99)
    mean = weights_of(fitted(recipe=averaged, judge=None).network)["above.kernel"]
    start = weights_of(Toy())["above.kernel"]
    assert np.abs(mean - start).sum() < np.abs(last - start).sum()


def test_a_nan_names_its_step_even_between_two_looks() -> None:
    def batches(first: int) -> Any:
        for step in range(first, 20):
            x, y = photos(step)
            yield (x * np.nan if step == 12 else x), y

    with pytest.raises(DataError, match="not finite at step 13: lower the learning rate"):
        fitted(batches=batches)


def test_the_end_is_kept_though_no_checkpoint_was_due(tmp_path: Path) -> None:
    def run() -> Fitted:
        kept = Checkpoints(tmp_path / "kept", seconds=1e9)
        recipe = Recipe(learning_rate=1e-2, checks=5, patience=1)
        script = iter([0.5, 0.4])
        judge = {"judge": lambda _: ((value := next(script),), {"val": value})}
        return fit(toy_task(10, **judge), recipe, 10, FP32, seed=0, checkpoints=kept)

    first, again = run(), run()
    assert (len(first.history), again.speed) == (2, None)
    assert first.history == again.history


def test_a_damaged_checkpoint_is_told_of_with_what_to_do(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "kept").save(3, {"a": np.ones(3, np.float32)}, {"best": None})
    (tmp_path / "kept" / "3" / "arrays" / "_METADATA").write_text("{")
    with pytest.raises(DataError, match=r"kept cannot be read: delete the folder"):
        Checkpoints(tmp_path / "kept").restore(lambda _: {"a": np.ones(3, np.float32)})


def test_gradients_that_would_never_become_an_update_are_refused() -> None:
    with pytest.raises(DataError, match="gradients of 8 steps make one update, there are only 5"):
        fitted(5, Recipe(accumulate=8))


def test_a_stopped_training_that_is_restored_does_nothing_more(tmp_path: Path) -> None:
    def run() -> Fitted:
        kept = Checkpoints(tmp_path / "kept", seconds=0.0)
        recipe = Recipe(learning_rate=1e-2, checks=5)
        return fit(toy_task(10), recipe, 10, FP32, seed=0, checkpoints=kept)

    first, again = run(), run()
    assert again.speed is None
    assert first.history == again.history
    for name, array in weights_of(first.network).items():
        np.testing.assert_array_equal(array, weights_of(again.network)[name])


def test_a_run_says_what_held_it_up() -> None:
    assert Speed(100.0, 0.7).bound == "input"
    assert Speed(100.0, 0.2).to_json() == {
        "photos_per_second": 100.0,
        "waited": 0.2,
        "bound": "compute",
    }
