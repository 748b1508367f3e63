"""Every label judged by a head that has not seen the photo: folds, a head for each, doubts.

The features are those of a frozen trunk, so that a fold costs seconds: of the pretrained network as
it came, which no label has touched. Where a model was trained from scratch there is only its own
trunk, which has seen the labels that it is to judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsearch.bundle import Bundle
from vsearch.confident_learning import Candidates, Doubts, doubts_of
from vsearch.data import LabelledPhoto, TrainingData, require_any, targets_of
from vsearch.devices import use_compile_cache
from vsearch.errors import DataError
from vsearch.features import PhotoFeatures
from vsearch.fit_head import (
    HeadConfig,
    HeadData,
    LabelledFeatures,
    fit_head,
    head_logits,
    labelled_features,
)
from vsearch.folds import assign_folds, learnable
from vsearch.models.classifier import TopLayers
from vsearch.objectives import Calibration, Objective, objective_named
from vsearch.progress import Progress, silent
from vsearch.train import loss_options
from vsearch.train_config import TrainConfig
from vsearch.trunk_features import (
    KnownTrunk,
    feature_cache,
    feature_extractor,
    pretrained_trunk,
    trained_trunk,
)

_BLOCK = 1024  # photos whose probabilities of all labels are in memory at once
_TO_CALIBRATE = 2048  # photos of a fold


@dataclass(frozen=True)
class ColumnDoubts:
    """How doubtful the labels of one column are.

    Attributes:
        column: where the labels come from.
        photos: the photos that could be judged.
        given: shape (n,), int64, the label that each has, a position in the data's labels.
        doubts: theirs; suggested labels are such positions too.
        alone: shape (n,), bool, whether no photo of the same kind (catalogue or further) teaches
            the label: such a photo looks doubtful more easily, and is not flagged.
    """

    column: str
    photos: tuple[LabelledPhoto, ...]
    given: NDArray[np.int64]
    doubts: Doubts
    alone: NDArray[np.bool_]


@dataclass(frozen=True)
class LabelDoubts:
    """The labels of a shop's photos, judged out of fold.

    Attributes:
        data: what was judged: the labels that have a readable photo.
        columns: the doubts by column; one where labels exclude one another.
        features: which network's features the heads stood on.
        not_judged: labels of photos that no photo outside their fold has: nothing can be said.
        unreadable: photos that could not be read, with the reason of each.
    """

    data: TrainingData
    columns: tuple[ColumnDoubts, ...]
    features: str
    not_judged: int
    unreadable: Mapping[str, str]


def head_config(training: Mapping[str, Any]) -> TrainConfig:
    """Return how the head of a model was trained.

    Args:
        training: what the model's bundle records of its training.
    """
    told = training["config"]
    known = {field.name for field in fields(HeadConfig)}
    head = HeadConfig(**{name: value for name, value in told["head"].items() if name in known})
    names = ("backbone", "weights", "objective", "dim", "seed", "precision", "renderings")
    return TrainConfig(
        **{name: told[name] for name in names}, imbalance=told["imbalance"], head=head
    )


def columns_of(data: TrainingData, objective: Objective) -> dict[str, NDArray[np.int64]]:
    """Return the labels that exclude one another, by column: positions in `data.labels`.

    Raises:
        DataError: there is no choice between labels, or a photo has several of one column.
    """
    if objective.most_labels == 1:
        raise DataError(
            f"{objective.name} has one label: there is no other that a photo could have instead"
        )
    if objective.exclusive:
        return {data.columns: np.arange(len(data.labels))}
    names = np.array([label.column for label in data.labels])
    columns = {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}
    for name, labels in columns.items():
        own = set(labels.tolist())
        several = next(
            (p for p in (*data.train, *data.val) if len(own.intersection(p.labels)) > 1), None
        )
        if several is not None:
            raise DataError(
                f"{several.path} has several labels of the column “{name}”: only labels that "
                "exclude one another can be judged; train with a column that has one a photo"
            )
    return {name: labels for name, labels in columns.items() if len(labels) > 1}


def judge_labels(
    data: TrainingData,
    bundle: Bundle,
    groups: Mapping[str, int],
    *,
    cache: Path,
    folds: int = 5,
    progress: Progress = silent,
) -> LabelDoubts:
    """Judge the label of every photo by a head that was trained on other photos.

    Args:
        data: the labelled photos, as for training; val photos are judged and never trained on.
        bundle: the model whose kind of classification, backbone and head are taken.
        groups: a number for each content hash; photos of one number lie in one fold.
        cache: the folder of kept features.
        folds: how many.
        progress: told of every stage.

    Raises:
        DataError: labels that do not exclude one another, or no photo that can be judged.
        WeightsError: the pretrained weights are missing.
    """
    use_compile_cache()
    config = head_config(bundle.training)
    objective = objective_named(bundle.objective)
    columns_of(data, objective)  # before the work starts
    trunk = pretrained_trunk(config, progress) if config.pretrained else None
    known = trunk or trained_trunk(bundle, config.computed_in)
    train, val = _features(known, data, config, cache, progress)
    unreadable = {str(path): why for path, why in (*train.unreadable, *val.unreadable)}
    require_any(data, train.photos, unreadable)
    data, *labelled = labelled_features(data, train, val)
    judged = _OutOfFold(data, labelled, objective, config, folds, groups)
    columns, not_judged = judged.columns(progress)
    own = "the model's own trunk, which was trained on these labels"
    told = f"{config.backbone} as it came" if trunk else own
    return LabelDoubts(data, columns, told, not_judged, unreadable)


def _features(
    known: KnownTrunk, data: TrainingData, config: TrainConfig, cache: Path, progress: Progress
) -> tuple[PhotoFeatures, PhotoFeatures]:
    """Return the features of train and val as training keeps them, val's of the plain photos."""
    extract = feature_extractor(known.trunk)

    def of(photos: Sequence[LabelledPhoto], count: int, stage: str) -> PhotoFeatures:
        precision, limits = config.computed_in, data.limits
        kept = feature_cache(cache, known.name, known.spec, precision, count, limits)
        return kept.compute(photos, extract, progress=progress, stage=stage)

    train = of(data.train, config.renderings, "features")
    return train, of(data.val, 1, "features of val")


