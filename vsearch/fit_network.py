"""Train every layer, from scratch: for the small networks, where no pretrained weights fit."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from vsearch.augment import Augmentation
from vsearch.calibration import negative_log_likelihood
from vsearch.data import BalancedSampler, LabelledPhoto, PhotoLimits, TrainingData
from vsearch.errors import DataError
from vsearch.features import DECODERS, ahead
from vsearch.images import ImageError, ImageSpec, decode, load
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import Classifier, abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import normalised_softmax
from vsearch.precision import Precision
from vsearch.progress import Progress, silent

Parameters = nnx.State[Any, Any]


@dataclass(frozen=True)
class NetworkConfig:
    """How all layers are trained."""

    epochs: int = 15
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 5e-2
    temperature: float = 0.1
    catalogue_share: float = 0.125
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(min_area=0.5))


@dataclass(frozen=True)
class FittedNetwork:
    """The network at its best epoch, its cosines on val, and the val photos that could be read."""

    network: Classifier
    step: int
    val_cosines: NDArray[np.float32] | None
    val_labels: NDArray[np.int64]
    unreadable: dict[str, str]


def fit_network(
    data: TrainingData,
    spec: NetworkSpec,
    config: NetworkConfig,
    precision: Precision,
    *,
    seed: int,
    progress: Progress = silent,
) -> FittedNetwork:
    """Train all layers with augmentation; keep the epoch with the best top-1 on val.

    Raises:
        DataError: the loss is no longer finite (names the step), or no photo can be read.
    """
    photos = PhotoSource(spec.spec, config.augmentation, data.limits, seed)
    network = abstract_classifier(spec, len(data.labels), precision.compute)
    initialise(network, seed)
    steps_per_epoch = -(-len(data.train) // config.batch)
    steps = config.epochs * steps_per_epoch
    optimizer = nnx.Optimizer(network, _optimizer(config, steps), wrt=nnx.Param)
    val_pixels, val_labels = photos.plain(data.val)
    best: tuple[tuple[float, float], FittedNetwork] | None = None
    progress("train network", 0, steps)
    for step, (pixels, labels) in enumerate(photos.batches(data, config, steps), start=1):
        loss = _step(network, optimizer, pixels, labels, 1 / config.temperature)
        if step % steps_per_epoch == 0:
            if not np.isfinite(float(loss)):
                raise DataError(
                    f"the loss is {float(loss)} at step {step}: lower the learning rate"
                )
            cosines = _cosines(network, val_pixels, config.batch)
            quality = _quality(cosines, val_labels, 1 / config.temperature)
            if best is None or quality >= best[0]:
                kept = nnx.clone(network)
                best = quality, FittedNetwork(kept, step, cosines, val_labels, photos.unreadable)
        progress("train network", step, steps)
    if best is None:
        raise DataError(f"training needs at least one epoch, epochs is {config.epochs}")
    return best[1]


class PhotoSource:
    """Decodes photos in threads ahead of the network; remembers those it could not read."""

    def __init__(self, spec: ImageSpec, augmentation: Augmentation, limits: PhotoLimits, seed: int):
        self.spec, self.augmentation, self.limits, self.seed = spec, augmentation, limits, seed
        self.unreadable: dict[str, str] = {}

    def batches(
        self, data: TrainingData, config: NetworkConfig, steps: int
    ) -> Iterator[tuple[jax.Array, jax.Array]]:
        """Yield `steps` balanced batches: pixels (batch, size, size, 3) uint8, labels (batch,)."""
        sampler = BalancedSampler(data.train, len(data.labels), config.catalogue_share)
        rng = np.random.default_rng(self.seed)
        draws = [sampler.draw(config.batch, rng) for _ in range(steps)]

        def render(step: int) -> tuple[jax.Array, jax.Array]:
            chosen = [data.train[index] for index in draws[step]]
            views = [self._augmented(p, (self.seed, step, i)) for i, p in enumerate(chosen)]
            usable = [(v, p.label) for v, p in zip(views, chosen, strict=True) if v is not None]
            if not usable:
                raise DataError(f"no photo of a whole batch can be read: {self.unreadable}")
            # An unreadable photo's place is taken by others of its batch: the shape stays fixed.
            full = [usable[index % len(usable)] for index in range(config.batch)]
            return jnp.stack([v for v, _ in full]), jnp.asarray([label for _, label in full])

        with ThreadPoolExecutor(DECODERS) as pool:
            yield from ahead(pool, render, range(steps))

    def plain(
        self, photos: tuple[LabelledPhoto, ...]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the photos as serving sees them, with their labels; unreadable ones left out."""
        pixels, labels = [], []
        for photo in photos:
            try:
                data = photo.read(self.limits)
                pixels.append(load(data, self.spec, max_pixels=self.limits.max_pixels))
                labels.append(photo.label)
            except ImageError as error:
                self.unreadable[str(photo.path)] = str(error)
        shape = (0, self.spec.size, self.spec.size, 3)
        stacked = np.stack(pixels) if pixels else np.zeros(shape, np.uint8)
        return stacked, np.array(labels, np.int64)

    def _augmented(
        self, photo: LabelledPhoto, seed: tuple[int, int, int]
    ) -> NDArray[np.uint8] | None:
        try:
            data = photo.read(self.limits)
            image = decode(data, max_pixels=self.limits.max_pixels, shorter_side=2 * self.spec.size)
        except ImageError as error:
            self.unreadable[str(photo.path)] = str(error)
            return None
        return self.augmentation.apply(image, self.spec, np.random.default_rng(seed))


