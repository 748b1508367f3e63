"""The trained models of a shop: what there is, which one serves, and letting another one serve."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from indexer.build import BuildReport, build
from indexer.candidates import Chosen, Load, standing_model
from indexer.embedding import load_embedder
from indexer.gate import MAX_DROP, GateReport, judge_candidate
from indexer.gate_record import recorded
from indexer.handover import serving
from indexer.needed import model_folders
from indexer.shop import Current, Shop
from indexer.versions import built_with, version_folders
from vsearch.errors import BundleError, ShopError
from vsearch.progress import Progress, silent

State = Literal["serving", "candidate", "refused", "set aside", "previous", "unused"]
"""What a model is to the shop.

serving: it serves. candidate: the newest trained model, which the next build judges. refused: the
gate has refused it. set aside: the newest trained model, which a person has gone back from, or has
promoted another in place of. previous: versions that were built with it are kept. unused: nothing
names it, and `status --clean` removes it.
"""


@dataclass(frozen=True)
class ModelEntry:
    """A model as a listing shows it.

    Attributes:
        fingerprint: its model_fingerprint.
        state: what it is to the shop.
        made: when it was made, in UTC, ISO 8601.
        parent: model_fingerprint of the model that it was made of; None where it was trained anew.
        objective: its kind of classification.
        label_columns: where its labels come from.
        labels: how many there are.
        metrics: figures on val, as they were when it was made.
        versions: index versions that were built with it, or that it serves with, the newest first.
        gate: what the gate has found of it last; None where it was never asked.
        problem: why the model cannot be read; None where it can.
    """

    fingerprint: str
    state: State
    made: str
    parent: str | None
    objective: str | None
    label_columns: tuple[str, ...]
    labels: int
    metrics: Mapping[str, float]
    versions: tuple[str, ...]
    gate: GateReport | None
    problem: str | None

    def to_json(self) -> dict[str, Any]:
        """Return what `vsearch models --json` prints."""
        return vars(self) | {
            "label_columns": list(self.label_columns),
            "metrics": dict(self.metrics),
            "versions": list(self.versions),
            "gate": self.gate.to_json() if self.gate else None,
        }


@dataclass(frozen=True)
class Promotion:
    """What came of promoting a model.

    Attributes:
        model: its model_fingerprint.
        was: that of the model that served before.
        gate: what the gate says of it; None where it was not asked.
        built: what the build did; None where the model was refused, and nothing has changed.
    """

    model: str
    was: str | None
    gate: GateReport | None
    built: BuildReport | None

    def to_json(self) -> dict[str, Any]:
        """Return what `vsearch promote --json` prints."""
        return {
            "model": self.model,
            "was": self.was,
            "promoted": self.built is not None,
            "version": self.built.version if self.built else None,
            "gate": self.gate.to_json() if self.gate else None,
            "build": self.built.to_json() if self.built else None,
        }


def models(shop: Shop) -> list[ModelEntry]:
    """List the shop's models, the one that was made last first.

    Raises:
        ShopError: CURRENT or TRAINED is damaged.
    """
    current, newest = shop.current(), shop.trained_model()
    built = _versions_by_model(shop, current)
    entries = [
        _entry(shop, folder, current, newest, built.get(folder.name, ()))
        for folder in model_folders(shop)
    ]
    return sorted(entries, key=lambda one: (one.made, one.fingerprint), reverse=True)


def promote(
    shop: Shop,
    model: str,
    *,
    force: bool = False,
    max_drop: float = MAX_DROP,
    load: Load = load_embedder,
    progress: Progress = silent,
) -> Promotion:
    """Let a model serve if the gate allows it: builds an index with it, and switches as one.

    Later builds keep it until a newer model is trained.

    Args:
        shop: the shop.
        model: its model_fingerprint, or the beginning of it.
        force: do not ask the gate.
        max_drop: by how much a label may get worse, as a share.
        load: loads a model.
        progress: told of the stages of `build`.

    Raises:
        ShopError: there is no such model, or the beginning is that of several.
        BundleError: the model is damaged.
        BusyError: a build is running.
    """
    name, was = _named(shop, model), serving(shop).model
    choose = partial(_promoted, name=name, force=force, max_drop=max_drop, load=load)
    try:
        built = build(shop, choose=partial(choose, progress=progress), progress=progress)
    except _RefusedError as refused:
        return Promotion(name, was, refused.report, None)
    return Promotion(name, was, built.gate, built)


class _RefusedError(Exception):
    """The gate refuses a model: a build that was to be made with it must not be made."""

    def __init__(self, report: GateReport) -> None:
        super().__init__(report.reason)
        self.report = report


def _promoted(
    shop: Shop, *, name: str, force: bool, max_drop: float, load: Load, progress: Progress
) -> Chosen:
    """Return a model that a person wants, or raise what the gate says against it."""
    newest, standing = shop.trained_model(), standing_model(shop)
    candidate = load(shop, name)
    chosen_over = newest if newest != name else None
    if force or standing in {None, name}:
        return Chosen(candidate, chosen_over)
    try:
        other = load(shop, standing)
    except BundleError:
        return Chosen(candidate, chosen_over)
    report = judge_candidate(shop, candidate, other, max_drop=max_drop, progress=progress)
    if not report.passed:
        raise _RefusedError(report)
    return Chosen(candidate, chosen_over, report)


def _named(shop: Shop, model: str) -> str:
    found = [folder.name for folder in model_folders(shop) if folder.name.startswith(model)]
    if len(found) != 1 or not model:
        told = f"{len(found)} models begin with" if found else "there is no model"
        raise ShopError(f"{told} “{model}” in {shop.models}: see `vsearch models`")
    return found[0]


def _versions_by_model(shop: Shop, current: Current) -> dict[str, list[str]]:
    """Return by model the versions that it built or serves with, the newest first."""
    found: dict[str, list[str]] = {}
    for folder in reversed(version_folders(shop)):
        serves = current.model if folder.name == current.index else None
        for name in {built_with(folder), serves}:
            if name is not None:
                found.setdefault(name, []).append(folder.name)
    return found


def _entry(
    shop: Shop, folder: Path, current: Current, newest: str | None, versions: Sequence[str]
) -> ModelEntry:
    gate = recorded(shop, folder.name)
    told, problem = _told(folder)
    return ModelEntry(
        fingerprint=folder.name,
        state=_state(folder.name, current, newest, gate, versions),
        made=_made(folder),
        parent=told.get("parent"),
        objective=told.get("objective"),
        label_columns=tuple(told.get("label_columns", ())),
        labels=len(told.get("labels", ())),
        metrics=told.get("metrics", {}),
        versions=tuple(versions),
        gate=gate,
        problem=problem,
    )


def _state(
    name: str,
    current: Current,
    newest: str | None,
    gate: GateReport | None,
    versions: Sequence[str],
) -> State:
    if name == current.model:
        return "serving"
    refused = gate is not None and not gate.passed
    if name == newest and name != current.chosen_over:
        # Against another model than the one that serves now, the next build judges anew.
        stands = refused and gate is not None and gate.standing == current.model
        return "refused" if stands else "candidate"
    if versions:
        return "previous"
    return "refused" if refused else "set aside" if name == newest else "unused"


def _told(folder: Path) -> tuple[dict[str, Any], str | None]:
    """Return what model.json tells, and why it tells nothing; the weights are not looked at."""
    try:
        told = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise TypeError(f"expected an object, found {type(told).__name__}")
    except (OSError, ValueError, TypeError) as error:
        return {}, f"{folder.name}/model.json cannot be read ({error}): train again"
    return told, None


def _made(folder: Path) -> str:
    path = folder / "model.json"
    seconds = (path if path.exists() else folder).stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
