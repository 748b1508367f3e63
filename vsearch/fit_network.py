"""Train a network's layers from photos: the last stages of a pretrained one, or all from scratch.

Photos come as decoded squares; crop, flip and colour are new in every step and computed on the
device.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch import buckets
from vsearch.augment import Augmentation
from vsearch.augment_on_device import augment
from vsearch.checkpoints import Checkpoints
from vsearch.data import LabelledPhoto, TrainingData, targets_of
from vsearch.errors import DataError
from vsearch.features import DECODERS, ahead
from vsearch.fit import Batch, Check, Fitted, Quality, Task, fit
from vsearch.fit_head import dropout_factors, sampler_of
from vsearch.images import ImageError, ImageSpec, load
from vsearch.models.classifier import Classifier
from vsearch.objectives import LossOptions, Objective
from vsearch.pixels import SquareCache
from vsearch.precision import Precision
from vsearch.progress import Progress, silent
from vsearch.recipe import Recipe


@dataclass(frozen=True)
class NetworkConfig(Recipe):
    """How layers are trained from photos.

    Attributes:
        epochs: how often as many photos are drawn as there are.
        share: the side of the photos in training, as a share of the side when serving; a multiple
            of 32 is taken. Smaller is quicker, and a random crop shows things larger than the
            whole photo does (Touvron et al. 2019, Fixing the train-test resolution discrepancy,
            arXiv:1906.06423).
        stage_decay: by what the learning rate shrinks from each stage to the one before it.
        backbone_rate: the last stage's learning rate as a share of the head's.
        frozen_norms: whether batch norms keep the statistics that they came with.
        augmentation: bounds of crop and colour.
    """

    epochs: int = 15
    learning_rate: float = 2e-3
    weight_decay: float = 5e-2
    share: float = 1.0
    stage_decay: float = 1.0
    backbone_rate: float = 1.0
    frozen_norms: bool = False
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(min_area=0.5))

    def __post_init__(self) -> None:
        """Refuse values that nothing can be trained with.

        Raises:
            DataError: names the first, and what is possible.
        """
        super().__post_init__()
        self._require("1 or more", "epochs", good=lambda value: value >= 1)
        self._require("above 0", "share", "stage_decay", good=lambda v: 0 < v < math.inf)
        self._require("0 or more", "backbone_rate", good=lambda v: 0 <= v < math.inf)

    def train_size(self, size: int) -> int:
        """Return the side in training of photos whose side when serving is `size`."""
        return size if self.share == 1 else max(32, round(self.share * size / 32) * 32)

    def steps(self, photos: int) -> int:
        """Return how many batches all epochs are."""
        return self.epochs * -(-photos // self.batch)


# Chosen on the val photos of grocery-store (see BENCHMARKS.md).
FINE_TUNING = NetworkConfig(
    epochs=6,
    learning_rate=3e-3,
    weight_decay=1e-2,
    clip=5.0,
    ema=0.99,
    smoothing=0.1,
    dropout=0.5,
    checks=3,
    share=5 / 7,
    stage_decay=0.75,
    backbone_rate=1 / 3,
    frozen_norms=True,
    augmentation=Augmentation(min_area=0.35, brightness=0.3, contrast=0.3, saturation=0.3),
)
FROM_SCRATCH = NetworkConfig()


@dataclass(frozen=True)
class Training:
    """The photos of a network's training and how they count."""

    data: TrainingData
    objective: Objective
    spec: ImageSpec
    squares: SquareCache
    balanced: bool = True
    options: LossOptions = field(default_factory=LossOptions)


