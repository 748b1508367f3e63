"""Our whole train step on synthetic photos that lie on the device: its speed and its losses.

It is `vsearch.fit`'s own step, compiled and donated as training does it.
"""

import dataclasses
import time
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.programs import flops
from vsearch.augment import Augmentation
from vsearch.augment_on_device import augment
from vsearch.fit import Clock, Run, Task
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import Classifier, abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import LossOptions, objective_named
from vsearch.precision import PRECISIONS
from vsearch.recipe import Recipe

OBJECTIVE = objective_named("normalised-softmax")
SQUARE = 8 / 7  # side of a kept photo as a multiple of the crop's, as in training
SEED = 0
POOL = 8  # batches that the losses are of, again and again


Losses = list[float | None]


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        backbone: a name of `ARCHITECTURES`; all its layers are trained, from random weights.
        size: side of the photos, pixels.
        batch: photos a step.
        steps: how many are timed.
        loss_steps: how many before them have their loss looked at; the first compiles.
        labels: how many the head tells apart.
        dim: length of the embedding.
    """

    backbone: str = "resnet-50"
    size: int = 224
    batch: int = 256
    steps: int = 50
    loss_steps: int = 100
    labels: int = 100
    dim: int = 256


@dataclass(frozen=True)
class Measured:
    """One row of the table.

    Attributes:
        photos_per_second: of the timed steps.
        first_step: seconds that the first step took, compilation included.
        flops_per_photo: of forward and backward pass.
        memory: the most bytes in use on the device so far; None where it does not tell.
        note: how it was done.
        losses: of the steps before those that were timed; None where fp16 skipped the step.
    """

    name: str
    precision: str
    photos_per_second: float
    first_step: float
    flops_per_photo: float
    memory: int | None
    note: str = ""
    losses: Losses = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return all fields."""
        return dataclasses.asdict(self)


def run_of(setting: Setting, precision: str, *, augmented: bool) -> Run:
    """Return a training that is ready for its first step; the same start in every precision."""
    spec = NetworkSpec(setting.backbone, setting.dim)
    compute = PRECISIONS[precision].compute
    network = abstract_classifier(spec, setting.labels, OBJECTIVE, compute)
    initialise(network, SEED)

    def logits(network: Classifier, inputs: Any, key: jax.Array) -> jax.Array:
        pixels = inputs
        if augmented:
            squares, aspects = inputs
            pixels = augment(squares, aspects, key, setting.size, Augmentation())
        outputs: jax.Array = network.top(network.trunk(pixels))[1]
        return outputs

    task = Task(
        name="measure",
        network=network,
        logits=logits,
        loss=lambda logits, targets: OBJECTIVE.loss(logits, targets, LossOptions(smoothing=0.1)),
        batches=lambda _: iter(()),
        frozen_norms=False,
    )
    recipe = Recipe(batch=setting.batch, learning_rate=1e-3, weight_decay=5e-2)
    steps = setting.loss_steps + setting.steps
    return Run(task, recipe, steps, PRECISIONS[precision], SEED)


def synthetic_batches(setting: Setting, side: int) -> list[tuple[Any, Any]]:
    """Return batches on the device, (n, side, side, 3) uint8 with targets (n, labels) float32.

    Each label has a coarse pattern of its own below noise, so that there is something to learn.
    """
    rng = np.random.default_rng(SEED)
    patterns = rng.integers(0, 128, (setting.labels, 4, 4, 3), np.uint8)
    batches = []
    for _ in range(POOL):
        labels = rng.integers(setting.labels, size=setting.batch)
        photos = rng.integers(0, 128, (setting.batch, side, side, 3), np.uint8)
        photos += _enlarged(patterns[labels], side)
        targets = np.eye(setting.labels, dtype=np.float32)[labels]
        batches.append(jax.device_put((photos, targets)))
    jax.block_until_ready(batches)
    return batches


def _enlarged(patterns: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    place = np.arange(side) * patterns.shape[1] // side
    return patterns[:, place][:, :, place]


def measure(setting: Setting, precision: str, *, augmented: bool = False) -> Measured:
    """Return speed and losses of the step, with or without random crops of larger photos before it.

    Every step's loss is read at first; then the host runs ahead of the device, as in training.
    """
    run = run_of(setting, precision, augmented=augmented)
    side = round(setting.size * SQUARE) if augmented else setting.size
    batches = synthetic_batches(setting, side)
    if augmented:
        aspects = jnp.ones(setting.batch)
        batches = [((photos, aspects), targets) for photos, targets in batches]
    count = flops(lambda *given: run.step(*given, SEED), run.state, *batches[0], jnp.int32(0))
    started = time.perf_counter()
    found = [_loss(run, batches[0], 0)]
    first = time.perf_counter() - started
    found += [_loss(run, batches[step % POOL], step) for step in range(1, setting.loss_steps)]
    started = time.perf_counter()
    for step in range(setting.loss_steps, setting.loss_steps + setting.steps):
        _advance(run, batches[step % POOL], step)
    jax.block_until_ready(run.state)
    took = time.perf_counter() - started
    run.look(Clock())
    statistics = jax.local_devices()[0].memory_stats() or {}
    return Measured(
        name="ours, with crops" if augmented else "ours",
        precision=precision,
        photos_per_second=setting.steps * setting.batch / took,
        first_step=first,
        flops_per_photo=count / setting.batch,
        memory=statistics.get("peak_bytes_in_use"),
        note=f"{int(run.state['skipped'])} steps skipped" if precision == "fp16" else "",
        losses=found,
    )


def _advance(run: Run, batch: tuple[Any, Any], step: int) -> None:
    run.state = run.step(run.state, *batch, jnp.int32(step), SEED)


def _loss(run: Run, batch: tuple[Any, Any], step: int) -> float | None:
    _advance(run, batch, step)
    loss = float(run.state["loss"]) if int(run.state["steps"]) else None
    run.state |= {"loss": jnp.float32(0), "steps": jnp.int32(0)}
    return loss
