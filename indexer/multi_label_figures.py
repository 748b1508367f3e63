"""How good the labels are where a photo has several."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.embedding import ModelBundle
from indexer.label_figures import category_top1
from indexer.truths import Truth
from vsearch import metrics
from vsearch.data import Label
from vsearch.intervals import Interval, bootstrap, wilson

# Figures that look at every label on its own take milliseconds: fewer samples have to do.
RESAMPLES = 200


@dataclass(frozen=True)
class PerLabel:
    """How one label fared: the queries that have it, and how well it was told from the others.

    `average_precision` is that of the queries ranked by its probability, `f1` that of the queries
    which were given it.
    """

    queries: int
    average_precision: float
    f1: float

    def to_json(self) -> dict[str, float]:
        """Return what scripts read."""
        return {
            "queries": self.queries,
            "average_precision": self.average_precision,
            "f1": self.f1,
        }


@dataclass(frozen=True)
class MultiLabelFigures:
    """Figures of a model that gives a photo several labels; None where no query could tell it.

    A label that queries have and the model lacks is never found; a label that no query has takes no
    part in the means over labels.

    Attributes:
        mean_average_precision: mean over labels of their average precision.
        micro_f1: F1 over all pairs of query and label.
        macro_f1: mean over labels of their F1.
        top1: share of queries whose most probable label is one of their own.
        by_column: for each label column, share of the queries with a label in it whose most
            probable label of that column is right.
        category_top1: share whose category is the most probable of the labels' categories.
        per_label: by label.
        intervals: the 95 % interval of every figure above that was measured, and of
            `top1, COLUMN` for each column.
    """

    mean_average_precision: float | None
    micro_f1: float | None
    macro_f1: float | None
    top1: float | None
    by_column: Mapping[str, float]
    category_top1: float | None
    per_label: Mapping[str, PerLabel]
    intervals: Mapping[str, Interval]

    def to_json(self) -> dict[str, object]:
        """Return what scripts read, but for `per_label` and `intervals`."""
        return {
            "map": self.mean_average_precision,
            "micro_f1": self.micro_f1,
            "macro_f1": self.macro_f1,
            "top1": self.top1,
            "by_column": dict(self.by_column),
            "category_top1": self.category_top1,
        }


def multi_label_figures(
    bundle: ModelBundle, known: Sequence[Truth], answers: Answers
) -> MultiLabelFigures:
    """Compare the labels that photos were given, and their probabilities, with the truth.

    Args:
        bundle: what the labels are.
        known: the truth of each of n queries.
        answers: what came back.
    """
    labelled = [i for i, truth in enumerate(known) if truth.names]
    own = [known[i] for i in labelled]
    names, targets = _targets(bundle.labels, own)
    lacking = ((0, 0), (0, len(names) - len(bundle.labels)))
    told = answers.probabilities[labelled]
    given = np.pad(answers.assigned[labelled], lacking)
    by_column, columns = _by_column(bundle, told, own, targets)
    category, places = category_top1(bundle, answers.shares, known)
    figures: dict[str, float | None] = dict.fromkeys(("map", "micro_f1", "macro_f1", "top1"))
    intervals = dict(columns | places)
    if labelled:
        figures["top1"] = share = _top1(told, targets)
        intervals["top1"] = wilson(share, len(labelled))
        for name, figure in _over_labels(told, given, targets).items():
            figures[name] = figure(np.arange(len(labelled)))
            intervals[name] = bootstrap(figure, len(labelled), resamples=RESAMPLES)
    return MultiLabelFigures(
        mean_average_precision=figures["map"],
        micro_f1=figures["micro_f1"],
        macro_f1=figures["macro_f1"],
        top1=figures["top1"],
        by_column=by_column,
        category_top1=category,
        per_label=_per_label(names, told, given, targets),
        intervals=intervals,
    )


def _over_labels(
    told: NDArray[np.float32], given: NDArray[np.bool_], targets: NDArray[np.bool_]
) -> dict[str, Callable[[NDArray[np.int64]], float]]:
    """Return by name what computes a figure over all labels, of some of the queries."""

    def precision(rows: NDArray[np.int64]) -> float:
        drawn, wanted = told[rows], targets[rows]
        present = np.flatnonzero(wanted.any(axis=0)).tolist()
        return float(np.mean([_precision(drawn, wanted, column) for column in present]))

    return {
        "map": precision,
        "micro_f1": lambda rows: metrics.micro_f1(given[rows], targets[rows]),
        "macro_f1": lambda rows: metrics.macro_f1(given[rows], targets[rows]),
    }


def _precision(told: NDArray[np.float32], targets: NDArray[np.bool_], column: int) -> float:
    """Return the average precision of one label; 0 for one that the model lacks."""
    if column >= told.shape[1]:
        return 0.0
    return metrics.average_precision(told[:, column], targets[:, column])


def _targets(
    labels: Sequence[Label], known: Sequence[Truth]
) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the model's labels with those it lacks behind them, and which each query has."""
    names = [label.name for label in labels]
    names += sorted({name for truth in known for name in truth.names} - set(names))
    place = {name: column for column, name in enumerate(names)}
    targets = np.zeros((len(known), len(names)), bool)
    for i, truth in enumerate(known):
        targets[i, [place[name] for name in truth.names]] = True
    return names, targets


def _per_label(
    names: Sequence[str],
    told: NDArray[np.float32],
    given: NDArray[np.bool_],
    targets: NDArray[np.bool_],
) -> dict[str, PerLabel]:
    found = {}
    for column in np.flatnonzero(targets.any(axis=0)).tolist():
        wanted = targets[:, column]
        found[names[column]] = PerLabel(
            int(wanted.sum()),
            _precision(told, targets, column),
            metrics.micro_f1(given[:, column], wanted),
        )
    return dict(sorted(found.items()))


def _by_column(
    bundle: ModelBundle,
    told: NDArray[np.float32],
    known: Sequence[Truth],
    targets: NDArray[np.bool_],
) -> tuple[dict[str, float], dict[str, Interval]]:
    """Return the share that is right in each column, and the intervals as `top1, COLUMN`."""
    shares: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    for column in bundle.label_columns:
        rows = [i for i, truth in enumerate(known) if column in truth.labels]
        own = [place for place, label in enumerate(bundle.labels) if label.column == column]
        if rows and own:
            shares[column] = share = _top1(told[rows][:, own], targets[rows][:, own])
            intervals[f"top1, {column}"] = wilson(share, len(rows))
    return shares, intervals


def _top1(told: NDArray[np.float32], targets: NDArray[np.bool_]) -> float:
    """Return the share of rows whose most probable label is one of their own."""
    return float(np.mean(np.take_along_axis(targets, told.argmax(axis=1)[:, None], axis=1)))
