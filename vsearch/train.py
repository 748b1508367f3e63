"""Train a classifier on labelled photos and return it as a bundle.

Two ways, chosen by the weights: with pretrained weights the backbone stays as it is, its features
are cached once and the head is trained on them; without, every layer is trained from scratch.
"""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vsearch import buckets
from vsearch.bundle import Bundle, Weights, weights_of
from vsearch.calibration import fit_scale, negative_log_likelihood
from vsearch.data import TrainingData
from vsearch.devices import use_compile_cache
from vsearch.errors import DataError, WeightsError
from vsearch.features import Extractor, FeatureCache, PhotoFeatures, Renderings
from vsearch.fit_head import HeadConfig, LabelledFeatures, fit_head
from vsearch.fit_network import NetworkConfig, fit_network
from vsearch.metrics import top_k_accuracy
from vsearch.models.architectures import ARCHITECTURES, NetworkSpec
from vsearch.models.classifier import Trunk, abstract_trunk
from vsearch.models.efficientnet_lite import EfficientNetLite
from vsearch.precision import PRECISIONS, Precision, default_precision
from vsearch.pretrained import load_efficientnet_lite0
from vsearch.progress import Progress, silent

__all__ = ["HeadConfig", "NetworkConfig", "TrainConfig", "TrainResult", "photo_set", "train"]


@dataclass(frozen=True)
class TrainConfig:
    """What is trained and how.

    The defaults train EfficientNet-Lite0's head: on grocery-store (81 labels, 2,721 photos) about
    two minutes on two CPU cores, nearly all of it computing features once.
    """

    backbone: str = "efficientnet-lite0"
    weights: Literal["package", "none"] | None = None  # None: package where the backbone has one
    dim: int = 256
    seed: int = 0
    precision: str | None = None  # None: what suits the device
    renderings: int = 4
    head: HeadConfig = field(default_factory=HeadConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)

    def __post_init__(self) -> None:
        """Refuse names that do not exist.

        Raises:
            DataError: an unknown backbone or precision.
            WeightsError: pretrained weights for a backbone that has none.
        """
        known: tuple[tuple[str, str | None, list[str]], ...] = (
            ("backbone", self.backbone, list(ARCHITECTURES)),
            ("precision", self.precision, list(PRECISIONS)),
        )
        for kind, name, choices in known:
            if name is not None and name not in choices:
                raise DataError(f"no {kind} “{name}”; there are {', '.join(choices)}")
        if self.weights == "package" and self.backbone != "efficientnet-lite0":
            raise WeightsError(f"no package ships weights for {self.backbone}: use weights “none”")

    @property
    def pretrained(self) -> bool:
        """Say whether training starts from pretrained weights."""
        return (self.weights or _default_weights(self.backbone)) == "package"

    @property
    def computed_in(self) -> Precision:
        """Return the precision that was asked for, or that suits the device."""
        return PRECISIONS[self.precision] if self.precision else default_precision()


def _default_weights(backbone: str) -> str:
    return "package" if backbone == "efficientnet-lite0" else "none"


@dataclass(frozen=True)
class TrainResult:
    """The trained model, and the photos that could not be read, with the reason of each."""

    bundle: Bundle
    unreadable: Mapping[str, str]


def train(
    data: TrainingData, config: TrainConfig, *, cache: Path, progress: Progress = silent
) -> TrainResult:
    """Train a classifier, calibrate it on val, and return it.

    Args:
        data: the labelled photos; val chooses the best step and fits the scale.
        config: what is trained and how.
        cache: a folder for features that can be used again; may be deleted at any time.
        progress: told of every stage.

    Raises:
        DataError: the photos cannot be trained on, or the loss is no longer finite.
        WeightsError: the pretrained weights are missing or damaged.
    """
    use_compile_cache()
    if config.pretrained:
        return _train_head(data, config, cache, progress)
    return _train_network(data, config, progress)


def _train_head(
    data: TrainingData, config: TrainConfig, cache: Path, progress: Progress
) -> TrainResult:
    spec = NetworkSpec(config.backbone, config.dim)
    trunk = abstract_trunk(spec, config.computed_in.compute)
    assert isinstance(trunk.backbone, EfficientNetLite)
    provenance = load_efficientnet_lite0(trunk.backbone)
    renderings = Renderings(spec.spec, config.renderings)
    extract = feature_extractor(trunk)
    key = f"{provenance.sha256} {spec.to_json()} {config.computed_in.name}"
    features = FeatureCache(cache, key, renderings, data.limits).compute(
        data.train, extract, progress=progress
    )
    plain = FeatureCache(cache, key, replace(renderings, count=1), data.limits).compute(
        data.val, extract, progress=progress, stage="features of val"
    )
    data, train, val = _readable(data, features, plain)
    fitted = fit_head(
        train,
        val,
        len(data.labels),
        config.head,
        dim=config.dim,
        seed=config.seed,
        progress=progress,
    )
    weights = _prefixed("trunk", trunk) | _prefixed("head", fitted.head)
    outcome = _Outcome(fitted.step, fitted.val_cosines, val.labels)
    bundle = _bundle(data, config, spec, weights, outcome, 1 / config.head.temperature)
    unreadable = {str(path): reason for path, reason in (*features.unreadable, *plain.unreadable)}
    return TrainResult(replace(bundle, provenance=asdict(provenance)), unreadable)


