"""A shop's catalogue as training data, and the trained model in its place."""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from indexer.labels import label_of
from indexer.records import Item, Photo
from indexer.shop import Current, Shop
from indexer.versions import IndexVersion
from vsearch.bundle import Bundle
from vsearch.data import Label, LabelledPhoto, PhotoLimits, TrainingData
from vsearch.errors import BusyError, DataError, VersionError
from vsearch.progress import Progress, silent
from vsearch.taxonomy import CategoryPath
from vsearch.train import TrainConfig, train

# Without val photos of its own, a shop's model is chosen on this share of the training photos…
HELD_OUT_SHARE = 0.1
# …of labels that can spare some.
HELD_OUT_FROM = 5


@dataclass(frozen=True)
class TrainReport:
    """What was trained, on what, and how good it is on val.

    `labels_without_photo` dropped out, because none of their photos can be read any more.
    """

    model: str
    embedding_fingerprint: str
    label_column: str
    labels: int
    labels_without_photo: tuple[str, ...]
    train_photos: int
    val_photos: int
    unreadable: Mapping[str, str]
    metrics: Mapping[str, float]
    serving: bool
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "model": self.model,
            "embedding_fingerprint": self.embedding_fingerprint,
            "label": self.label_column,
            "labels": self.labels,
            "labels_without_photo": list(self.labels_without_photo),
            "photos": {"train": self.train_photos, "val": self.val_photos},
            "unreadable": dict(self.unreadable),
            "metrics": dict(self.metrics),
            "serving": self.serving,
            "seconds": round(self.seconds, 2),
        }


def train_shop(
    shop: Shop, config: TrainConfig, *, label: str = "category", progress: Progress = silent
) -> TrainReport:
    """Train a classifier on the shop's photos and keep it as the model of the next build.

    It serves at once where the index that serves was made with the same embedding.

    Args:
        shop: an open shop with an imported catalogue.
        config: what is trained and how.
        label: `category`, `item_id` or an attribute; what the classes are.
        progress: told of every stage.

    Raises:
        DataError: the catalogue cannot be trained on.
        WeightsError: pretrained weights are missing.
        BusyError: another training of this shop is running.
    """
    started = time.monotonic()
    with shop.lock("train"):
        data = training_data(shop, label)
        result = train(data, config, cache=shop.cache, progress=progress)
        result.bundle.save(shop.models)
        shop.set_trained_model(result.bundle.model_fingerprint)
        serving = _serve_if_index_fits(shop, result.bundle)
    return TrainReport(
        model=result.bundle.model_fingerprint,
        embedding_fingerprint=result.bundle.embedding_fingerprint,
        label_column=label,
        labels=len(result.bundle.labels),
        labels_without_photo=_names(set(data.labels) - set(result.bundle.labels)),
        train_photos=result.bundle.training["photos"]["train"],
        val_photos=result.bundle.training["photos"]["val"],
        unreadable=result.unreadable,
        metrics=result.bundle.metrics,
        serving=serving,
        seconds=time.monotonic() - started,
    )


def training_data(shop: Shop, label: str) -> TrainingData:
    """Return the labelled photos of splits train and val; test photos are never looked at.

    Raises:
        DataError: no item has the column, or too little is left to train on.
    """
    pairs = list(shop.catalogue.photos(splits=("train", "val")))
    named = [(name, item, photo) for item, photo in pairs if (name := label_of(item, label))]
    if not named:
        raise DataError(_no_label(label, [item for item, _ in pairs]))
    trainable = {name for name, _, photo in named if photo.split == "train"}
    labels = _labels(trainable, named)
    position = {entry.name: index for index, entry in enumerate(labels)}
    split: dict[str, list[LabelledPhoto]] = {"train": [], "val": []}
    for name, _, photo in named:
        if name in trainable:
            labelled = LabelledPhoto(
                photo.path, photo.content_hash, position[name], photo.role == "catalogue"
            )
            split[photo.split].append(labelled)
    if not split["val"]:
        split = _hold_out(split["train"])
    limits = PhotoLimits(shop.settings.max_bytes, shop.settings.max_pixels)
    return TrainingData(labels, label, tuple(split["train"]), tuple(split["val"]), limits)


def _labels(names: set[str], named: Iterable[tuple[str, Item, Photo]]) -> tuple[Label, ...]:
    """Return the labels by name, each with the deepest category that holds all its items."""
    paths = defaultdict(set)
    for name, item, _ in named:
        paths[name].add(item.category)
    return tuple(Label(name, _common_ancestor(paths[name])) for name in sorted(names))


def _names(labels: Iterable[Label]) -> tuple[str, ...]:
    return tuple(sorted(label.name for label in labels))


def _common_ancestor(paths: Collection[CategoryPath]) -> CategoryPath:
    first, last = min(paths), max(paths)
    levels = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return tuple(name for name, _ in levels)


def _no_label(label: str, items: list[Item]) -> str:
    if not items:
        return "the shop has no photos to train on: import a catalogue first"
    columns = sorted({column for item in items for column in item.attributes})
    return (
        f"no item has a value in the column “{label}”; labels can come from category, item_id"
        f"{''.join(', ' + column for column in columns)}"
    )


def _hold_out(photos: list[LabelledPhoto]) -> dict[str, list[LabelledPhoto]]:
    """Split train photos by their content hash, so that the same ones are held out every time."""
    plenty = {lab for lab, n in Counter(p.label for p in photos).items() if n >= HELD_OUT_FROM}
    times = Counter(photo.content_hash for photo in photos)

    def held(photo: LabelledPhoto) -> bool:
        chosen = int(photo.content_hash[:8], 16) < HELD_OUT_SHARE * 2**32
        return chosen and photo.label in plenty and times[photo.content_hash] == 1

    val = [photo for photo in photos if held(photo)]
    kept = [photo for photo in photos if not held(photo)]
    # Chance may pick every photo of a label; then that label keeps all of them.
    bare = {photo.label for photo in photos} - {photo.label for photo in kept}
    return {
        "train": kept + [photo for photo in val if photo.label in bare],
        "val": [photo for photo in val if photo.label not in bare],
    }


def _serve_if_index_fits(shop: Shop, bundle: Bundle) -> bool:
    """Put the model into service where the index was made with the same embedding."""
    try:
        with shop.lock("build"):  # so that no build publishes another pair in between
            current = shop.current()
            if current.index is None:
                return False
            version = IndexVersion.open(shop.indexes / current.index)
            if version.embedding_fingerprint != bundle.embedding_fingerprint:
                return False
            shop.publish(Current(bundle.model_fingerprint, current.index))
            return True
    except (BusyError, VersionError):
        return False  # the build that runs, or that mends the index, publishes this model