class _OutOfFold:
    """One judging: what its folds share. The photos are those of train, then those of val."""

    def __init__(
        self,
        data: TrainingData,
        labelled: Sequence[LabelledFeatures],
        objective: Objective,
        config: TrainConfig,
        folds: int,
        groups: Mapping[str, int],
    ) -> None:
        self.data, self.objective, self.config, self.folds = data, objective, config, folds
        self.train, val = labelled
        self.photos = self.train.photos + val.photos
        self.plain = np.concatenate([part.values[:, 0] for part in labelled])
        self.trained = np.arange(len(self.photos)) < len(self.train.photos)
        strata = np.array([photo.labels[0] for photo in self.photos], np.int64)
        copies = np.array([groups[photo.content_hash] for photo in self.photos], np.int64)
        self.fold = assign_folds(strata, copies, folds, config.seed)

    def columns(self, progress: Progress) -> tuple[tuple[ColumnDoubts, ...], int]:
        """Judge all columns; return their doubts, and how many labels cannot be judged.

        Raises:
            DataError: no label at all can be judged.
        """
        named = columns_of(self.data, self.objective)
        columns = [_Column(self, name, labels) for name, labels in named.items()]
        judged = np.any([column.judged for column in columns], axis=0)
        if not judged.any():
            raise DataError(
                "no label can be judged: none has two photos that are not copies of one another, "
                "so that one could be judged by the other"
            )
        for number in range(self.folds):
            rows = np.flatnonzero(judged & (self.fold == number))
            if rows.size:
                self._judge(number, rows, columns, progress)
        unjudged = sum(int((column.has & ~column.judged).sum()) for column in columns)
        return tuple(column.doubts() for column in columns if column.rows), unjudged

    def _judge(
        self,
        number: int,
        rows: NDArray[np.int64],
        columns: "Sequence[_Column]",
        progress: Progress,
    ) -> None:
        """Train a head without the fold and let it answer for the fold's photos."""

        def told(_stage: str, done: int, total: int) -> None:
            progress(f"fold {number + 1} of {self.folds}", done, total)

        top = self._head(number, told)
        calibration = self._calibration(top, rows)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            logits = head_logits(top, self.plain[block])
            for column in columns:
                column.add(block, logits, calibration)

    def _head(self, number: int, progress: Progress) -> TopLayers:
        config, photos = self.config, self.train.photos
        kept = np.flatnonzero(self.fold[self.trained] != number)
        data = HeadData(
            LabelledFeatures(tuple(photos[row] for row in kept), self.train.values[kept]),
            LabelledFeatures((), self.train.values[:0]),
            len(self.data.labels),
            config.imbalance == "balanced",
            loss_options(self.data, config, config.head.smoothing),
        )
        fitted = fit_head(
            data,
            self.objective,
            config.head,
            dim=config.dim,
            seed=config.seed,
            progress=progress,
        )
        return fitted.network  # type: ignore[return-value]

    def _calibration(self, top: TopLayers, rows: NDArray[np.int64]) -> Calibration:
        drawn = np.random.default_rng(self.config.seed).permutation(rows)[:_TO_CALIBRATE]
        targets = targets_of([self.photos[row] for row in drawn], len(self.data.labels))
        return self.objective.calibrate(head_logits(top, self.plain[drawn]), targets)


