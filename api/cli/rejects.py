"""How commands list what was not taken into the catalogue, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType

from api.cli.tables import listing

if TYPE_CHECKING:
    from indexer.records import Reject

REJECTS_SHOWN = 20


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
