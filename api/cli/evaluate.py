"""`evaluate`: how good search and classifier are, on photos that they have never seen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from api.cli.tables import listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure the shop's search and classifier on held-out photos."""
    conditions = dict(parse_condition(text) for text in where or ())
    from indexer.evaluate import evaluate as measure
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = measure(opened, queries, split=split, where=conditions, progress=terminal.progress)
        document = report.to_json()
        terminal.answer(document, *evaluation_tables(document))


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
    rows: list[tuple[str, object, str]] = [
        (name, document[name], why)
        for name, why in FIGURES.items()
        if document.get(name) is not None
    ]
    if thumbnails is not None:
        place = [name for name, *_ in rows].index("recall@1") + 1
        rows.insert(place, ("  thumbnails", thumbnails, THUMBNAILS))
    for column, share in document.get("by_column", {}).items():
        rows.append((f"top1, {column}", share, "the first guess in this column is right"))
    return [
        *queries_lines(document),
        listing(("figure", "value", "of all queries"), rows),
        *weakest_labels(document["per_label"]),
    ]


def queries_lines(document: Mapping[str, Any]) -> list[RenderableType]:
    """Return how many photos were asked with, and how many were left out and why."""
    shown: list[RenderableType] = [f"{document['queries']:,} held-out photos"]
    turned_away = "foreign" in document
    if turned_away:
        shown.append(
            f"{document['own']:,} show what is sold here, {document['foreign']:,} something else"
        )
    for name, told, why in (
        ("refused", "refused", "known from training or index"),
        ("rejected", "rejected", "cannot be used"),
        ("unknown_items", "of items that the shop does not have", "always a miss"),
    ):
        if document[name] and not (turned_away and name == "unknown_items"):
            shown.append(f"{document[name]:,} {told}: {why}")
    return shown


def weakest_labels(per_label: Mapping[str, Mapping[str, Any]]) -> list[RenderableType]:
    """Return the labels that do worst by the first figure of them, of those asked often enough."""
    asked = [(name, *one.values()) for name, one in per_label.items()]
    weak = [row for row in asked if row[1] >= QUERIES_TO_JUDGE and row[2] < 1]
    weak = sorted(weak, key=lambda row: row[2])[:WEAKEST_SHOWN]
    if not weak:
        return []
    figures = next(iter(per_label.values()))
    return [listing(("weakest labels", *figures), weak)]
