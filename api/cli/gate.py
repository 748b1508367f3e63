"""How commands show what the gate says of a new model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.tables import listing, percent

if TYPE_CHECKING:
    from indexer.gate_figures import Change
    from indexer.gate_report import GateReport

_SHOWN = 12  # labels of a table

MaxDrop = Annotated[
    float,
    typer.Option(
        "--max-drop",
        metavar="POINTS",
        min=0.0,
        max=100.0,
        help="By how much a new model may recognise a label less often, beyond chance, than the "
        "one in service, on the same held-out photos.",
    ),
]

DEFAULT_POINTS = 2.0


def verdict(report: "GateReport") -> str:
    """Return what the gate says, in a line."""
    if report.passed:
        return f"new model {report.candidate} passed the gate: {report.reason}"
    return f"new model {report.candidate} was refused: {report.reason}"


def show_gate(report: "GateReport", shop: object) -> list[RenderableType]:
    """Return what the gate has found, as people see it: the reason, and which labels changed."""
    told = verdict(report).replace("promote SHOP", f"promote {shop}")
    shown: list[RenderableType] = [Text(f"\n{told[0].upper()}{told[1:]}.")]
    if rows := _rows(report):
        header = ("label", "photos", "before", "after", "drop", "")
        shown.append(listing(header, rows[:_SHOWN]))
        if len(rows) > _SHOWN:
            shown.append(Text(f"and {len(rows) - _SHOWN} more: --json lists all"))
    if not report.passed and report.terms != "nothing":
        shown.append(
            Text(
                f"Model {report.standing} goes on serving. To let the new one serve all the same: "
                f"vsearch promote {shop} {report.candidate} --force"
            )
        )
    return shown


def _rows(report: "GateReport") -> Sequence[tuple[object, ...]]:
    """Return all photos together, then what refuses, then what drops no further than by chance."""
    overall = report.changes.overall
    refusals = [one for one in report.refusals if one.label is not None]
    rows = [_row(one, "refused") for one in refusals]
    rows += [_row(one, _doubt(one, report.changes.level)) for one in report.unsure]
    if overall is None or (report.passed and not rows):
        return []
    told = "refused" if overall in report.refusals else ""
    if not told and overall.drops(report.max_drop):
        told = "may be chance"
    return [_row(overall, told), *rows]


def _row(change: "Change", told: str) -> tuple[object, ...]:
    name = "all photos" if change.label is None else change.label
    shares = percent(change.before), percent(change.after)
    return name, change.photos, *shares, f"{100 * change.drop:.1f} points", told


def _doubt(change: "Change", level: float) -> str:
    """Say why a drop refuses nothing."""
    from indexer.gate_figures import ENOUGH

    enough = change.photos >= ENOUGH and change.least <= level
    return "may be chance" if enough else "too few photos"
