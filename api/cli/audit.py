"""`audit`: what is wrong in the shop's own catalogue, and the decisions about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from api.cli.progress import format_seconds
from api.cli.tables import facts, listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.apply_decisions import ApplyReport
    from indexer.audit_report import AuditReport, DoubtfulLabel
    from indexer.near_duplicates import DuplicateGroup
    from indexer.odd_photos import OddPhoto

SHOWN = 20
ITEMS_SHOWN = 4  # of those that share a photo


def audit(
    shop: ShopFolder,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="AUDIT.csv",
            help="Write what was found here, with an empty column to decide in: accept, relabel "
            "or drop.",
            show_default=False,
        ),
    ] = None,
    apply: Annotated[
        Path | None,
        typer.Option(
            metavar="AUDIT.csv",
            help="Take over the decisions of such a file; nothing is audited.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many of each kind to list.",
            show_default="20 in tables, all with --json and --out",
        ),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            min=2, help="How many heads are trained; each judges the photos it has not seen."
        ),
    ] = 5,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Throw away the decisions that AUDIT.csv holds."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find doubtful labels, photos that items share, and photos that look like another item's.

    The decisions of a person come back with --apply: accept (the label is right), relabel (take
    new_label, or what was suggested) or drop (this photo is used no more).
    """
    if apply is not None and (out is not None or overwrite):
        raise typer.BadParameter("--apply takes over a file, --out writes one: give one of them")
    if overwrite and out is None:
        raise typer.BadParameter("--overwrite needs --out AUDIT.csv")
    with Terminal(as_json, quiet) as terminal:
        if apply is not None:
            take_over(terminal, shop, apply)
        else:
            look(terminal, shop, out, limit, folds, overwrite)


def look(
    terminal: Terminal,
    shop: Path,
    out: Path | None,
    limit: int | None,
    folds: int,
    overwrite: bool,
) -> None:
    """Audit the shop; show, print or write what was found."""
    from indexer.audit import audit as find_faults
    from indexer.audit_file import check_audit_file, write_audit
    from indexer.open_questions import keep_questions
    from indexer.shop import Shop

    if out is not None and not overwrite:
        check_audit_file(out)  # before minutes of work
    with Shop.open(shop) as opened:
        report = find_faults(opened, folds=folds, progress=terminal.progress)
        keep_questions(opened, report.rows())
    written: list[RenderableType] = []
    if out is not None:
        rows = report.rows(limit)
        write_audit(out, rows)
        written = [
            f"{len(rows):,} rows to decide on are in {out}",
            f"Next: fill in the column “decision”, then vsearch audit {shop} --apply {out}",
        ]
    document = report.to_json(limit) | {"out": str(out) if out else None}
    terminal.answer(document, *audit_tables(report, limit or SHOWN), *written)


def take_over(terminal: Terminal, shop: Path, file: Path) -> None:
    """Apply the decisions of a file, and say which were not taken."""
    from indexer.apply_decisions import apply_decisions
    from indexer.shop import Shop

    with Shop.open(shop) as opened:
        report = apply_decisions(opened, file)
    terminal.failed = bool(report.refused)
    changed = report.relabelled + report.dropped
    next_step = [f"Next: vsearch train {shop}, then vsearch build {shop}"] if changed else []
    terminal.answer(report.to_json(), *applied_tables(report), *next_step)


def audit_tables(report: "AuditReport", limit: int) -> list[RenderableType]:
    """Return what an audit found, as people see it: the worst `limit` of each kind."""
    suspects = report.suspects
    variants = sum(group.variants for group in report.duplicates)
    columns = ", ".join(report.label_columns)
    counted: list[tuple[str, object]] = [
        ("model", report.model),
        *([("labels", f"{len(report.labels):,} judged ({columns})")] if report.features else []),
        *([("judged by", f"heads on {report.features}")] if report.features else []),
        *([("labels", f"not judged: {report.refused}")] if report.refused else []),
        *([("not judged", report.not_judged)] if report.not_judged else []),
        *([("decided before", report.settled)] if report.settled else []),
        ("doubtful labels", f"{len(suspects):,}, {sum(s.flagged for s in suspects):,} flagged"),
        ("shared photos", len(report.duplicates) - variants),
        *([("  by variants", variants)] if variants else []),
        ("odd photos", len(report.odd) if report.views else "not looked for: there is no index"),
        *([("unreadable", len(report.unreadable))] if report.unreadable else []),
        ("time", format_seconds(report.seconds)),
    ]
    return [
        facts(counted),
        *_labels(suspects, limit),
        *_duplicates(report.duplicates, limit),
        *_odd(report.odd, limit),
    ]


def applied_tables(report: "ApplyReport") -> list[RenderableType]:
    """Return what became of the decisions, as people see it."""
    counted = facts(
        [
            ("rows", report.rows),
            ("accepted", report.accepted),
            ("relabelled", report.relabelled),
            ("dropped", report.dropped),
            ("taken before", report.unchanged),
            ("left open", report.open),
            ("refused", len(report.refused)),
        ]
    )
    if not report.refused:
        return [counted]
    rows = [(one.row, one.item_id, Path(one.photo).name, one.reason) for one in report.refused]
    columns = ("row", "item", "photo", "reason")
    return [counted, listing(columns, rows, f"\nRefused ({len(rows):,})")]


def _labels(suspects: "Sequence[DoubtfulLabel]", limit: int) -> list[RenderableType]:
    if not suspects:
        return []
    # Where the label is the item, it need not be said twice.
    named = any(one.column != "item_id" for one in suspects)
    rows = [
        (
            one.photo.path.name,
            one.photo.role,
            one.item.item_id,
            *((one.label,) if named else ()),
            one.suggested,
            one.doubt,
            "yes" if one.flagged else "",
        )
        for one in suspects[:limit]
    ]
    label = ("label",) if named else ()
    columns = ("photo", "of kind", "item", *label, "suggested", "doubt", "flagged")
    return _titled("Doubtful labels", columns, rows, len(suspects))


def _duplicates(groups: "Sequence[DuplicateGroup]", limit: int) -> list[RenderableType]:
    if not groups:
        return []
    rows = []
    for group in groups[:limit]:
        items = list(dict.fromkeys(shared.item.item_id for shared in group.photos))
        more = f" and {len(items) - ITEMS_SHOWN:,} more" if len(items) > ITEMS_SHOWN else ""
        rows.append(
            (
                group.photos[0].photo.path.name,
                ", ".join(items[:ITEMS_SHOWN]) + more,
                len(group.photos),
                "the same file" if group.same_bytes else "nearly the same",
                "variants" if group.variants else "",
            )
        )
    columns = ("photo", "items", "photos", "they are", "")
    return _titled("Photos that several items share", columns, rows, len(groups))


def _odd(odd: "Sequence[OddPhoto]", limit: int) -> list[RenderableType]:
    if not odd:
        return []
    rows = [
        (
            one.photo.path.name,
            one.photo.role,
            one.item.item_id,
            one.nearest_item.item_id,
            one.own,
            one.other,
        )
        for one in odd[:limit]
    ]
    columns = ("photo", "of kind", "item", "looks like", "own photos", "that item's")
    return _titled("Odd photos", columns, rows, len(odd))


def _titled(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], total: int
) -> list[RenderableType]:
    more = [f"… and {total - len(rows):,} more"] if total > len(rows) else []
    return [listing(columns, rows, f"\n{title} ({total:,})"), *more]
