"""`evaluate`: how good search and classifier are, on photos that they have never seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from api.cli.tables import listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.evaluate import Evaluation
    from indexer.shop import Shop
    from vsearch.progress import Progress

WEAKEST_SHOWN = 8
QUERIES_TO_JUDGE = 4  # a label with fewer is weak or strong by chance

# Of these, the ones that fit the model's kind of classification are measured.
FIGURES = {
    "top1": "label: the first guess is right",
    "top5": "label: right among the first five",
    "macro_top1": "label: first guess, every label counting the same",
    "map": "labels: mean average precision",
    "micro_f1": "labels given: F1 over all of them",
    "macro_f1": "labels given: F1, every label counting the same",
    "category_top1": "category: the first guess is right",
    "f1": "photos given the positive label: F1",
    "auroc": "how well the two kinds of photos are told apart; 0.5 is chance",
    "false_alarm": "photos of what is sold here that were turned away; lower is better",
    "reject_rate": "photos of anything else that were turned away",
    "reject_rate@0.05": "the same, had 5 % of what is sold here been turned away",
    "recall@1": "first hit right: the item, or its category if none is named",
    "recall@5": "right among the first five hits",
    "recall@10": "right among the first ten hits",
    "map@r": "views: how far those of the label come first",
    "ece": "calibration error of the first guess; lower is better",
}
NOT_JUDGED = (
    "this index version judges nothing unknown, so the photos of --unknown tell nothing: it needs "
    "20 val photos (99 where build had --false-rejects 0.01), and a build after the training"
)
THUMBNAILS = "first hit right, by the nearest 12×12 thumbnail"


def evaluate(
    shop: ShopFolder,
    queries: Annotated[
        Path,
        typer.Argument(
            metavar="QUERIES",
            help="A manifest of photos with their item_id or category.",
            show_default=False,
        ),
    ],
    split: Annotated[str, typer.Option(help="Which split of the manifest to use.")] = "test",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only queries whose column has this value. Repeatable.",
            show_default=False,
        ),
    ] = None,
    unknown: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A manifest or folder of photos of what the shop does not sell. Repeatable.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write all of it as one page with pictures, made for the shop's owner.",
            show_default=False,
        ),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit",
            help="Show in the report, too, which labels and photos look wrong; takes minutes.",
        ),
    ] = False,
    shots: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,…",
            help="Show how well labels that came by `vsearch extend` would be recognised with so "
            "many photos each, such as 1,3,5,10.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure the shop's search and classifier on held-out photos."""
    numbers = parse_shots(shots)
    conditions = dict(parse_condition(text) for text in where or ())
    if report is not None:
        check_report(report)
    elif audit:
        raise typer.BadParameter("--audit needs --report FILE.html, which shows what it finds")
    from indexer.evaluate import measure
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        if numbers:
            from indexer.shots import require_extended

            require_extended(opened)
        evaluation = measure(
            opened,
            queries,
            split=split,
            where=conditions,
            unknown=unknown or (),
            progress=terminal.progress,
        )
        document = evaluation.report.to_json() | {"report": str(report) if report else None}
        if unknown and document["unknown"] is None:
            terminal.warn(NOT_JUDGED)
        if numbers:
            from indexer.shots import shots_curve

            curve = shots_curve(opened, evaluation, numbers, progress=terminal.progress)
            document["shots"] = [one.to_json() for one in curve]
        if report is not None:
            draw_report(
                opened, evaluation, report, audit, document.get("shots", ()), terminal.progress
            )
        written = [f"The report with pictures: {report}"] if report else []
        terminal.answer(document, *evaluation_tables(document), *written)


def draw_report(
    shop: "Shop",
    evaluation: "Evaluation",
    file: Path,
    audit: bool,
    shots: Sequence[Mapping[str, Any]],
    progress: "Progress",
) -> None:
    """Write the page, with explanations of some of the answers."""
    from api.report import Audit, reasons, write_report
    from api.staff import REPORT
    from indexer.audit import audit as find_faults
    from vsearch.explain import Explainer
    from vsearch.storage import write_atomically

    found = Audit.of(find_faults(shop, progress=progress)) if audit else None
    explainer = Explainer.load(shop.models / evaluation.report.model)
    why = reasons(evaluation, explainer)
    write_report(file, evaluation, audit=found, explanations=why, shots=shots, progress=progress)
    # Beside the model that it is about, for the staff's view.
    write_atomically(shop.models / evaluation.report.model / REPORT, file.read_bytes())


def parse_shots(text: str | None) -> list[int]:
    """Return the numbers of `1,3,5`; anything else is bad usage."""
    try:
        numbers = [int(part) for part in text.split(",")] if text else []
    except ValueError:
        numbers = [0]
    if any(number < 1 for number in numbers):
        raise typer.BadParameter(f"“{text}” is not of the form 1,3,5", param_hint="--shots")
    return numbers


def check_report(path: Path) -> None:
    """Refuse a report that could not be written, before an hour of measuring."""
    if path.suffix.lower() != ".html":
        raise typer.BadParameter(f"“{path}” does not end in .html", param_hint="--report")
    if not path.absolute().parent.is_dir():
        told = f"there is no folder “{path.parent}”: make it first, or name another file"
        raise typer.BadParameter(told, param_hint="--report")