class _Column:
    """Labels of which a photo has one, while folds are added."""

    def __init__(self, judging: _OutOfFold, name: str, labels: NDArray[np.int64]) -> None:
        self.name, self.labels, self.judging = name, labels, judging
        self.mask = np.zeros(len(judging.data.labels), bool)
        self.mask[labels] = True
        place = {label: position for position, label in enumerate(labels.tolist())}
        own = [[place[one] for one in p.labels if one in place] for p in judging.photos]
        self.given = np.array([one[0] if one else -1 for one in own], np.int64)
        self.has = self.given >= 0
        catalogue = np.array([photo.catalogue for photo in judging.photos], np.int64)
        self.judged = self._learnable(self.given)
        self.alone = ~self._learnable(2 * self.given + catalogue)
        self.rows: list[NDArray[np.int64]] = []
        self.parts: list[Candidates] = []

    def _learnable(self, given: NDArray[np.int64]) -> NDArray[np.bool_]:
        judging, learned = self.judging, np.zeros(len(given), bool)
        learned[self.has] = learnable(
            given[self.has], judging.trained[self.has], judging.fold[self.has], judging.folds
        )
        return learned

    def add(
        self, rows: NDArray[np.int64], logits: NDArray[np.float32], calibration: Calibration
    ) -> None:
        """Take in the answers of a head for some photos of the fold that it has not seen."""
        mine = self.judged[rows]
        if not mine.any():
            return
        shares = self.judging.objective.shares(logits[mine], calibration, self.mask)
        self.rows.append(rows[mine])
        self.parts.append(Candidates.of(shares[:, self.labels], self.given[rows[mine]]))

    def doubts(self) -> ColumnDoubts:
        """Return the doubts of all photos that were judged, in the order of the photos."""
        rows = np.concatenate(self.rows)
        given = self.given[rows]
        alone, candidates = self.alone[rows], Candidates.joined(self.parts)
        found = doubts_of(candidates, given, len(self.labels), ~alone)
        order = np.argsort(rows)
        ordered = Doubts(
            self.labels[found.suggested[order]], found.values[order], found.flagged[order]
        )
        photos = tuple(self.judging.photos[row] for row in rows[order])
        return ColumnDoubts(self.name, photos, self.labels[given[order]], ordered, alone[order])
