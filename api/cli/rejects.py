"""How commands list what was not taken into the catalogue, and why."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType

from api.cli.progress import format_seconds
from api.cli.tables import listing

if TYPE_CHECKING:
    from indexer.intake import IntakeReport
    from indexer.records import Reject

Fact = tuple[str, object]

REJECTS_SHOWN = 20


def intake_facts(
    report: "IntakeReport", of_items: Iterable[Fact] = (), of_photos: Iterable[Fact] = ()
) -> list[Fact]:
    """Return what taking in has done, as rows of a table.

    Args:
        report: tells it.
        of_items: what else there is to say of items.
        of_photos: what else of photos.
    """
    kept = report.kept_decisions
    return [
        ("items added", report.added),
        ("items changed", report.changed),
        ("items unchanged", report.unchanged),
        *of_items,
        ("photos added", report.photos_added),
        *of_photos,
        *([("kept as decided", kept)] if kept else []),
        ("rejected", report.rejected),
        ("time", format_seconds(report.seconds)),
    ]


def show_rejects(rejects: "Sequence[Reject]", total: int, shop: Path) -> list[RenderableType]:
    """Return the table of rejects, and how to see those that are not in it."""
    if not rejects:
        return []
    rows = [
        (Path(one.manifest).name or "build", one.row or None, one.item_id, one.field, one.reason)
        for one in rejects
    ]
    shown: list[RenderableType] = [
        listing(("manifest", "row", "item", "field", "reason"), rows, f"\nRejected ({total:,})")
    ]
    if total > len(rejects):
        more = f"… and {total - len(rejects):,} more: vsearch status {shop} --rejects"
        shown.append(more)
    return shown


def show_forgotten(forgotten: "Sequence[Reject]") -> list[RenderableType]:
    """Return the table of an audit's decisions that a manifest has overtaken."""
    if not forgotten:
        return []
    rows = [
        (one.row or None, one.item_id, one.field, one.reason) for one in forgotten[:REJECTS_SHOWN]
    ]
    more = len(forgotten) - len(rows)
    title = f"\nDecisions that the manifest has overtaken ({len(forgotten):,})"
    shown: list[RenderableType] = [listing(("row", "item", "of", "reason"), rows, title)]
    return [*shown, *([f"… and {more:,} more"] if more else [])]