def parse_condition(text: str) -> tuple[str, str]:
    """Return column and value of `COLUMN=VALUE`; a bad one is bad usage."""
    column, sign, value = text.partition("=")
    if not sign or not column.strip():
        raise typer.BadParameter(f"“{text}” is not of the form COLUMN=VALUE", param_hint="--where")
    return column.strip(), value.strip()


def evaluation_tables(
    document: Mapping[str, Any], thumbnails: float | None = None
) -> list[RenderableType]:
    """Return an evaluation as people see it: the figures, and the labels that do worst.

    Args:
        document: what `evaluate --json` prints.
        thumbnails: recall@1 of nearest thumbnails, to compare with; None: no such row.
    """
    intervals = document["intervals"]
    rows: list[tuple[str, object, str, str]] = [
        (name, document[name], _ends(intervals.get(name)), why)
        for name, why in FIGURES.items()
        if document.get(name) is not None
    ]
    if thumbnails is not None:
        place = [name for name, *_ in rows].index("recall@1") + 1
        rows.insert(place, ("  thumbnails", thumbnails, "", THUMBNAILS))
    for column, share in document.get("by_column", {}).items():
        name, why = f"top1, {column}", "the first guess in this column is right"
        rows.append((name, share, _ends(intervals.get(name)), why))
    return [
        *queries_lines(document),
        listing(("figure", "value", "95 % interval", "of all queries"), rows),
        *views_apart(document["by_views"]),
        *honesty(document["levels"]),
        *restricted_search(document.get("restricted")),
        *unknown_photos(document.get("unknown")),
        *few_photos(document.get("shots", ())),
        *weakest_labels(document["per_label"]),
    ]


def _ends(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def queries_lines(document: Mapping[str, Any]) -> list[RenderableType]:
    """Return how many photos were asked with, and how many were left out and why."""
    shown: list[RenderableType] = [f"{document['queries']:,} held-out photos"]
    turns_away = "own" in document
    if turns_away:
        shown.append(
            f"{document['own']:,} show what is sold here, {document['foreign']:,} something else"
        )
    elif document["foreign"]:
        shown.append(f"{document['foreign']:,} more show something else: only judged as unknown")
    for name, told, why in (
        ("refused", "refused", "known from training or index"),
        ("rejected", "rejected", "cannot be used"),
        ("unknown_items", "of items that the shop does not have", "always a miss"),
    ):
        if document[name] and not (turns_away and name == "unknown_items"):
            shown.append(f"{document[name]:,} {told}: {why}")
    return shown


def views_apart(by_views: Mapping[str, Mapping[str, Any]]) -> list[RenderableType]:
    """Return how each kind of view alone is found; nothing where the index has one kind."""
    if len(by_views) < 2:
        return []
    names = [name for name in next(iter(by_views.values())) if name not in ("rows", "intervals")]
    rows = [(role, one["rows"], *(one[name] for name in names)) for role, one in by_views.items()]
    return [listing(("searched alone", "views", *names), rows)]


def honesty(levels: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return how far confidence and accuracy lie apart at each level of the category tree."""
    rows = [
        (one["level"], one["classes"], one["top1"], one["ece"], one["ece_uncalibrated"])
        for one in levels
    ]
    columns = ("level", "classes", "top1", "calibration error", "before calibration")
    return [listing(columns, rows)] if rows else []


def restricted_search(figures: Mapping[str, Any] | None) -> list[RenderableType]:
    """Return how a search within the likely categories does; nothing where there are none."""
    if not figures:
        return []
    names = [name for name in figures if name.startswith("recall@")]
    row = ("--restrict auto", *(figures[name] for name in (*names, "within", "rows")))
    return [listing(("search", *names, "photos restricted", "rows looked at"), [row])]


def unknown_photos(figures: Mapping[str, Any] | None) -> list[RenderableType]:
    """Return how well photos of what is not sold here are told; nothing where none were asked."""
    if not figures or not figures["curves"]:
        return []
    rows = [
        (one["name"], one["photos"], one["rejected"], one["auroc"]) for one in figures["curves"]
    ]
    rows.append(("own photos, by mistake", figures["own"], figures["own_rejected"], None))
    return [listing(("called unknown", "photos", "share", "auroc"), rows)]


def few_photos(curve: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return how labels that came by extension do with so many photos; nothing if not asked."""
    rows = [
        (
            one["photos"] or "all",
            one["late"],
            f"{one['late_low']:.3f} to {one['late_high']:.3f}" if one["draws"] > 1 else "",
            one["others"],
            one["all"],
        )
        for one in curve
    ]
    header = ("photos a new label", "top1 of these", "of each draw", "of the others", "of all")
    return [listing(header, rows)] if rows else []


def weakest_labels(per_label: Mapping[str, Mapping[str, Any]]) -> list[RenderableType]:
    """Return the labels that do worst by the first figure of them, of those asked often enough."""
    asked = [(name, *one.values()) for name, one in per_label.items()]
    weak = [row for row in asked if row[1] >= QUERIES_TO_JUDGE and row[2] < 1]
    weak = sorted(weak, key=lambda row: row[2])[:WEAKEST_SHOWN]
    if not weak:
        return []
    figures = next(iter(per_label.values()))
    return [listing(("weakest labels", *figures), weak)]
