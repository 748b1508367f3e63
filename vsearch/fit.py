"""Gradient descent on any part of a network: one step, the loop around it, and going on after kill.

The loop reads top to bottom: batch → step → check on val → checkpoint. Batches and random numbers
depend on the seed and the number of the step alone, so that a run that was killed goes on from its
last checkpoint and, on a CPU, ends with the same weights bit for bit.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from flax.training.dynamic_scale import DynamicScale
from numpy.typing import NDArray

from vsearch.checkpoints import Checkpoints
from vsearch.errors import DataError
from vsearch.precision import Precision
from vsearch.progress import Progress, silent
from vsearch.recipe import Parameters, Recipe

Batch = tuple[Any, NDArray[np.float32]]  # inputs (a pytree of arrays), targets (n, labels)
Quality = tuple[float, ...]
Check = dict[str, float]
State = dict[str, Any]

LOOK_EVERY = 25  # steps between looks at the loss; a look makes the host wait for the device
SMALLEST_LOSS_SCALE = 2.0**-10


@dataclass(frozen=True)
class Task:
    """What is to be trained.

    Attributes:
        name: what progress calls it.
        network: the module, filled with its starting values.
        logits: maps (network, inputs, key) to logits (n, outputs) in training.
        loss: maps logits and targets to a float32 scalar.
        batches: the batches from the given step (counted from 0) on.
        judge: how good the network is on val, greater being better, with figures for the record;
            None without val photos.
        trainable: whether the leaf of this dotted name is trained.
        rate_of: by what a leaf's learning rate is multiplied.
        frozen_norms: whether all batch norms keep their statistics while training; those whose
            scale is not trained keep them in any case.
    """

    name: str
    network: nnx.Module
    logits: Callable[[Any, Any, jax.Array], jax.Array]
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    batches: Callable[[int], Iterator[Batch]]
    judge: Callable[[Any], tuple[Quality, Check]] | None = None
    trainable: Callable[[str], bool] = lambda _leaf: True
    rate_of: Callable[[str], float] = lambda _leaf: 1.0
    frozen_norms: bool = True


@dataclass(frozen=True)
class Speed:
    """How fast steps went, and what they waited for.

    Attributes:
        photos_per_second: through the whole loop, compilation included, checks left out.
        waited: the share of the time in which the next batch was not ready yet.
    """

    photos_per_second: float
    waited: float

    @property
    def bound(self) -> str:
        """Return what held training up: `input` or `compute`."""
        return "input" if self.waited > 0.5 else "compute"

    def to_json(self) -> dict[str, float | str]:
        """Return the figures for the record."""
        return {
            "photos_per_second": round(self.photos_per_second, 1),
            "waited": round(self.waited, 3),
            "bound": self.bound,
        }


@dataclass(frozen=True)
class Fitted:
    """The network at its best step.

    Attributes:
        network: in evaluation mode.
        step: the step after which it was best; the last one without val photos.
        history: what every check found, with `step` and `loss`.
        skipped: fp16 steps that overflowed and changed nothing.
        speed: None where no step was left to do.
    """

    network: nnx.Module
    step: int
    history: tuple[Check, ...]
    skipped: int
    speed: Speed | None


@dataclass
class _Best:
    """The best state so far, on the host."""

    quality: Quality
    step: int
    params: Any
    rest: Any


@dataclass
class Clock:
    """Where the time of a training went, in seconds, and for how many photos."""

    photos: int = 0
    waited: float = 0.0
    stepped: float = 0.0

    def speed(self) -> Speed | None:
        """Return photos a second and the share of waiting; None before the first step."""
        spent = self.waited + self.stepped
        return Speed(self.photos / spent, self.waited / spent) if self.photos else None


def fit(
    task: Task,
    recipe: Recipe,
    steps: int,
    precision: Precision,
    *,
    seed: int,
    checkpoints: Checkpoints | None = None,
    progress: Progress = silent,
) -> Fitted:
    """Train for `steps` batches and return the network at its best on val.

    Args:
        task: what is to be trained.
        recipe: how.
        steps: how many batches, at least 1.
        precision: fp16 adds dynamic loss scaling.
        seed: decides dropout and augmentation.
        checkpoints: where to go on from; None: nothing is kept.
        progress: told of every step.

    Raises:
        DataError: too few steps were asked for, the loss is no longer finite (names the step), or
            fp16 overflows whatever the loss scale.
    """
    if steps < 1:
        raise DataError(f"{task.name}: training needs at least one step, not {steps}")
    if recipe.accumulate > steps:
        raise DataError(
            f"{task.name}: gradients of {recipe.accumulate} steps make one update, there are only "
            f"{steps} steps: accumulate less, or train longer"
        )
    run = Run(task, recipe, steps, precision, seed)
    first = run.restore(checkpoints) if checkpoints else 0
    if run.stopped:
        first = steps  # nothing is left to do
    clock = Clock()
    check_every = max(1, steps // max(recipe.checks, 1))
    progress(task.name, first, steps)
    batches = task.batches(first) if first < steps else iter(())
    for step in range(first, steps):
        run.advance(step, batches, clock)
        done = step + 1
        judged = done % check_every == 0 or done == steps
        if judged or done % LOOK_EVERY == 0:
            run.look(clock)
        if judged:
            run.check(done)
        # The end is kept in any case: what comes after the training may be killed as well.
        if checkpoints and (checkpoints.due() or run.stopped or done == steps):
            run.look(clock)
            run.save(checkpoints, done)
        progress(task.name, done, steps)
        if run.stopped:
            break
    return run.result(clock)


class Run:
    """A training in progress; `fit` is the way to one, benchmarks measure its steps."""

    def __init__(
        self, task: Task, recipe: Recipe, steps: int, precision: Precision, seed: int
    ) -> None:
        self.task, self.recipe, self.seed = task, recipe, seed
        _set_mode(task, training=True)
        chosen = _filter(task)
        graph, params, rest = _split(task.network, chosen)
        self.optimiser = recipe.optimiser(steps, task.rate_of)
        self.step = make_step(graph, task, recipe, self.optimiser, chosen)
        self.state: State = {
            "params": params,
            "rest": rest,
            "optimiser": self.optimiser.init(params),
            "average": jax.tree.map(jnp.array, params) if recipe.ema else None,
            "scale": DynamicScale(fin_steps=jnp.int32(0), scale=jnp.float32(2.0**15))
            if precision.name == "fp16"
            else None,
            "skipped": jnp.int32(0),
            "bad": jnp.int32(-1),
            "loss": jnp.float32(0),
            "steps": jnp.int32(0),  # since the last check, that `loss` is the sum of
        }
        _set_mode(task, training=False)
        self.evaluation, _, _ = _split(task.network, chosen)
        self.best: _Best | None = None
        self.history: list[Check] = []
        self.stopped = False

    def advance(self, step: int, batches: Iterator[Batch], clock: Clock) -> None:
        """Do step `step`, counted from 0, with the next batch."""
        asked = time.perf_counter()
        inputs, targets = next(batches)
        got = time.perf_counter()
        self.state = self.step(self.state, inputs, targets, jnp.int32(step), self.seed)
        clock.waited += got - asked
        clock.stepped += time.perf_counter() - got
        clock.photos += len(targets)

    def look(self, clock: Clock) -> None:
        """Wait for the steps that are still being computed; stop where the loss went wrong.

        Raises:
            DataError: names the step.
        """
        asked = time.perf_counter()
        bad = int(self.state["bad"])
        clock.stepped += time.perf_counter() - asked
        if bad >= 0:
            raise DataError(
                f"{self.task.name}: the loss or its gradient is not finite at step {bad + 1}: "
                "lower the learning rate, or compute in fp32"
            )
        scale = self.state["scale"]
        if scale is not None and float(scale.scale) < SMALLEST_LOSS_SCALE:
            raise self._overflow()

    def _overflow(self) -> DataError:
        return DataError(f"{self.task.name}: fp16 overflows at every loss scale: use bf16 or fp32")

    def check(self, done: int) -> None:
        """Judge the state after `done` steps on val and keep it if it is the best."""
        mean_loss = float(self.state["loss"]) / max(int(self.state["steps"]), 1)
        self.state |= {"loss": jnp.float32(0), "steps": jnp.int32(0)}
        params = self.state["average"] if self.recipe.ema else self.state["params"]
        quality: Quality = ()
        figures: Check = {}
        if self.task.judge is not None:
            quality, figures = self.task.judge(
                nnx.merge(self.evaluation, params, self.state["rest"])
            )
        self.history.append({"step": done, "loss": mean_loss, **figures})
        if self.best is None or quality >= self.best.quality:
            self.best = _Best(quality, done, *jax.device_get((params, self.state["rest"])))
        patience = self.recipe.patience
        since = sum(check["step"] > self.best.step for check in self.history)
        self.stopped = patience is not None and since >= patience

    def save(self, checkpoints: Checkpoints, done: int) -> None:
        """Keep the state after `done` steps, with the best one so far."""
        best = self.best
        checkpoints.save(
            done,
            (self.state, (best.params, best.rest) if best else None),
            {
                "history": self.history,
                "best": [list(best.quality), best.step] if best else None,
                "stopped": self.stopped,
            },
        )

    def restore(self, checkpoints: Checkpoints) -> int:
        """Go back to the newest checkpoint; return how many steps are done."""
        blank = jax.device_get((self.state["params"], self.state["rest"]))
        found = checkpoints.restore(lambda record: (self.state, blank if record["best"] else None))
        if found is None:
            return 0
        done, (self.state, best), record = found
        self.history, self.stopped = list(record["history"]), bool(record["stopped"])
        if record["best"]:
            quality, step = record["best"]
            self.best = _Best(tuple(quality), step, *jax.device_get(best))
        return done

    def result(self, clock: Clock) -> Fitted:
        """Return the network as it was at its best."""
        assert self.best is not None  # the last step is always checked
        skipped = int(self.state["skipped"])
        if skipped == self.history[-1]["step"]:  # too few for the scale to have become small
            raise self._overflow()
        network = nnx.merge(self.evaluation, *jax.device_put((self.best.params, self.best.rest)))
        return Fitted(
            network,
            self.best.step,
            tuple(self.history),
            skipped,
            clock.speed(),
        )


def make_step(
    graph: Any,  # noqa: ANN401 - nnx.GraphDef of whatever module
    task: Task,
    recipe: Recipe,
    optimiser: optax.GradientTransformation,
    chosen: Callable[[Any, Any], bool],
) -> Callable[..., State]:
    """Return the compiled update: (state, inputs, targets, step, seed) → state."""

    def loss_of(
        params: Parameters, rest: Parameters, inputs: object, targets: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Parameters]:
        network = nnx.merge(graph, params, rest, copy=True)  # at the level of this trace
        loss = task.loss(task.logits(network, inputs, key).astype(jnp.float32), targets)
        _, _, rest = _split(network, chosen)  # batch norms may have moved on
        return loss, rest

    def update(
        state: State, inputs: object, targets: jax.Array, step: jax.Array, seed: int
    ) -> State:
        key = jax.random.fold_in(jax.random.key(seed), step)
        arguments = (state["params"], state["rest"], inputs, targets, key)
        scale = state["scale"]
        if scale is None:
            (loss, rest), gradients = jax.value_and_grad(loss_of, has_aux=True)(*arguments)
            finite = jnp.isfinite(optax.tree.norm(gradients))
        else:
            compute = scale.value_and_grad(loss_of, has_aux=True)
            scale, finite, (loss, rest), gradients = compute(*arguments)
        updates, moments = optimiser.update(gradients, state["optimiser"], state["params"])
        new: State = {
            "params": optax.apply_updates(state["params"], updates),
            "rest": rest,
            "optimiser": moments,
            "average": state["average"],
        }
        if recipe.ema:
            # Young averages forget faster, or the start would weigh for hundreds of steps.
            keep = jnp.minimum(recipe.ema, (1 + step) / (10 + step)).astype(jnp.float32)
            new["average"] = optax.incremental_update(new["params"], state["average"], 1 - keep)
        good = finite & jnp.isfinite(loss)
        old = {name: state[name] for name in new}
        kept = jax.tree.map(lambda a, b: jnp.where(good, a, b), new, old)
        wrong = ~good & (state["scale"] is None)
        return {
            **kept,
            "scale": scale,
            "skipped": state["skipped"] + (~good).astype(jnp.int32),
            "bad": jnp.where(wrong & (state["bad"] < 0), step, state["bad"]).astype(jnp.int32),
            "loss": state["loss"] + jnp.where(good, loss, 0).astype(jnp.float32),
            "steps": state["steps"] + good.astype(jnp.int32),
        }

    return jax.jit(update, donate_argnums=0, static_argnums=4)


def _filter(task: Task) -> Callable[[Any, Any], bool]:
    def chosen(path: tuple[Any, ...], leaf: object) -> bool:
        return isinstance(leaf, nnx.Param) and task.trainable(".".join(map(str, path)))

    return chosen


def _split(
    network: nnx.Module, chosen: Callable[[Any, Any], bool]
) -> tuple[Any, Parameters, Parameters]:
    """Return the network's structure, what is trained, and all other variables."""
    graph, params, rest = nnx.split(network, chosen, ...)  # type: ignore[misc]
    return graph, params, rest


def _set_mode(task: Task, *, training: bool) -> None:
    network = task.network
    network.eval()
    if not training or task.frozen_norms:
        return
    network.train()
    for path, module in nnx.iter_modules(network):
        # Layers that are not trained stay as they are: their norms' statistics, too.
        scale = ".".join(map(str, (*path, "scale")))
        if isinstance(module, nnx.BatchNorm) and not task.trainable(scale):
            module.use_running_average = True