def feature_extractor(trunk: Trunk) -> Extractor:
    """Return the compiled map from photos (n, size, size, 3) uint8 to (n, features) float32."""
    trunk.eval()  # type: ignore[no-untyped-call]
    definition, state = nnx.split(trunk)

    @jax.jit
    def forward(state: nnx.State[Any, Any], pixels: jax.Array) -> jax.Array:
        return nnx.merge(definition, state)(pixels)

    def extract(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        (features,) = buckets.run(lambda batch: (forward(state, jnp.asarray(batch)),), pixels)
        return features

    return extract


def _readable(
    data: TrainingData, train: PhotoFeatures, val: PhotoFeatures
) -> tuple[TrainingData, LabelledFeatures, LabelledFeatures]:
    """Return what can be trained on: labels none of whose photos can be read drop out.

    Raises:
        DataError: fewer than two labels are left.
    """
    left = sorted({photo.label for photo in train.photos})
    position = {old: new for new, old in enumerate(left)}

    def relabelled(part: PhotoFeatures) -> LabelledFeatures:
        kept = [index for index, photo in enumerate(part.photos) if photo.label in position]
        photos = (part.photos[index] for index in kept)
        renumbered = tuple(replace(photo, label=position[photo.label]) for photo in photos)
        return LabelledFeatures(renumbered, part.values[kept])

    trained, chosen = relabelled(train), relabelled(val)
    labels = tuple(data.labels[old] for old in left)
    return replace(data, labels=labels, train=trained.photos, val=chosen.photos), trained, chosen


def _train_network(data: TrainingData, config: TrainConfig, progress: Progress) -> TrainResult:
    spec = NetworkSpec(config.backbone, config.dim)
    fitted = fit_network(
        data, spec, config.network, config.computed_in, seed=config.seed, progress=progress
    )
    outcome = _Outcome(fitted.step, fitted.val_cosines, fitted.val_labels)
    weights = weights_of(fitted.network)
    bundle = _bundle(data, config, spec, weights, outcome, 1 / config.network.temperature)
    provenance = {"name": spec.backbone, "source": "trained from scratch on the shop's own photos"}
    return TrainResult(replace(bundle, provenance=provenance), fitted.unreadable)


def _prefixed(prefix: str, module: nnx.Module) -> Weights:
    return {f"{prefix}.{name}": array for name, array in weights_of(module).items()}


@dataclass(frozen=True)
class _Outcome:
    step: int
    val_cosines: NDArray[np.float32] | None
    val_labels: NDArray[np.int64]


def _bundle(
    data: TrainingData,
    config: TrainConfig,
    spec: NetworkSpec,
    weights: Weights,
    outcome: _Outcome,
    trained_scale: float,
) -> Bundle:
    cosines, labels = outcome.val_cosines, outcome.val_labels
    scale = trained_scale if cosines is None else fit_scale(cosines, labels)
    return Bundle(
        network=spec,
        weights=weights,
        labels=data.labels,
        label_column=data.label_column,
        scale=scale,
        metrics={} if cosines is None else _metrics(cosines, labels, scale),
        training={
            "config": asdict(config),
            "chosen_step": outcome.step,
            "photos": {"train": len(data.train), "val": len(data.val)},
            "photo_set": photo_set(data),
            "precision": config.computed_in.name,
            "device": str(jax.devices()[0].device_kind),
            "versions": {
                "python": platform.python_version(),
                "jax": jax.__version__,
                "flax": flax.__version__,
            },
        },
    )


def _metrics(
    cosines: NDArray[np.float32], labels: NDArray[np.int64], scale: float
) -> dict[str, float]:
    return {
        "val_top1": top_k_accuracy(cosines, labels, 1),
        "val_top5": top_k_accuracy(cosines, labels, 5),
        "val_nll": negative_log_likelihood(cosines, labels, scale),
    }


def photo_set(data: TrainingData) -> str:
    """Return a digest of the photos trained on and chosen with, and of their labels."""
    parts = (("train", data.train), ("val", data.val))
    lines = (f"{name} {p.content_hash} {p.label}" for name, part in parts for p in part)
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
