"""How good the labels are where a photo has exactly one, and of a yes and a no."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.embedding import ModelBundle
from indexer.labels import PLACES
from indexer.truths import Truth
from vsearch import metrics
from vsearch.data import Label
from vsearch.intervals import Interval, auroc_interval, bootstrap, wilson


@dataclass(frozen=True)
class PerLabel:
    """How the queries of one label fared; `top1` and `recall_at_1` are shares of them."""

    queries: int
    top1: float
    recall_at_1: float

    def to_json(self) -> dict[str, float]:
        """Return what scripts read."""
        return {"queries": self.queries, "top1": self.top1, "recall@1": self.recall_at_1}


@dataclass(frozen=True)
class OneLabelFigures:
    """Figures of a model that gives a photo one label; None where no query could tell it.

    Attributes:
        top1: share of queries whose label is the most probable one; a label that the model lacks
            is never right.
        top5: share whose label is among the five most probable.
        macro_top1: `top1` with every label counting the same.
        category_top1: share whose category is the most probable of the labels' categories; None
            for labels from an attribute, which are not bound to one category.
        ece: expected calibration error of the most probable label.
        per_label: by label.
        intervals: the 95 % interval of every figure above that was measured.
    """

    top1: float | None
    top5: float | None
    macro_top1: float | None
    category_top1: float | None
    ece: float | None
    per_label: Mapping[str, PerLabel]
    intervals: Mapping[str, Interval]

    def to_json(self) -> dict[str, object]:
        """Return what scripts read, but for `per_label` and `intervals`."""
        apart = ("per_label", "intervals")
        return {name: value for name, value in vars(self).items() if name not in apart}


@dataclass(frozen=True)
class BinaryFigures(OneLabelFigures):
    """Figures of a model that says yes or no.

    Attributes:
        positive: the label that means yes.
        auroc: share of pairs of a yes and a no in which the yes is the more probable one.
        f1: harmonic mean of precision and recall of the yes.
    """

    positive: str
    auroc: float | None
    f1: float | None


def one_label_figures(
    bundle: ModelBundle, known: Sequence[Truth], answers: Answers, first: NDArray[np.bool_]
) -> OneLabelFigures:
    """Compare the most probable labels with the truth.

    Args:
        bundle: what the labels are.
        known: the truth of each of n queries.
        answers: what came back.
        first: shape (n,), whether the first hit is what was sought.
    """
    labelled, columns = _columns(bundle.labels, known)
    told = answers.probabilities[labelled]
    right = told.argmax(axis=1) == columns
    names = [known[i].names[0] for i in labelled]
    figures: dict[str, float | None] = dict.fromkeys(("top1", "top5", "macro_top1", "ece"))
    intervals: dict[str, Interval] = {}
    if labelled:
        for k in (1, 5):
            figures[f"top{k}"] = share = metrics.top_k_accuracy(told, columns, k)
            intervals[f"top{k}"] = wilson(share, len(labelled))
        for name, figure in (("macro_top1", _macro(right, names)), ("ece", _ece(told, right))):
            figures[name] = figure(np.arange(len(labelled)))
            intervals[name] = bootstrap(figure, len(labelled), noise_raises=name == "ece")
    category, places = category_top1(bundle, answers.shares, known)
    return OneLabelFigures(
        **figures,
        category_top1=category,
        per_label=_per_label(names, right, first[labelled]),
        intervals=intervals | places,
    )


def _macro(right: NDArray[np.bool_], names: Sequence[str]) -> Callable[[NDArray[np.int64]], float]:
    """Return what computes the share that is right, every label counting once, of some queries."""
    _, place = np.unique(np.array(names), return_inverse=True)

    def mean(rows: NDArray[np.int64]) -> float:
        asked = np.bincount(place[rows])
        found = np.bincount(place[rows], right[rows])
        return float(np.mean(found[asked > 0] / asked[asked > 0]))

    return mean


def _ece(
    told: NDArray[np.float32], right: NDArray[np.bool_]
) -> Callable[[NDArray[np.int64]], float]:
    """Return what computes the calibration error of some queries."""
    sure = told.max(axis=1)
    return lambda rows: metrics.expected_calibration_error(sure[rows], right[rows])


def binary_figures(
    figures: OneLabelFigures, labels: Sequence[Label], known: Sequence[Truth], answers: Answers
) -> BinaryFigures:
    """Add what can be said of a yes and a no; the last label is the yes."""
    labelled, columns = _columns(labels, known)
    asked = np.array(labelled, np.int64)[columns >= 0]
    positive = columns[columns >= 0] == 1
    scores, given = answers.probabilities[asked, 1], answers.assigned[asked, 1]
    yes, no = int(positive.sum()), int((~positive).sum())

    def f1(rows: NDArray[np.int64]) -> float:
        some = positive[rows].any()
        return metrics.micro_f1(given[rows], positive[rows]) if some else float("nan")

    added: dict[str, float | None] = dict.fromkeys(("auroc", "f1"))
    intervals: dict[str, Interval] = {}
    if yes:
        added["f1"], intervals["f1"] = f1(np.arange(len(asked))), bootstrap(f1, len(asked))
    if yes and no:
        added["auroc"] = area = metrics.auroc(scores, positive)
        intervals["auroc"] = auroc_interval(area, yes, no)
    told = vars(figures) | {"intervals": dict(figures.intervals) | intervals}
    return BinaryFigures(**told, positive=labels[1].name, auroc=added["auroc"], f1=added["f1"])


def category_top1(
    bundle: ModelBundle, shares: NDArray[np.float32], known: Sequence[Truth]
) -> tuple[float | None, dict[str, Interval]]:
    """Return the share of queries whose category is the most probable of the labels' categories.

    None where no label is bound to a category, or no query tells one. With it comes its interval,
    by the figure's name.

    Args:
        bundle: what the labels are.
        shares: shape (n, labels), what rolls up the category tree.
        known: the truth of each of n queries.
    """
    rows = [i for i, truth in enumerate(known) if truth.category is not None]
    if not rows or not set(PLACES) & set(bundle.label_columns):
        return None, {}
    paths = sorted({label.path for label in bundle.labels if label.column in PLACES})
    place = {path: column for column, path in enumerate(paths)}
    sums = np.zeros((len(shares), len(paths)), np.float32)
    for column, label in enumerate(bundle.labels):
        if label.column in PLACES:
            sums[:, place[label.path]] += shares[:, column]
    columns = np.array([place.get(known[i].category or (), -1) for i in rows], np.int64)
    share = metrics.top_k_accuracy(sums[rows], columns, 1)
    return share, {"category_top1": wilson(share, len(rows))}


def _columns(
    labels: Sequence[Label], known: Sequence[Truth]
) -> tuple[list[int], NDArray[np.int64]]:
    """Return which queries have a label, and its column in the model; -1 where it lacks it."""
    place = {label.name: column for column, label in enumerate(labels)}
    labelled = [i for i, truth in enumerate(known) if truth.names]
    return labelled, np.array([place.get(known[i].names[0], -1) for i in labelled], np.int64)


def _per_label(
    names: Sequence[str], right: NDArray[np.bool_], first: NDArray[np.bool_]
) -> dict[str, PerLabel]:
    rows = defaultdict(list)
    for i, name in enumerate(names):
        rows[name].append(i)
    return {
        name: PerLabel(len(own), float(right[own].mean()), float(first[own].mean()))
        for name, own in sorted(rows.items())
    }
