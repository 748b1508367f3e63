"""How honest the probabilities are, at the labels and at every level of the category tree."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.embedding import PhotoEmbedder
from indexer.truths import Truth
from vsearch import metrics
from vsearch.metrics import CalibrationBin
from vsearch.taxonomy import CategoryPath, is_within

LABEL = "label"


@dataclass(frozen=True)
class LevelFigures:
    """How sure the first guess of a level is, beside how often it is right.

    Attributes:
        level: “label”, or “level 1” for the top of the category tree, “level 2” below it …
        classes: how many there are to choose from.
        queries: photos whose truth is known at this level.
        top1: share of them whose first guess is right.
        ece: expected calibration error of the first guess.
        ece_uncalibrated: the same, had val photos calibrated nothing.
        bins: by confidence, those without a query left out.
        bins_uncalibrated: the same, had val photos calibrated nothing.
    """

    level: str
    classes: int
    queries: int
    top1: float
    ece: float
    ece_uncalibrated: float
    bins: tuple[CalibrationBin, ...]
    bins_uncalibrated: tuple[CalibrationBin, ...]

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return asdict(self)


def level_figures(
    embedder: PhotoEmbedder, known: Sequence[Truth], answers: Answers
) -> tuple[LevelFigures, ...]:
    """Return the figures of the labels, where a photo has exactly one, and of every level.

    A level whose classes are those of the level above, or are the labels, is left out.

    Args:
        embedder: the network that answered.
        known: the truth of each of n queries.
        answers: what came back for them.
    """
    raw_probabilities, raw_shares = embedder.uncalibrated(answers.logits)
    labels = embedder.bundle.labels
    found: list[LevelFigures | None] = []
    told = None
    if embedder.objective.exclusive and not embedder.objective.rejects:
        place = {label.name: column for column, label in enumerate(labels)}
        truth = [place.get(one.names[0], -1) if one.names else None for one in known]
        found = [told := _level(LABEL, answers.probabilities, raw_probabilities, truth)]
    depths = max((len(label.path) for label in labels), default=0)
    classes_above = 1
    for depth in range(1, depths + 1):
        paths = sorted({label.path[:depth] for label in labels if label.path})
        if len(paths) > classes_above and not (told and len(paths) == len(labels)):
            column = {path: i for i, path in enumerate(paths)}
            sums = np.zeros((len(labels), len(paths)), np.float32)
            for row, label in enumerate(labels):
                if label.path:
                    sums[row, column[label.path[:depth]]] = 1
            truth = [_column_of(one.category, depth, column) for one in known]
            found.append(_level(f"level {depth}", answers.shares @ sums, raw_shares @ sums, truth))
        classes_above = len(paths)
    return tuple(level for level in found if level is not None)


def _column_of(
    category: CategoryPath | None, depth: int, column: Mapping[CategoryPath, int]
) -> int | None:
    """Return the column of a true category; -1 for one that the model lacks.

    None where it is not known, because the truth is told at a level above.
    """
    if not category:
        return None
    own = category[:depth]
    above = len(own) < depth and any(is_within(path, own) for path in column)
    return column.get(own, None if above else -1)


def _level(
    name: str,
    probabilities: NDArray[np.float32],
    uncalibrated: NDArray[np.float32],
    truth: Sequence[int | None],
) -> LevelFigures | None:
    """Return the figures of one level; None where no query tells its truth."""
    told = [row for row, column in enumerate(truth) if column is not None]
    if not told:
        return None
    columns = np.array([truth[row] for row in told], np.int64)
    after = metrics.calibration_bins(*_guesses(probabilities[told], columns))
    before = metrics.calibration_bins(*_guesses(uncalibrated[told], columns))
    return LevelFigures(
        level=name,
        classes=probabilities.shape[1],
        queries=len(told),
        top1=metrics.top_k_accuracy(probabilities[told], columns),
        ece=metrics.calibration_error(after),
        ece_uncalibrated=metrics.calibration_error(before),
        bins=after,
        bins_uncalibrated=before,
    )


def _guesses(
    probabilities: NDArray[np.float32], columns: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return how sure each first guess is, at most 1 whatever sums were rounded, and if right."""
    return np.minimum(probabilities.max(axis=1), 1), probabilities.argmax(axis=1) == columns
