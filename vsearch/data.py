"""Labelled photos: what a classifier learns from, split and drawn in balance."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.errors import DataError
from vsearch.images import (
    MAX_BYTES,
    MAX_PIXELS,
    ImageError,
    ImageProblem,
    content_hash,
    read_photo,
)
from vsearch.taxonomy import CategoryPath


@dataclass(frozen=True)
class Label:
    """A class of the model.

    Attributes:
        name: what people call it; unique in a model.
        path: the category path that it maps to; empty where it stands for no place in the tree.
        column: the catalogue column that it came from; empty where it came from none.
    """

    name: str
    path: CategoryPath
    column: str = "category"


@dataclass(frozen=True)
class PhotoLimits:
    """What a photo may measure at most, as the shop that took it in has set it."""

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo on disk, known by its content hash, with the indices of its labels."""

    path: Path
    content_hash: str
    labels: tuple[int, ...]
    catalogue: bool

    def read(self, limits: PhotoLimits) -> bytes:
        """Return the photo's bytes.

        Raises:
            ImageError: the file cannot be read, or is not the one that was imported: what it
                shows now may be of another label.
        """
        data = read_photo(self.path, max_bytes=limits.max_bytes)
        if content_hash(data) != self.content_hash:
            changed = f"{self.path} has changed since it was imported: import it again"
            raise ImageError(ImageProblem.MISSING, changed)
        return data


@dataclass(frozen=True)
class TrainingData:
    """The photos of a shop with their labels.

    `train` holds catalogue photos and further photos of split train; `val` chooses and calibrates,
    and is never trained on. Photos of split test have no place here at all.
    """

    labels: tuple[Label, ...]
    label_columns: tuple[str, ...]
    train: tuple[LabelledPhoto, ...]
    val: tuple[LabelledPhoto, ...] = ()
    limits: PhotoLimits = field(default_factory=PhotoLimits)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained on.

        Raises:
            DataError: a label without a training photo, or a photo that is both in train and in
                val. How many labels are enough is the objective's to say.
        """
        bare = set(range(len(self.labels))) - {lab for photo in self.train for lab in photo.labels}
        if bare:
            names = ", ".join(f"“{self.labels[index].name}”" for index in sorted(bare)[:5])
            raise DataError(f"{len(bare)} labels have no photo to train on: {names}")
        both = {p.content_hash for p in self.train} & {p.content_hash for p in self.val}
        if both:
            raise DataError(f"{len(both)} photos are in both train and val, such as {min(both)}")

    @property
    def columns(self) -> str:
        """Return the label columns as people read them: `category, colour`."""
        return ", ".join(self.label_columns)


def targets_of(photos: Sequence[LabelledPhoto], labels: int) -> NDArray[np.bool_]:
    """Return which labels each photo has, (photos, labels) bool."""
    targets = np.zeros((len(photos), labels), bool)
    for row, photo in enumerate(photos):
        targets[row, list(photo.labels)] = True
    return targets


def readable(
    data: TrainingData, train: Sequence[LabelledPhoto], val: Sequence[LabelledPhoto]
) -> TrainingData:
    """Return the data of these photos alone; labels without a training photo drop out."""
    left = sorted({label for photo in train for label in photo.labels})
    position = {old: new for new, old in enumerate(left)}

    def relabelled(photos: Sequence[LabelledPhoto]) -> tuple[LabelledPhoto, ...]:
        kept = ((p, tuple(position[old] for old in p.labels if old in position)) for p in photos)
        return tuple(replace(photo, labels=labels) for photo, labels in kept if labels)

    return replace(
        data,
        labels=tuple(data.labels[old] for old in left),
        train=relabelled(train),
        val=relabelled(val),
    )


def require_any(
    data: TrainingData, left: Sequence[LabelledPhoto], unreadable: Mapping[str, str]
) -> None:
    """Refuse to go on without a training photo.

    Args:
        data: what there was.
        left: its training photos that can be read.
        unreadable: the reason by path of those that cannot.

    Raises:
        DataError: none is left; tells why the first one is not.
    """
    if not left:
        path, reason = next(iter(unreadable.items()))
        raise DataError(
            f"none of {len(data.train):,} training photos can be read; {path}: {reason}"
        )


def photo_set(data: TrainingData) -> str:
    """Return a digest of the photos trained on and chosen with, and of their labels."""
    parts = (("train", data.train), ("val", data.val))
    lines = (f"{name} {p.content_hash} {p.labels}" for name, part in parts for p in part)
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


class BalancedSampler:
    """Draws batches in which every label is equally likely, whatever its number of photos.

    A share of each batch comes from catalogue photos where a label has both kinds: a catalogue
    photo is a labelled photo of its item, and leaving it out is what makes the step from a phone
    photo to a pack shot look hard.
    """

    def __init__(self, photos: Sequence[LabelledPhoto], labels: int, catalogue_share: float):
        pairs = [(index, label) for index, p in enumerate(photos) for label in p.labels]
        photo_of, label_of = np.array(pairs, np.int64).reshape(-1, 2).T
        catalogue = np.array([photo.catalogue for photo in photos], bool)[photo_of]
        self.share = catalogue_share
        self.further = _Pools(photo_of, label_of, ~catalogue, labels)
        self.catalogue = _Pools(photo_of, label_of, catalogue, labels)

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the indices of `size` photos, int64."""
        labels = rng.integers(self.further.labels, size=size)
        wants_catalogue = np.arange(size) < round(size * self.share)
        has_further, has_catalogue = self.further.counts[labels], self.catalogue.counts[labels]
        use_catalogue = np.where(wants_catalogue, has_catalogue > 0, has_further == 0)
        positions = rng.random(size)
        return np.where(
            use_catalogue,
            self.catalogue.pick(labels, positions),
            self.further.pick(labels, positions),
        )


class NaturalSampler:
    """Draws every photo equally often: labels are as frequent as they are in the catalogue."""

    def __init__(self, photos: Sequence[LabelledPhoto]):
        self.photos = len(photos)

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the indices of `size` photos, int64."""
        return rng.integers(self.photos, size=size)


class _Pools:
    """The photos of each label, packed into one array."""

    def __init__(
        self,
        photo_of: NDArray[np.int64],
        label_of: NDArray[np.int64],
        chosen: NDArray[np.bool_],
        labels: int,
    ):
        members, own = photo_of[chosen], label_of[chosen]
        self.members = members[np.argsort(own, kind="stable")]
        self.counts = np.bincount(own, minlength=labels)
        self.starts = np.cumsum(self.counts) - self.counts
        self.labels = labels

    def pick(self, labels: NDArray[np.int64], positions: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return a member of each label; whatever comes first where a label has none."""
        if not self.members.size:
            return np.zeros(len(labels), np.int64)
        offsets = np.minimum(positions * self.counts[labels], self.counts[labels] - 1)
        chosen = self.starts[labels] + np.maximum(offsets, 0).astype(np.int64)
        return np.asarray(self.members[np.minimum(chosen, self.members.size - 1)], np.int64)
