"""Train a classifier on labelled photos and return it as a bundle.

With pretrained weights: features of the network as it came → a head on them → the last stages
trained together with it → features of what that made → the head again, on photos of full size.
Without: every layer from scratch.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import flax
import jax
import numpy as np
from numpy.typing import NDArray

from vsearch.bundle import Bundle, Weights, weights_of
from vsearch.checkpoints import Checkpoints
from vsearch.class_statistics import statistics_of
from vsearch.data import (
    LabelledPhoto,
    TrainingData,
    photo_set,
    readable,
    require_any,
    targets_of,
)
from vsearch.devices import use_compile_cache
from vsearch.features import DECODERS, Extractor, PhotoFeatures, ahead
from vsearch.fit import Check, Fitted, Speed
from vsearch.fit_head import (
    Before,
    HeadConfig,
    HeadData,
    LabelledFeatures,
    fit_head,
    head_embeddings,
    head_logits,
    labelled_features,
)
from vsearch.fit_network import NetworkConfig, Training, fit_network, network_logits, val_photos
from vsearch.images import ImageError
from vsearch.models.architectures import NetworkSpec
from vsearch.models.arrivals import ARRIVAL_AXES
from vsearch.models.classifier import Classifier, abstract_classifier
from vsearch.models.familiarity import FamiliarPhotos, fitted_familiarity
from vsearch.models.initialise import initialise
from vsearch.objectives import DEFAULT, LossOptions, objective_named
from vsearch.pixels import SquareCache
from vsearch.progress import Progress, silent
from vsearch.train_config import TrainConfig
from vsearch.trunk_features import (
    KnownTrunk,
    digest_of,
    feature_cache,
    feature_extractor,
    pretrained_trunk,
)

__all__ = ["HeadConfig", "NetworkConfig", "TrainConfig", "TrainResult", "photo_set", "train"]

LEAST_PHOTOS = 10  # to learn from what is usual
SQUARE = 8 / 7  # side of the kept squares, as a multiple of the photo's side when serving


@dataclass(frozen=True)
class TrainResult:
    """The trained model, and what training met.

    Attributes:
        bundle: the model; `training["history"]` holds what every check on val found.
        unreadable: photos that could not be read, with the reason of each.
        speed: how fast layers were trained from photos; None where only a head was.
        skipped: fp16 steps that overflowed and changed nothing.
    """

    bundle: Bundle
    unreadable: Mapping[str, str]
    speed: Speed | None = None
    skipped: int = 0


def train(
    data: TrainingData,
    config: TrainConfig,
    *,
    cache: Path,
    checkpoint_seconds: float = 60.0,
    progress: Progress = silent,
) -> TrainResult:
    """Train a classifier, calibrate it on val, and return it.

    A run that was killed goes on where it stopped when it is called again with the same arguments.

    Args:
        data: the labelled photos; val chooses the best step and calibrates.
        config: what is trained and how.
        cache: a folder for features, decoded photos and checkpoints; may be deleted at any time.
        checkpoint_seconds: how often the state of a long training is kept.
        progress: told of every stage.

    Raises:
        DataError: the photos cannot be trained on, or the loss is no longer finite.
        WeightsError: the pretrained weights are missing or damaged.
    """
    use_compile_cache()
    run = _Training(data, config, cache, checkpoint_seconds, progress)
    return run.pretrained() if config.pretrained else run.from_scratch()


class _Training:
    """One call of `train`: what its steps share."""

    def __init__(
        self,
        data: TrainingData,
        config: TrainConfig,
        cache: Path,
        checkpoint_seconds: float,
        progress: Progress,
    ) -> None:
        self.objective = objective_named(config.objective or DEFAULT)
        self.objective.check(data)
        self.data, self.config, self.cache, self.progress = data, config, cache, progress
        self.checkpoint_seconds = checkpoint_seconds
        self.spec = NetworkSpec(config.backbone, config.dim)
        self.provenance: dict[str, str] = {}
        self.unreadable: dict[str, str] = {}
        self.history: dict[str, Sequence[Check]] = {}
        self.fitted: Fitted | None = None  # of the layers that are trained from photos
        self.features = np.zeros((0, 0), np.float16)  # of the plain training photos
        self.before: Callable[[TrainingData], Before] | None = None  # the head to go on from
        self.statistics: Weights = {}  # of the classes' embeddings
        self.leftovers: list[Callable[[], None]] = []  # delete what only this training needs

    def pretrained(self) -> TrainResult:
        network = self._start()
        head, val = self._fit_head(network, self.provenance["sha256"], keep=True)
        first = self.config.first_stage(len(network.trunk.backbone.stage_channels))
        if first is not None:
            network = self._fit_network(network, first)
            head, val = self._fit_head(network, digest_of(network.trunk), keep=False)
        logits = head_logits(network.top, val.values[:, 0]) if val.photos else None
        self._get_familiar(network)
        return self._result(network, head.step, logits, val.photos)

    def on_trunk(self, known: KnownTrunk, before: Callable[[TrainingData], Before]) -> TrainResult:
        self.spec, self.provenance, self.before = known.spec, dict(known.provenance), before
        labels, compute = len(self.data.labels), self.config.computed_in.compute
        network = abstract_classifier(self.spec, labels, self.objective, compute)
        network.trunk = known.trunk
        head, val = self._fit_head(network, known.name, keep=False)
        logits = head_logits(network.top, val.values[:, 0]) if val.photos else None
        self._get_familiar(network)
        return self._result(network, head.step, logits, val.photos)

    def from_scratch(self) -> TrainResult:
        self._drop_unreadable()
        self.provenance = {
            "name": self.config.backbone,
            "source": "trained from scratch on the shop's own photos",
        }
        network = abstract_classifier(
            self.spec, len(self.data.labels), self.objective, self.config.computed_in.compute
        )
        initialise(network, self.config.seed)
        network = self._fit_network(network, 0)
        pixels, val, _ = val_photos(self.data, self.spec.spec)
        self.data = replace(self.data, val=val)
        logits = network_logits(network, pixels) if val else None
        assert self.fitted is not None
        self._get_familiar(network)
        return self._result(network, self.fitted.step, logits, val)

    def _start(self) -> Classifier:
        """Return the network with pretrained weights below and no values above."""
        known = pretrained_trunk(self.config, self.progress)
        self.spec, self.provenance = known.spec, dict(known.provenance)
        labels, compute = len(self.data.labels), self.config.computed_in.compute
        network = abstract_classifier(self.spec, labels, self.objective, compute)
        network.trunk = known.trunk
        return network

    def _fit_head(
        self, network: Classifier, trunk: str, *, keep: bool
    ) -> tuple[Fitted, LabelledFeatures]:
        """Train projection and head on the trunk's features; put them on the network."""
        extract = feature_extractor(network.trunk)
        stage = "features" if keep else "new features"
        count = self.config.renderings
        train = self._features(stage, self.data.train, extract, trunk, keep=keep, count=count)
        val = self._features(f"{stage} of val", self.data.val, extract, trunk, keep=keep, count=1)
        data = self._head_data(train, val)
        config = self.config
        head = fit_head(
            data,
            self.objective,
            config.head,
            dim=config.dim,
            seed=config.seed,
            progress=self.progress,
        )
        network.top = head.network  # type: ignore[assignment]
        self.history["head"] = head.history
        self.features = train.values[:, 0]
        return head, data.val

    def _get_familiar(self, network: Classifier) -> None:
        """Let the network know how usual features are; a closed-form objective does by itself.

        With the same features, keep what is known of the classes' embeddings.
        """
        if self.objective.closed_form or len(self.data.train) < LEAST_PHOTOS:
            return
        known = self.data.train
        if not len(self.features):  # trained from scratch: nothing has kept them
            extract, trunk = feature_extractor(network.trunk), digest_of(network.trunk)
            found = self._features("features", known, extract, trunk, keep=False, count=1)
            # A photo that has gone since its layers were trained must not end all that work.
            self.features, known = found.values[:, 0], found.photos
            if len(known) < LEAST_PHOTOS:
                return
        self.progress("familiarity", 0, 1)
        projection, exclusive = network.top.projection, self.objective.exclusive
        photos = FamiliarPhotos(
            self.features,
            [photo.labels[0] for photo in known] if exclusive else None,
            len(self.data.labels),
            np.asarray(projection.feature_mean[...]),
            np.asarray(projection.feature_spread[...]),
        )
        network.familiarity = fitted_familiarity(
            photos, network.trunk.channels, self.config.dim, self.config.seed
        )
        if ARRIVAL_AXES.keys() <= self.objective.vector_axes.keys():
            embeddings = head_embeddings(network.top, self.features)
            labels = [photo.labels[0] for photo in known]
            self.statistics = statistics_of(embeddings, labels, len(self.data.labels))
        self.progress("familiarity", 1, 1)

    def _features(
        self,
        stage: str,
        photos: Sequence[LabelledPhoto],
        extract: Extractor,
        trunk: str,
        *,
        keep: bool,
        count: int,
    ) -> PhotoFeatures:
        precision, limits = self.config.computed_in, self.data.limits
        kept = feature_cache(self.cache, trunk, self.spec, precision, count, limits)
        found = kept.compute(photos, extract, progress=self.progress, stage=stage)
        if not keep:
            self.leftovers.append(kept.discard)
        self.unreadable |= {str(path): reason for path, reason in found.unreadable}
        return found

    def _head_data(self, train: PhotoFeatures, val: PhotoFeatures) -> HeadData:
        """Return what can be trained on: labels none of whose photos can be read drop out."""
        require_any(self.data, train.photos, self.unreadable)
        self.data, learned, judged = labelled_features(self.data, train, val)
        self.objective.check(self.data)
        return HeadData(
            learned,
            judged,
            len(self.data.labels),
            self.config.imbalance == "balanced",
            loss_options(self.data, self.config, self.config.head.smoothing),
            self.before(self.data) if self.before else None,
        )

    def _fit_network(self, network: Classifier, first_stage: int) -> Classifier:
        config = self.config.network_config
        with closing(self._squares()) as squares:
            training = Training(
                self.data,
                self.objective,
                self.spec.spec,
                squares,
                self.config.imbalance == "balanced",
                loss_options(self.data, self.config, config.smoothing),
            )
            checkpoints = Checkpoints(
                self.cache / f"training-{self._key(first_stage)}", self.checkpoint_seconds
            )
            self.fitted, unreadable = fit_network(
                network,
                training,
                config,
                self.config.computed_in,
                first_stage=first_stage,
                seed=self.config.seed,
                checkpoints=checkpoints,
                progress=self.progress,
            )
        # Not before the result is there: a run that is killed in between goes on from the end.
        self.leftovers.append(checkpoints.discard)
        self.unreadable |= unreadable
        self.history["network"] = self.fitted.history
        return self.fitted.network  # type: ignore[return-value]

    def _key(self, first_stage: int) -> str:
        """Return a name of all that the training of layers depends on."""
        config = json.dumps(asdict(self.config), sort_keys=True)
        versions = f"{jax.__version__} {flax.__version__} {jax.default_backend()}"
        network = f"{self.spec.to_json()} {self.config.computed_in.name} {first_stage}"
        parts = (config, photo_set(self.data), versions, network, str(self.provenance))
        digest = hashlib.sha256("\n".join(parts).encode())
        for photo in self.data.train:  # batches depend on their order and on which is which, too
            digest.update(f"{photo.content_hash} {photo.labels} {photo.catalogue}".encode())
        return digest.hexdigest()[:16]

    def _squares(self) -> SquareCache:
        return SquareCache(self.cache, round(self.spec.spec.size * SQUARE), self.data.limits)

    def _drop_unreadable(self) -> None:
        """Decode all training photos once, so that labels without a readable one drop out."""
        photos = self.data.train
        self.progress("read photos", 0, len(photos))
        with closing(self._squares()) as squares, ThreadPoolExecutor(DECODERS) as pool:

            def reason(photo: LabelledPhoto) -> str | None:
                try:
                    squares.get(photo)
                except ImageError as error:
                    return str(error)
                return None

            for done, (photo, told) in enumerate(
                zip(photos, ahead(pool, reason, photos), strict=True), start=1
            ):
                if told is not None:
                    self.unreadable[str(photo.path)] = told
                self.progress("read photos", done, len(photos))
        kept = tuple(photo for photo in photos if str(photo.path) not in self.unreadable)
        require_any(self.data, kept, self.unreadable)
        self.data = readable(self.data, kept, self.data.val)
        self.objective.check(self.data)

    def _result(
        self,
        network: Classifier,
        step: int,
        logits: NDArray[np.float32] | None,
        val: Sequence[LabelledPhoto],
    ) -> TrainResult:
        targets = targets_of(val, len(self.data.labels))
        outputs = np.zeros((0, 1), np.float32) if logits is None else logits
        calibration = self.objective.calibrate(outputs, targets)
        metrics = {}
        if logits is not None:
            probabilities = self.objective.probabilities(logits, calibration)
            metrics = self.objective.metrics(probabilities, targets, calibration)
        speed = self.fitted.speed if self.fitted else None
        bundle = Bundle(
            network=self.spec,
            weights=weights_of(network) | self.statistics,
            labels=self.data.labels,
            label_columns=self.data.label_columns,
            objective=self.objective.name,
            calibration=calibration,
            metrics={f"val_{name}": value for name, value in metrics.items()},
            provenance=self.provenance,
            training=self._record(step, speed),
        )
        skipped = self.fitted.skipped if self.fitted else 0
        for discard in self.leftovers:
            discard()
        return TrainResult(bundle, self.unreadable, speed, skipped)

    def _record(self, step: int, speed: Speed | None) -> dict[str, Any]:
        """Return what model.json tells of the training."""
        return {
            "config": asdict(self.config),
            "chosen_step": step,
            "history": {name: list(checks) for name, checks in self.history.items()},
            "photos": {"train": len(self.data.train), "val": len(self.data.val)},
            "photo_set": photo_set(self.data),
            "precision": self.config.computed_in.name,
            "device": str(jax.devices()[0].device_kind),
            "speed": speed.to_json() if speed else None,
            "versions": {
                "python": platform.python_version(),
                "jax": jax.__version__,
                "flax": flax.__version__,
            },
        }


def train_on(
    known: KnownTrunk,
    data: TrainingData,
    config: TrainConfig,
    before: Callable[[TrainingData], Before],
    *,
    cache: Path,
    progress: Progress = silent,
) -> TrainResult:
    """Train projection and head anew on a trunk that stays as it is.

    Args:
        known: the trunk.
        data: the labelled photos; val chooses the best step and calibrates.
        config: how; what it says of layers is not looked at.
        before: the head to go on from, for the labels that can be trained.
        cache: as for `train`; features that an interrupted call has computed are used again.
        progress: told of every stage.

    Raises:
        DataError: the photos cannot be trained on, or the loss is no longer finite.
    """
    use_compile_cache()
    return _Training(data, config, cache, np.inf, progress).on_trunk(known, before)


def loss_options(data: TrainingData, config: TrainConfig, smoothing: float) -> LossOptions:
    """Return how the loss is bent: smoothed, and adjusted to how often each label is trained on."""
    if config.imbalance != "logit-adjusted":
        return LossOptions(smoothing)
    labels = [label for photo in data.train for label in photo.labels]
    counts = np.bincount(labels, minlength=len(data.labels))
    prior = np.log(counts / len(data.train))
    return LossOptions(smoothing, tuple(prior.tolist()))
