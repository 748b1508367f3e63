"""How well a model tells what the shop sells from what it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.label_figures import PerLabel
from vsearch import metrics
from vsearch.intervals import Interval, auroc_interval, wilson

FALSE_ALARM = 0.05  # the share of own photos turned away at which models are compared


@dataclass(frozen=True)
class OneClassFigures:
    """Figures of a model that turns photos away; None where there are no queries of a kind.

    Attributes:
        own: queries that show something of the shop's own kind.
        foreign: all others.
        auroc: share of pairs of an own and a foreign photo in which the own one is the more
            probable.
        false_alarm: share of the own photos that were turned away.
        reject_rate: share of the foreign photos that were turned away.
        reject_rate_at_5: the same, had the threshold turned away 5 % of the own photos.
        intervals: the 95 % interval of every figure above that was measured. That of
            `reject_rate_at_5` takes the threshold for given.
    """

    own: int
    foreign: int
    auroc: float | None
    false_alarm: float | None
    reject_rate: float | None
    reject_rate_at_5: float | None
    intervals: Mapping[str, Interval]
    per_label: Mapping[str, PerLabel] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "own": self.own,
            "foreign": self.foreign,
            "auroc": self.auroc,
            "false_alarm": self.false_alarm,
            "reject_rate": self.reject_rate,
            f"reject_rate@{FALSE_ALARM}": self.reject_rate_at_5,
        }


def one_class_figures(answers: Answers, own: NDArray[np.bool_]) -> OneClassFigures:
    """Compare which photos were turned away with which show what the shop sells.

    Args:
        answers: what came back for n queries.
        own: shape (n,), which show something of the shop's own kind.
    """
    scores = answers.probabilities.max(axis=1)
    rejected = np.asarray(~answers.assigned.any(axis=1))
    here, others = int(own.sum()), int((~own).sum())
    told: dict[str, float | None] = {}
    intervals: dict[str, Interval] = {}
    if here:
        told["alarm"] = share = float(np.mean(rejected[own]))
        intervals["false_alarm"] = wilson(share, here)
    if others:
        told["rejected"] = share = float(np.mean(rejected[~own]))
        intervals["reject_rate"] = wilson(share, others)
    if here and others:
        told["auroc"] = area = metrics.auroc(scores, own)
        intervals["auroc"] = auroc_interval(area, here, others)
        told["at_5"] = share = metrics.reject_rate(scores[own], scores[~own], FALSE_ALARM)
        intervals[f"reject_rate@{FALSE_ALARM}"] = wilson(share, others)
    return OneClassFigures(
        own=here,
        foreign=others,
        auroc=told.get("auroc"),
        false_alarm=told.get("alarm"),
        reject_rate=told.get("rejected"),
        reject_rate_at_5=told.get("at_5"),
        intervals=intervals,
    )
