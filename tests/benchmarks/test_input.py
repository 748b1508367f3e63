"""Photos per second of every way from files to batches, beside those of the train step itself."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import pytest
from PIL import Image

from tests.benchmarks import input_ways
from tests.benchmarks.machine import machine
from vsearch import fit_network
from vsearch.augment_on_device import augment
from vsearch.data import Label, LabelledPhoto, TrainingData
from vsearch.fit import Batch, Clock, Run, Speed, Task
from vsearch.images import content_hash
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import objective_named
from vsearch.pixels import SquareCache
from vsearch.precision import PRECISIONS
from vsearch.train import SQUARE
from vsearch.train_config import TrainConfig

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1800)]

CONFIG = TrainConfig()
NETWORK = CONFIG.network_config
SERVED = NetworkSpec(CONFIG.backbone).spec
SIZE = NETWORK.train_size(SERVED.size)
SIDE = round(SERVED.size * SQUARE)
BATCH = NETWORK.batch
BATCHES = {"as they are": 20, "1280 × 960": 8}
DECODERS = 2
GRAIN = ((0, 1), (0, 2), (1, 1), (2, 1))  # processes, threads


def photos_of(folder: Path, count: int) -> list[LabelledPhoto]:
    """Return so many train photos, spread over all products."""
    paths = sorted((folder / "images" / "train").glob("*/*.jpg"))
    chosen = [paths[index * len(paths) // count] for index in range(count)]
    names = sorted({path.parent.name for path in chosen})
    return [
        LabelledPhoto(
            path, content_hash(path.read_bytes()), (names.index(path.parent.name),), False
        )
        for path in chosen
    ]


def enlarged(photos: list[LabelledPhoto], folder: Path) -> list[LabelledPhoto]:
    """Return copies as large as photos are that nobody has made smaller for a data set."""
    copies = []
    folder.mkdir()
    for photo in photos:
        path = folder / f"{photo.content_hash}.jpg"
        with Image.open(photo.path) as image:
            image.convert("RGB").resize((1280, 960)).save(path, quality=88)
        copies.append(replace(photo, path=path, content_hash=content_hash(path.read_bytes())))
    return copies


def rate(batches: Iterator[Any], count: int) -> float:
    """Return photos per second, the first batch left out: threads and processes have to start."""
    next(batches)
    started = time.perf_counter()
    seen = sum(BATCH for _ in batches)
    assert seen == count - BATCH
    return seen / (time.perf_counter() - started)


def loading(photos: list[LabelledPhoto], folder: Path) -> dict[str, float]:
    """Return photos per second of every way to batches."""
    count, ways = len(photos), {}
    for threads in (1, 2):
        batches = input_ways.rendered_in_threads(photos, SIZE, threads, BATCH)
        ways[f"Pillow and NumPy, threads: {threads}"] = rate(batches, count)
    for workers, threads in GRAIN if find_spec("grain") else ():
        batches = input_ways.rendered_by_grain(
            photos, SIZE, BATCH, threads=threads, workers=workers
        )
        kind = f"processes: {workers}" if workers else f"threads: {threads}"
        ways[f"the same by Grain, {kind}"] = rate(batches, count)
    with closing(SquareCache(folder, SIDE, input_ways.LIMITS)) as cache:

        def squares() -> Iterator[tuple[Any, Any]]:
            return input_ways.squares_in_threads(photos, cache, DECODERS, BATCH)

        ways["squares, decoded and kept"] = rate(squares(), count)
        ways["squares, read again"] = rate(squares(), count)
        ways["… with crops on the device"] = rate(cropped(squares()), count)
    return ways


def cropped(batches: Iterator[tuple[Any, Any]]) -> Iterator[jax.Array]:
    """Yield batches of squares with random crops cut out of them by JAX."""
    how = NETWORK.augmentation
    crop = jax.jit(lambda squares, aspects, key: augment(squares, aspects, key, SIZE, how))
    for squares, aspects in batches:
        yield jax.block_until_ready(crop(squares, aspects, jax.random.key(0)))


def captured(data: TrainingData, cache: SquareCache, monkeypatch: pytest.MonkeyPatch) -> Task:
    """Return the task that `fit_network` would train."""
    objective = objective_named("normalised-softmax")
    network = abstract_classifier(NetworkSpec(CONFIG.backbone), len(data.labels), objective)
    initialise(network, 0)
    first_stage = CONFIG.first_stage(len(network.trunk.backbone.stage_channels))
    assert first_stage is not None
    tasks: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(fit_network, "fit", lambda task, *_, **__: tasks.append(task))
        fit_network.fit_network(
            network,
            fit_network.Training(data, objective, SERVED, cache),
            NETWORK,
            PRECISIONS["fp32"],
            first_stage=first_stage,
            seed=0,
        )
    task: Task = tasks[0]
    return task


def training(
    photos: list[LabelledPhoto], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[float, list[Speed]]:
    """Return photos per second of the train step alone, and speeds of the first and a later epoch.

    The loop is the trainer's: step, batches, and what it says of having waited for them.
    """
    labels = 1 + max(photo.labels[0] for photo in photos)
    data = TrainingData(
        tuple(Label(str(index), (str(index),)) for index in range(labels)), ("item",), tuple(photos)
    )
    steps = len(photos) // BATCH
    with closing(SquareCache(folder, SIDE, input_ways.LIMITS)) as cache:
        task = captured(data, cache, monkeypatch)
        run = Run(task, NETWORK, 4 * steps, PRECISIONS["fp32"], seed=0)
        with closing(SquareCache(folder / "other", SIDE, input_ways.LIMITS)) as other:
            ready = next(captured(data, other, monkeypatch).batches(0))
        advance(run, iter([ready]), 1)  # compiles
        alone = advance(run, iter([ready] * steps), steps)
        speeds = [advance(run, task.batches(0), steps)]
        for photo in photos:
            cache.get(photo)
        speeds.append(advance(run, task.batches(0), steps))
    return alone.photos_per_second, speeds


def advance(run: Run, batches: Iterator[Batch], steps: int) -> Speed:
    clock = Clock()
    for step in range(steps):
        run.advance(step, batches, clock)
    started = time.perf_counter()
    jax.block_until_ready(run.state)
    clock.stepped += time.perf_counter() - started
    speed = clock.speed()
    assert speed is not None
    return speed


def test_input_beside_the_train_step(
    grocery_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"\n{machine()}\nphotos per second; {BATCH} a batch, {SIZE} px, out of squares of {SIDE}")
    if not find_spec("grain"):
        print("Grain is left out: it is not installed (extra bench)")
    for kind, count in BATCHES.items():
        photos = photos_of(grocery_store, count * BATCH)
        if kind != "as they are":
            photos = enlarged(photos, tmp_path / "enlarged")
        print(f"photos {kind}")
        for name, found in loading(photos, tmp_path / f"loading {kind}").items():
            print(f"  {name:36}{found:8.1f}")
        alone, speeds = training(photos, tmp_path / f"training {kind}", monkeypatch)
        print(f"  {'the train step alone':36}{alone:8.1f}")
        for epoch, speed in zip(("first", "later"), speeds, strict=True):
            print(
                f"  {f'training, {epoch} epoch':36}{speed.photos_per_second:8.1f}  waited "
                f"{speed.waited:.0%} of the time: {speed.bound}-bound"
            )
