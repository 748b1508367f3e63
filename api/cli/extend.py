"""`extend`: the labels that the catalogue has and the model lacks, without starting over."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.gate import DEFAULT_POINTS, MaxDrop, show_gate
from api.cli.progress import format_seconds
from api.cli.tables import counted, facts, listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.extend_report import ExtendReport
    from indexer.new_labels import Problem

_SHOWN = 20  # labels of a table


def extend(
    shop: ShopFolder,
    finetune: Annotated[
        bool,
        typer.Option(
            "--finetune",
            help="Train the head further on old and new photos, in minutes; every photo is "
            "embedded anew.",
        ),
    ] = False,
    max_drop: MaxDrop = DEFAULT_POINTS,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add the labels that the catalogue has and the model lacks; takes seconds.

    Labels are learned from embeddings that builds have kept, so the index stays as it is. The
    extended model serves at once if it passes the gate; the exit code is 1 if it does not serve.
    """
    from indexer.extending import extend_shop
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = extend_shop(
            opened, finetuned=finetune, max_drop=max_drop / 100, progress=terminal.progress
        )
        told = show_gate(report.gate, shop) if report.gate else []
        terminal.answer(report.to_json(), *extend_tables(report), *told)
        if report.gate is None and not report.serving:
            terminal.note(
                "The same model was made before, and another one was chosen instead of it. To let "
                f"it serve if it passes the gate: vsearch promote {shop} {report.model}"
            )
        terminal.failed = not report.serving


def extend_tables(report: "ExtendReport") -> list[RenderableType]:
    """Return what extending did, as people see it."""
    shown: list[RenderableType] = [
        facts(
            [
                ("model", report.model),
                ("made of", report.parent),
                ("added", counted(len(report.added), "label")),
                ("embedded", counted(report.embedded, "photo")),
                *report.metrics.items(),
                ("serves", _serves(report)),
                ("time", format_seconds(report.seconds)),
            ]
        )
    ]
    if not report.added:
        further = "; the model was trained further" if report.build else ""
        shown.append(Text(f"\nThe catalogue has no label to add{further}."))
    else:
        rows = [(one.name, one.photos, one.vectors) for one in report.added[:_SHOWN]]
        shown += [Text(""), listing(("label", "photos", "vectors"), rows)]
        if len(report.added) > _SHOWN:
            shown.append(Text(f"and {len(report.added) - _SHOWN} more: --json lists all"))
    return shown + _problems(report.problems, after_table=bool(report.added))


def _serves(report: "ExtendReport") -> str:
    if report.build is None:
        return "as before"
    return "now" if report.serving else "not"


def _problems(problems: "Sequence[Problem]", *, after_table: bool) -> list[RenderableType]:
    """Return what is wrong with labels: of many that have the same problem, the first ones."""
    from indexer.category_edits_checks import listed

    alike: dict[tuple[bool, str], list[str]] = {}
    for one in sorted(problems, key=lambda one: one.added):
        alike.setdefault((one.added, one.reason), []).append(one.label)
    shown: list[RenderableType] = [Text("")] if alike and not after_table else []
    for (added, reason), names in list(alike.items())[:_SHOWN]:
        told = "added with a reservation" if added else "not added"
        shown.append(Text(f"{listed(names)} {told}: {reason}"))
    if left := sum(map(len, list(alike.values())[_SHOWN:])):
        shown.append(Text(f"and {counted(left, 'label')} more: --json lists all"))
    return shown