def fit_network(
    network: Classifier,
    training: Training,
    config: NetworkConfig,
    precision: Precision,
    *,
    first_stage: int,
    seed: int,
    checkpoints: Checkpoints | None = None,
    progress: Progress = silent,
) -> tuple[Fitted, dict[str, str]]:
    """Train the stages from `first_stage` on, with projection and head; keep the best on val.

    Args:
        network: filled with starting values.
        training: the photos.
        config: how.
        precision: what the network was made to compute in.
        first_stage: stages before it stay as they are.
        seed: decides batches, augmentation and dropout.
        checkpoints: where to go on from.
        progress: told of every step.

    Returns:
        The network at its best, and the photos that could not be read, with reasons.

    Raises:
        DataError: the loss is no longer finite (names the step), or no photo can be read.
    """
    data, objective, spec = training.data, training.objective, training.spec
    photos = PhotoSource(training, config, seed)
    size = config.train_size(spec.size)
    last = len(network.trunk.backbone.stage_channels) - 1

    def trainable(leaf: str) -> bool:
        return network.stage_of(leaf) >= first_stage

    def rate_of(leaf: str) -> float:
        stage = network.stage_of(leaf)
        return 1.0 if stage > last else config.backbone_rate * config.stage_decay ** (last - stage)

    def logits(
        network: Classifier, inputs: tuple[jax.Array, jax.Array], key: jax.Array
    ) -> jax.Array:
        cropping, dropping = jax.random.split(key)
        pixels = augment(*inputs, cropping, size, config.augmentation)
        features = network.trunk(pixels, first_stage)
        return network.top(features, dropout_factors(dropping, features, config))[1]

    pixels, val, unreadable = val_photos(data, spec)
    targets = targets_of(val, len(data.labels))
    task = Task(
        name="train network",
        network=network,
        trainable=trainable,
        rate_of=rate_of,
        logits=logits,
        loss=lambda logits, targets: objective.loss(logits, targets, training.options),
        batches=photos.batches,
        judge=(lambda network: _judge(network, pixels, targets, objective)) if val else None,
        frozen_norms=config.frozen_norms,
    )
    fitted = fit(
        task,
        config,
        config.steps(len(data.train)),
        precision,
        seed=seed,
        checkpoints=checkpoints,
        progress=progress,
    )
    return fitted, unreadable | photos.unreadable


class PhotoSource:
    """Reads photos in threads ahead of the network; remembers those it could not read."""

    def __init__(self, training: Training, config: NetworkConfig, seed: int):
        self.training, self.config, self.seed = training, config, seed
        self.unreadable: dict[str, str] = {}

    def batches(self, first: int) -> Iterator[Batch]:
        """Yield the batches from step `first` on: squares with their shapes, and targets."""
        data, config = self.training.data, self.config
        labels, balanced = len(data.labels), self.training.balanced
        sampler = sampler_of(data.train, labels, config, balanced)
        steps = config.steps(len(data.train))

        def render(step: int) -> Batch:
            rng = np.random.default_rng((self.seed, step))
            chosen = [data.train[index] for index in sampler.draw(config.batch, rng)]
            usable = [(s, p) for p in chosen if (s := self._square(p)) is not None]
            if not usable:
                raise DataError(f"no photo of a whole batch can be read: {self.unreadable}")
            # An unreadable photo's place is taken by others of its batch: the shape stays fixed.
            full = [usable[index % len(usable)] for index in range(config.batch)]
            squares = np.stack([pixels for (pixels, _), _ in full])
            aspects = np.array([aspect for (_, aspect), _ in full], np.float32)
            targets = targets_of([photo for _, photo in full], labels)
            return (squares, aspects), targets.astype(np.float32)

        with ThreadPoolExecutor(DECODERS) as pool:
            yield from ahead(pool, render, range(first, steps))

    def _square(self, photo: LabelledPhoto) -> tuple[NDArray[np.uint8], float] | None:
        try:
            return self.training.squares.get(photo)
        except ImageError as error:
            self.unreadable[str(photo.path)] = str(error)
            return None


def val_photos(
    data: TrainingData, spec: ImageSpec
) -> tuple[NDArray[np.uint8], tuple[LabelledPhoto, ...], dict[str, str]]:
    """Return val photos as serving sees them, those that could be read, and why others could not.

    The first is (n, size, size, 3) uint8.
    """
    pixels, kept, unreadable = [], [], {}
    for photo in data.val:
        try:
            pixels.append(load(photo.read(data.limits), spec, max_pixels=data.limits.max_pixels))
            kept.append(photo)
        except ImageError as error:
            unreadable[str(photo.path)] = str(error)
    shape = (0, spec.size, spec.size, 3)
    return np.stack(pixels) if pixels else np.zeros(shape, np.uint8), tuple(kept), unreadable


def network_logits(network: Classifier, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits (n, outputs) float32 of photos (n, size, size, 3) uint8, n ≥ 1."""
    network.eval()  # type: ignore[no-untyped-call]
    definition, state = nnx.split(network)
    (logits,) = buckets.run(
        lambda batch: (_forward(definition, state, jnp.asarray(batch)),), pixels
    )
    return logits


@jax.jit(static_argnums=0)
def _forward(definition: Any, state: nnx.State[Any, Any], pixels: jax.Array) -> jax.Array:  # noqa: ANN401
    logits: jax.Array = nnx.merge(definition, state)(pixels)[1]
    return logits


def _judge(
    network: Classifier,
    pixels: NDArray[np.uint8],
    targets: NDArray[np.bool_],
    objective: Objective,
) -> tuple[Quality, Check]:
    quality = objective.quality(network_logits(network, pixels), targets)
    return quality, {"val": quality[0]}
