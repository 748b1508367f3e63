"""`extend`: the labels that the catalogue has and the model lacks, without starting over."""

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
    extended model serves at once if it passes the gate; the exit code is 1 if it is refused.
    """
    from indexer.extending import extend_shop
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = extend_shop(
            opened, finetuned=finetune, max_drop=max_drop / 100, progress=terminal.progress
        )
        told = show_gate(report.gate, shop) if report.gate else []
        terminal.answer(report.to_json(), *extend_tables(report), *told)
        terminal.failed = report.gate is not None and not report.gate.passed


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
                ("serves", "now" if report.serving else "not" if report.added else "as before"),
                ("time", format_seconds(report.seconds)),
            ]
        )
    ]
    if not report.added:
        shown.append(Text("\nThe catalogue has no label to add."))
    else:
        rows = [(one.name, one.photos, one.vectors) for one in report.added[:_SHOWN]]
        shown += [Text(""), listing(("label", "photos", "vectors"), rows)]
        if len(report.added) > _SHOWN:
            shown.append(Text(f"and {len(report.added) - _SHOWN} more: --json lists all"))
    for one in report.problems:
        told = "added with a reservation" if one.added else "not added"
        shown.append(Text(f"“{one.label}” {told}: {one.reason}"))
    return shown
