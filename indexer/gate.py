"""The gate: a new model is a candidate until held-out photos show that nothing gets worse.

Both models are asked about the same photos. The candidate is refused where all photos together, or
those of an old label, are recognised less often than before by more than is allowed. Labels have
few held-out photos, a dozen or four: one of four is 25 points. A drop therefore counts only where
chance alone would bring one like it less than one time in twenty, and a label with fewer photos
than can ever show that is not judged by itself; its photos count among all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from indexer.embedding import PhotoEmbedder
from indexer.gate_answers import (
    Ask,
    Terms,
    ValAnswers,
    ask_network,
    held_out,
    names_of,
    said,
    scores_of,
    terms_of,
)
from indexer.gate_figures import (
    ENOUGH,
    NO_CHANGES,
    Change,
    Changes,
    Names,
    precision_changes,
    share_changes,
)
from indexer.shop import Shop
from vsearch.progress import Progress, silent

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
        found = [one for one in self._all if one.refuses(self.max_drop)]
        return tuple(sorted(found, key=lambda one: (one.label is not None, -one.drop)))

    @property
    def unsure(self) -> tuple[Change, ...]:
        """Labels that drop further than is allowed, but not further than by chance."""
        found = [one for one in self.changes.labels if one.drops(self.max_drop)]
        left = [one for one in found if not one.refuses(self.max_drop)]
        return tuple(sorted(left, key=lambda one: -one.drop))

    @property
    def judged(self) -> int:
        """How many labels have enough photos to be judged by themselves."""
        return sum(one.photos >= ENOUGH for one in self.changes.labels)

    @property
    def _all(self) -> tuple[Change, ...]:
        overall = self.changes.overall
        return (*((overall,) if overall else ()), *self.changes.labels)

    @property
    def reason(self) -> str:
        """Why the candidate may serve or not, in a sentence."""
        if self.standing is None:
            return "it is the shop's first model: there is nothing to compare it with"
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
            "overall": _change_json(overall, self.max_drop) if overall else None,
            "labels": [_change_json(one, self.max_drop) for one in self.changes.labels],
            "new_labels": list(self.new),
        }

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


def judge_candidate(
    shop: Shop,
    candidate: PhotoEmbedder,
    standing: PhotoEmbedder | None,
    *,
    max_drop: float = MAX_DROP,
    ask: Ask = ask_network,
    progress: Progress = silent,
) -> GateReport:
    """Compare a candidate with the model in service on the shop's held-out photos.

    Nothing is published or written. Where the labels of both come from the same columns they are
    compared label by label, all of each model's labels competing; else by the categories that the
    labels lie in; models that have not even these in common cannot be compared.

    Args:
        shop: whose catalogue says what is true.
        candidate: the new model.
        standing: the model in service; None: there is none, and the candidate passes.
        max_drop: by how much a label, and all photos together, may get worse, as a share.
        ask: what asks a network about photos, such as one that knows their embeddings already.
        progress: told of the stage "gate", in photos, once for each model.
    """
    name = candidate.model_fingerprint
    if standing is None:
        return GateReport(name, None, "nothing", 0, "", NO_CHANGES, (), max_drop)
    terms = terms_of(candidate, standing)
    truth = held_out(shop, standing, terms)
    changes, asked = NO_CHANGES, 0
    if truth.photos:
        models = [
            (model, ask(shop, model, truth.photos, progress)) for model in (standing, candidate)
        ]
        both = set(models[0][1].hashes) & set(models[1][1].hashes)
        hashes = [photo.content_hash for photo in truth.photos if photo.content_hash in both]
        told = [(model, answers.of(hashes)) for model, answers in models]
        changes, asked = _compared(told, [truth.names[one] for one in hashes], terms), len(hashes)
    return GateReport(
        candidate=name,
        standing=standing.model_fingerprint,
        terms=terms,
        photos=asked,
        photo_set=truth.digest,
        changes=changes,
        new=tuple(sorted(set(names_of(candidate, terms)) - set(names_of(standing, terms)))),
        max_drop=max_drop,
    )


def _compared(
    told: Sequence[tuple[PhotoEmbedder, ValAnswers]], truth: Names, terms: Terms
) -> Changes:
    """Compare what the model in service and the candidate have said, in this order."""
    old = names_of(told[0][0], terms)
    if terms == "precisions":
        before, after = (scores_of(model, answers, terms) for model, answers in told)
        return precision_changes(old, truth, before, after)
    first, second = (said(model, answers, terms) for model, answers in told)
    return share_changes(old, truth, first, second)


def _sentence(report: GateReport) -> str:
    """Say what speaks against a candidate, or that nothing does."""
    figure, most = FIGURES[report.terms], _points(report.max_drop)
    worse = [_one(change) for change in report.refusals[:_NAMED]]
    if worse:
        more = len(report.refusals) - len(worse)
        further = f" and {more} more" if more else ""
        return f"more than {most} lower in {figure}: {', '.join(worse)}{further}"
    return (
        f"beyond chance, neither all {report.photos:,} held-out photos nor any of the "
        f"{report.judged:,} labels with {ENOUGH} photos or more are more than {most} lower in "
        f"{figure}"
    )


def _one(change: Change) -> str:
    name = "all photos" if change.label is None else f"“{change.label}”"
    return f"{name} ({change.before:.1%} → {change.after:.1%})".replace("%", " %")


def _points(share: float) -> str:
    return f"{100 * share:g} points"


def _change_json(change: Change, max_drop: float) -> dict[str, Any]:
    return asdict(change) | {"drop": change.drop, "refuses": change.refuses(max_drop)}


def _change(values: Mapping[str, Any]) -> Change:
    return Change(**{field.name: values[field.name] for field in fields(Change)})
