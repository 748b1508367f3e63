"""What extending a shop's model did."""

from dataclasses import dataclass
from typing import Any

from indexer.build import BuildReport
from indexer.gate import GateReport
from indexer.new_labels import Problem


@dataclass(frozen=True)
class ExtendReport:
    """What extending did.

    Attributes:
        model: model_fingerprint of the extended model; that in service where nothing was added.
        parent: that of the model it was made of; None where it was trained anew.
        added: the new labels, with how many photos and class vectors each has.
        problems: labels that were not added, and reservations about those that were.
        embedded: photos that went through the network.
        metrics: figures on val.
        gate: what the gate says; None where nothing was added.
        build: what the build did that put it into service; None likewise.
        seconds: how long it took.
    """

    model: str
    parent: str | None
    added: tuple["AddedLabel", ...]
    problems: tuple[Problem, ...]
    embedded: int
    metrics: dict[str, float]
    gate: GateReport | None
    build: BuildReport | None
    seconds: float

    @property
    def serving(self) -> bool:
        """Whether this model serves."""
        return self.build is None or self.build.model == self.model

    def to_json(self) -> dict[str, Any]:
        """Return what `vsearch extend --json` prints."""
        return {
            "model": self.model,
            "parent": self.parent,
            "added": [one.name for one in self.added],
            "labels": [vars(one) for one in self.added],
            "problems": [vars(one) for one in self.problems],
            "embedded": self.embedded,
            "metrics": self.metrics,
            "serving": self.serving,
            "gate": self.gate.to_json() if self.gate else None,
            "version": self.build.version if self.build else None,
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True)
class AddedLabel:
    """A label that was added, from how many photos, and how many class vectors it has."""

    name: str
    photos: int
    vectors: int