def _optimizer(config: NetworkConfig, steps: int) -> optax.GradientTransformation:
    warmup = min(100, steps // 10)
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, warmup, max(steps, warmup + 1)
    )
    return optax.adamw(schedule, weight_decay=config.weight_decay, mask=_is_kernel)


def _is_kernel(params: Parameters) -> Parameters:
    def decays(path: tuple[object, ...], _leaf: jax.Array) -> bool:
        return "kernel" in jax.tree_util.keystr(path)

    return cast(Parameters, jax.tree.map_with_path(decays, params))


@nnx.jit(static_argnames=("scale",))
def _step(
    network: Classifier,
    optimizer: nnx.Optimizer[Classifier],
    pixels: jax.Array,
    labels: jax.Array,
    scale: float,
) -> jax.Array:
    def loss(network: Classifier) -> jax.Array:
        _, cosines = network(pixels)
        return normalised_softmax(cosines, labels, scale)

    network.train()  # type: ignore[no-untyped-call]
    value: jax.Array
    value, gradients = nnx.value_and_grad(loss)(network)
    optimizer.update(network, gradients)
    return value


def _cosines(
    network: Classifier, pixels: NDArray[np.uint8], batch: int
) -> NDArray[np.float32] | None:
    if not len(pixels):
        return None
    padded = np.concatenate([pixels, np.repeat(pixels[:1], -len(pixels) % batch, axis=0)])
    parts = [
        _eval_cosines(network, jnp.asarray(padded[i : i + batch]))
        for i in range(0, len(padded), batch)
    ]
    return np.concatenate([np.asarray(part) for part in parts])[: len(pixels)]


@nnx.jit
def _eval_cosines(network: Classifier, pixels: jax.Array) -> jax.Array:
    network.eval()  # type: ignore[no-untyped-call]
    _, cosines = network(pixels)
    return cosines


def _quality(
    cosines: NDArray[np.float32] | None, labels: NDArray[np.int64], scale: float
) -> tuple[float, float]:
    if cosines is None:
        return 0.0, 0.0
    top1 = float((cosines.argmax(-1) == labels).mean())
    return top1, -negative_log_likelihood(cosines, labels, scale)
