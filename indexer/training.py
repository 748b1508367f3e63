"""Training on a shop's catalogue, and the trained model in its place."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.candidates import newest_that_passes
from indexer.gate import GateReport
from indexer.labels import CATEGORY
from indexer.shop import Current, Shop
from indexer.training_data import training_of
from indexer.versions import IndexVersion
from vsearch.bundle import Bundle
from vsearch.data import Label
from vsearch.errors import BusyError, VersionError
from vsearch.fit import Speed
from vsearch.progress import Progress, silent
from vsearch.train import TrainConfig, train


@dataclass(frozen=True)
class TrainReport:
    """What was trained, on what, and how good it is on val.

    `labels_without_photo` dropped out, because none of their photos can be read any more. `speed`
    tells how fast layers were trained from photos and what held them up (None: only a head was),
    `skipped` the fp16 steps that overflowed and changed nothing, `gate` how the model compares with
    the one in service (None: the next build looks).
    """

    model: str
    embedding_fingerprint: str
    objective: str
    label_columns: tuple[str, ...]
    labels: int
    labels_without_photo: tuple[str, ...]
    train_photos: int
    val_photos: int
    unreadable: Mapping[str, str]
    metrics: Mapping[str, float]
    speed: Speed | None
    skipped: int
    serving: bool
    gate: GateReport | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "model": self.model,
            "embedding_fingerprint": self.embedding_fingerprint,
            "objective": self.objective,
            "label": ", ".join(self.label_columns),
            "labels": self.labels,
            "labels_without_photo": list(self.labels_without_photo),
            "photos": {"train": self.train_photos, "val": self.val_photos},
            "unreadable": dict(self.unreadable),
            "metrics": dict(self.metrics),
            "speed": self.speed.to_json() if self.speed else None,
            "skipped_steps": self.skipped,
            "serving": self.serving,
            "gate": self.gate.to_json() if self.gate else None,
            "seconds": round(self.seconds, 2),
        }


def train_shop(
    shop: Shop,
    config: TrainConfig,
    *,
    labels: Sequence[str] = (CATEGORY,),
    progress: Progress = silent,
) -> TrainReport:
    """Train a classifier on the shop's photos and keep it as the model of the next build.

    It serves at once where the index that serves was made with the same embedding, if it passes the
    gate.

    Args:
        shop: an open shop with an imported catalogue.
        config: what is trained and how; the labels decide on the objective where it names none.
        labels: where the labels come from: `category`, `item_id` or attributes. Several columns, or
            one whose values list several labels (`Red | Blue`), give a photo several labels.
        progress: told of every stage.

    Raises:
        DataError: the catalogue cannot be trained on.
        WeightsError: pretrained weights are missing.
        BusyError: another training of this shop is running.
    """
    started = time.monotonic()
    with shop.lock("train"):
        data, config = training_of(shop, config, labels)
        result = train(data, config, cache=shop.cache, progress=progress)
        result.bundle.save(shop.models)
        shop.set_trained_model(result.bundle.model_fingerprint)
        serving, gate = _serve_if_index_fits(shop, result.bundle, progress)
    return TrainReport(
        model=result.bundle.model_fingerprint,
        embedding_fingerprint=result.bundle.embedding_fingerprint,
        objective=result.bundle.objective,
        label_columns=result.bundle.label_columns,
        labels=len(result.bundle.labels),
        labels_without_photo=_names(set(data.labels) - set(result.bundle.labels)),
        train_photos=result.bundle.training["photos"]["train"],
        val_photos=result.bundle.training["photos"]["val"],
        unreadable=result.unreadable,
        metrics=result.bundle.metrics,
        speed=result.speed,
        skipped=result.skipped,
        serving=serving,
        gate=gate,
        seconds=time.monotonic() - started,
    )


def _names(labels: Iterable[Label]) -> tuple[str, ...]:
    return tuple(sorted(label.name for label in labels))


def _serve_if_index_fits(
    shop: Shop, bundle: Bundle, progress: Progress
) -> tuple[bool, GateReport | None]:
    """Put the model into service where the index was made with the same embedding.

    Returns:
        Whether it serves, and what the gate says of it, if it was asked.
    """
    try:
        with shop.lock("build"):  # so that no build publishes another pair in between
            current = shop.current()
            if current.index is None:
                return False, None
            version = IndexVersion.open(shop.indexes / current.index)
            if version.embedding_fingerprint != bundle.embedding_fingerprint:
                return False, None
            chosen = newest_that_passes(shop, progress=progress)
            if chosen.embedder.model_fingerprint != bundle.model_fingerprint:
                return False, chosen.gate
            if current.model != bundle.model_fingerprint:
                shop.publish(Current(bundle.model_fingerprint, current.index))
            return True, chosen.gate
    except (BusyError, VersionError):
        return False, None  # the build that runs, or that mends the index, publishes this model
