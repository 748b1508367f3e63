"""What the gate has found of a candidate: figures of both models, and what follows from them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from indexer.gate_answers import Terms
from indexer.gate_figures import ENOUGH, Change, Changes

MAX_DROP = 0.02
_NAMED = 3  # labels that a sentence names

FIGURES: Mapping[Terms, str] = {
    "labels": "top-1",
    "precisions": "average precision",
    "own kind": "taken for the shop's own",
    "categories": "top-1 of categories",
    "nothing": "",
}


@dataclass(frozen=True)
class GateReport:
    """How a candidate compares with the model in service.

    Attributes:
        candidate: its model_fingerprint.
        standing: that of the model in service; None where there is none.
        terms: in what terms the two were compared.
        photos: held-out photos that both models were asked about.
        photo_set: a digest of these photos and their labels.
        changes: overall and by label.
        new: labels that the candidate alone knows.
        max_drop: the drop that is allowed, as a share.
    """

    candidate: str
    standing: str | None
    terms: Terms
    photos: int
    photo_set: str
    changes: Changes
    new: tuple[str, ...]
    max_drop: float

    @property
    def passed(self) -> bool:
        """Whether the candidate may serve."""
        return self.standing is None or (self.terms != "nothing" and not self.refusals)

    @property
    def refusals(self) -> tuple[Change, ...]:
        """What speaks against the candidate, the worst first."""
        overall, level = self.changes.overall, self.changes.level
        found = [one for one in self.changes.labels if one.refuses(self.max_drop, level)]
        found.sort(key=lambda one: -one.drop)
        worse = overall is not None and overall.refuses(self.max_drop)
        return (*((overall,) if overall and worse else ()), *found)

    @property
    def unsure(self) -> tuple[Change, ...]:
        """Labels that drop further than is allowed, as far as chance may bring it."""
        found = [one for one in self.changes.labels if one.drops(self.max_drop)]
        left = [one for one in found if not one.refuses(self.max_drop, self.changes.level)]
        return tuple(sorted(left, key=lambda one: -one.drop))

    @property
    def judged(self) -> int:
        """How many labels have enough photos to be judged by themselves."""
        return sum(one.photos >= ENOUGH for one in self.changes.labels)

    @property
    def reason(self) -> str:
        """Why the candidate may serve or not, in a sentence."""
        if self.standing is None:
            return "there is no model in service that it could be compared with"
        if self.terms == "nothing":
            return (
                "its labels come from other columns, or are of another kind, than those of the "
                "model in service: the two cannot be compared; if it is what you want, run "
                f"`vsearch promote SHOP {self.candidate} --force`"
            )
        if self.changes.overall is None:
            return "no held-out photo has a label of the model in service: nothing tells it worse"
        return _sentence(self)

    def to_json(self) -> dict[str, Any]:
        """Return what scripts read."""
        overall = self.changes.overall
        return {
            "candidate": self.candidate,
            "standing": self.standing,
            "passed": self.passed,
            "reason": self.reason,
            "max_drop": self.max_drop,
            "compared": self.terms,
            "figure": FIGURES[self.terms],
            "photos": self.photos,
            "photo_set": self.photo_set,
            "overall": self._told(overall) if overall else None,
            "labels": [self._told(one) for one in self.changes.labels],
            "new_labels": list(self.new),
        }

    def _told(self, change: Change) -> dict[str, Any]:
        return asdict(change) | {"drop": change.drop, "refuses": change in self.refusals}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        overall = values["overall"]
        return cls(
            candidate=str(values["candidate"]),
            standing=values["standing"],
            terms=values["compared"],
            photos=int(values["photos"]),
            photo_set=str(values["photo_set"]),
            changes=Changes(
                _change(overall) if overall else None,
                tuple(_change(one) for one in values["labels"]),
            ),
            new=tuple(values["new_labels"]),
            max_drop=float(values["max_drop"]),
        )


def _sentence(report: GateReport) -> str:
    """Say what speaks against a candidate, or that nothing does."""
    figure, most = FIGURES[report.terms], _points(report.max_drop)
    worse = [_one(change) for change in report.refusals[:_NAMED]]
    if worse:
        more = len(report.refusals) - len(worse)
        further = f" and {more} more" if more else ""
        return f"more than {most} lower in {figure}: {', '.join(worse)}{further}"
    overall = report.changes.overall
    photos = overall.photos if overall else 0  # those of labels that only the new model knows apart
    return (
        f"beyond chance, neither all {photos:,} held-out photos nor any of the "
        f"{report.judged:,} labels with {ENOUGH} photos or more are more than {most} lower in "
        f"{figure}"
    )


def _one(change: Change) -> str:
    name = "all photos" if change.label is None else f"“{change.label}”"
    return f"{name} ({change.before:.1%} → {change.after:.1%})".replace("%", " %")


def _points(share: float) -> str:
    return f"{100 * share:g} points"


def _change(values: Mapping[str, Any]) -> Change:
    return Change(**{field.name: values[field.name] for field in fields(Change)})
