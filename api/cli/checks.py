"""How `status` shows that a shop is sound, what lies in it needlessly, and what was removed."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from api.cli.tables import format_bytes, listing

if TYPE_CHECKING:
    from indexer.checks import Check
    from indexer.cleaning import Leftover

_EXAMPLES = 3


def checks_document(checks: "Sequence[Check]", left: "Sequence[Leftover]") -> dict[str, object]:
    """Return what `--check --json` adds."""
    return {
        "ok": all(check.ok for check in checks),
        "checks": [asdict(check) for check in checks],
        "leftovers": [leftover_document(one) for one in left],
    }


def leftover_document(one: "Leftover") -> dict[str, object]:
    """Return what `--json` tells of things that lie about, a few of their paths among it."""
    return {
        "kind": one.kind,
        "count": one.count,
        "bytes": one.bytes,
        "removable": one.removable,
        "examples": [str(path) for path in one.paths[:_EXAMPLES]],
    }


def show_checks(
    checks: "Sequence[Check]", left: "Sequence[Leftover]", shop: Path
) -> list[RenderableType]:
    """Return the checks and what lies about as tables, and what to do."""
    rows = [("ok" if check.ok else "WRONG", check.name, check.detail) for check in checks]
    wrong = sum(not check.ok for check in checks)
    told = f"{wrong} of {len(checks)} checks failed." if wrong else "The shop is sound."
    shown: list[RenderableType] = [listing(("", "check", "found"), rows, "\nChecks")]
    shown.append(Text(told, style="bold red" if wrong else "green"))
    if left:
        shown.append(show_leftovers(left, "\nLying about"))
    if any(one.removable for one in left):
        shown.append(f"Remove what is not needed: vsearch status {shop} --clean")
    return shown


def show_leftovers(left: "Iterable[Leftover]", title: str) -> RenderableType:
    """Return things that lie about as a table, and what `--clean` does about them."""
    rows = [
        (one.kind, one.count, format_bytes(one.bytes), "removed" if one.removable else "kept")
        for one in left
    ]
    return listing(("what", "count", "size", "by --clean"), rows, title)
