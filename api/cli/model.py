"""`train`, `build` and `evaluate`: from a catalogue to a search whose quality is known."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import RenderableType

from api.cli.progress import format_seconds
from api.cli.tables import facts, listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.build import BuildReport
    from indexer.training import TrainReport

WEAKEST_SHOWN = 8
QUERIES_TO_JUDGE = 4  # a label with fewer is weak or strong by chance

FIGURES = {
    "top1": "label: the first guess is right",
    "top5": "label: right among the first five",
    "macro_top1": "label: first guess, every label counting the same",
    "category_top1": "category: the first guess is right",
    "recall@1": "first hit right: the item, or its category if none is named",
    "recall@5": "right among the first five hits",
    "recall@10": "right among the first ten hits",
    "map@r": "views: how far those of the label come first",
    "ece": "calibration error of the first guess; lower is better",
}
THUMBNAILS = "first hit right, by the nearest 12×12 thumbnail"


def train(
    shop: ShopFolder,
    label: Annotated[
        str, typer.Option(help="What the classes are: category, item_id, or an attribute.")
    ] = "category",
    backbone: Annotated[
        str, typer.Option(help="The network: efficientnet-lite0 or resnet-small.")
    ] = "efficientnet-lite0",
    weights: Annotated[
        Literal["package", "none"] | None,
        typer.Option(
            help="Start from the weights of the extra “pretrained”, or from nothing. "
            "[default: package where there are any]",
            show_default=False,
        ),
    ] = None,
    dim: Annotated[int, typer.Option(min=2, help="Length of an embedding.")] = 256,
    seed: Annotated[int, typer.Option(help="The same seed trains the same model.")] = 0,
    steps: Annotated[
        int, typer.Option(min=1, help="Training steps of the head on pretrained features.")
    ] = 2000,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the photos, where all layers are trained.")
    ] = 15,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train the classifier; it serves from the next build on."""
    from indexer.shop import Shop
    from indexer.training import train_shop
    from vsearch.train import HeadConfig, NetworkConfig, TrainConfig

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        config = TrainConfig(
            backbone=backbone,
            weights=weights,
            dim=dim,
            seed=seed,
            head=HeadConfig(steps=steps),
            network=NetworkConfig(epochs=epochs),
        )
        report = train_shop(opened, config, label=label, progress=terminal.progress)
        next_step = [] if report.serving else [f"Next: vsearch build {shop}"]
        terminal.answer(report.to_json(), train_facts(report), *next_step)


def train_facts(report: "TrainReport") -> RenderableType:
    """Return what training found out, as people see it."""
    serves = "at once: the index fits" if report.serving else "from the next build on"
    return facts(
        [
            ("model", report.model),
            ("labels", f"{report.labels:,} ({report.label_column})"),
            ("photos", f"{report.train_photos:,} to train on, {report.val_photos:,} to choose by"),
            *([("unreadable", len(report.unreadable))] if report.unreadable else []),
            *(
                [("left out", ", ".join(left_out))]
                if (left_out := report.labels_without_photo)
                else []
            ),
            *report.metrics.items(),
            ("serves", serves),
            ("time", format_seconds(report.seconds)),
        ]
    )


def build(
    shop: ShopFolder,
    views: Annotated[
        Literal["catalogue", "all"] | None,
        typer.Option(
            help="What is indexed: catalogue photos, or further labelled photos of split train as "
            "well. [default: as before]",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Embed what changed, build the index, verify it and let it serve."""
    from indexer.build import build as build_index
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = build_index(opened, views=views, progress=terminal.progress)
        terminal.answer(report.to_json(), build_facts(report))


def build_facts(report: "BuildReport") -> RenderableType:
    """Return what a build did, as people see it."""
    version = report.version if report.published else f"{report.version} (nothing had changed)"
    return facts(
        [
            ("photos embedded", report.embedded),
            ("photos reused", report.photos_reused),
            ("items indexed", report.indexed),
            ("items waiting", report.waiting),
            ("items rejected", report.rejected),
            ("rows", report.rows),
            ("version", version),
            ("model", report.model),
            ("time", format_seconds(report.seconds)),
        ]
    )


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
    shown: list[RenderableType] = [f"{document['queries']:,} held-out photos"]
    for name, told, why in (
        ("refused", "refused", "known from training or index"),
        ("rejected", "rejected", "cannot be used"),
        ("unknown_items", "of items that the shop does not have", "always a miss"),
    ):
        if document[name]:
            shown.append(f"{document[name]:,} {told}: {why}")
    rows = [(name, document[name], why) for name, why in FIGURES.items()]
    if thumbnails is not None:
        place = [name for name, *_ in rows].index("recall@1") + 1
        rows.insert(place, ("  thumbnails", thumbnails, THUMBNAILS))
    shown.append(listing(("figure", "value", "of all queries"), rows))
    asked = [(name, *one.values()) for name, one in document["per_label"].items()]
    weak = [row for row in asked if row[1] >= QUERIES_TO_JUDGE and row[2] < 1]
    weak = sorted(weak, key=lambda row: row[2])[:WEAKEST_SHOWN]
    if weak:
        shown.append(listing(("weakest labels", "queries", "top1", "recall@1"), weak))
    return shown
