"""`train`: from a catalogue to a classifier."""

from collections.abc import Collection
from dataclasses import replace
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import RenderableType

from api.cli.gate import show_gate
from api.cli.progress import format_seconds
from api.cli.tables import facts
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.training import TrainReport
    from vsearch.fit import Speed

# What help lists; the tests hold it against what there is, which takes JAX seconds to load.
BACKBONES = (
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "resnet-18",
    "resnet-50",
    "resnet-small",
)
PRECISIONS = ("fp32", "bf16", "fp16")


def _objectives() -> tuple[str, ...]:
    """Return the objectives' names by those of their files, none of which is loaded."""
    package = find_spec("vsearch.objectives")
    folders = package.submodule_search_locations if package else None
    files = {module.name for module in iter_modules(folders)} - {"base"}
    return tuple(name.replace("_", "-") for name in sorted(files))


OBJECTIVES = _objectives()


def known_backbone(name: str) -> str:
    """Refuse a backbone that does not exist as bad usage."""
    from vsearch.models.architectures import ARCHITECTURES

    return _known(name, ARCHITECTURES)


def known_objective(name: str | None) -> str | None:
    """Refuse an objective that does not exist as bad usage."""
    from vsearch.objectives import OBJECTIVES

    return name and _known(name, OBJECTIVES)


def known_precision(name: str | None) -> str | None:
    """Refuse a precision that does not exist as bad usage."""
    from vsearch.precision import PRECISIONS

    return name and _known(name, PRECISIONS)


def _known(name: str, names: Collection[str]) -> str:
    if name not in names:
        raise typer.BadParameter(f"no “{name}”; there are {', '.join(names)}")
    return name


def train(
    shop: ShopFolder,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="What the labels are: category, item_id, or an attribute. Repeatable: a photo "
            "then has a label of each column.",
            show_default="category",
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=known_objective,
            help=f"The kind of classification: {', '.join(OBJECTIVES)}.",
            show_default="multi-label where photos can have several labels, binary for a yes and "
            "a no, else normalised-softmax",
        ),
    ] = None,
    backbone: Annotated[
        str,
        typer.Option(
            metavar="NAME", callback=known_backbone, help=f"The network: {', '.join(BACKBONES)}."
        ),
    ] = "efficientnet-lite0",
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where training starts: package (what the extra “pretrained” brings), none, a "
            "file of weights, hub:ORGANISATION/NAME or torchvision:FILE.",
            show_default="package where there are any, else none",
        ),
    ] = None,
    trained: Annotated[
        Literal["head", "last", "all"] | None,
        typer.Option(
            "--train",
            help="The head alone, which is quick; the last stages too; or all layers.",
            show_default="last with pretrained weights, else all",
        ),
    ] = None,
    imbalance: Annotated[
        Literal["balanced", "logit-adjusted", "none"],
        typer.Option(
            help="For labels with few photos: draw all labels equally often, adjust the logits, or "
            "do nothing."
        ),
    ] = "balanced",
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=known_precision,
            help=f"What the network computes in: {', '.join(PRECISIONS)}.",
            show_default="what suits the device",
        ),
    ] = None,
    dim: Annotated[int, typer.Option(min=2, help="Length of an embedding.")] = 256,
    seed: Annotated[int, typer.Option(help="The same seed trains the same model.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training steps of the head on features.",
            show_default="2000",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Passes over the photos, where more than the head is trained.",
            show_default="6 from pretrained weights, else 15",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Change any other setting of the training, such as network.batch=64, "
            "network.patience=2 or network.augmentation.min_area=0.2; a wrong name lists them. "
            "Repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train the classifier; it serves from the next build on, if it passes the gate.

    Training that was interrupted goes on where it stopped when the command is given again.
    """
    from indexer.shop import Shop
    from indexer.training import train_shop
    from vsearch.overrides import override
    from vsearch.train import TrainConfig

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        config = TrainConfig(
            backbone=backbone,
            weights=weights,
            objective=objective,
            dim=dim,
            seed=seed,
            precision=precision,
            trained=trained,
            imbalance=imbalance,
        )
        if steps is not None:
            config = replace(config, head=replace(config.head, steps=steps))
        if epochs is not None:
            config = replace(config, network=replace(config.network_config, epochs=epochs))
        if changes:
            config = override(replace(config, network=config.network_config), changes)
        report = train_shop(
            opened, config, labels=label or ("category",), progress=terminal.progress
        )
        told = show_gate(report.gate, shop) if report.gate else []
        next_step = [] if report.serving or told else [f"Next: vsearch build {shop}"]
        terminal.answer(report.to_json(), train_facts(report), *told, *next_step)


def train_facts(report: "TrainReport") -> RenderableType:
    """Return what training found out, as people see it."""
    serves = "at once: the index fits" if report.serving else "from the next build on"
    serves = "not: see below" if report.gate and not report.gate.passed else serves
    columns = f" ({', '.join(report.label_columns)})" if report.label_columns else ""
    return facts(
        [
            ("model", report.model),
            ("objective", report.objective),
            ("labels", f"{report.labels:,}{columns}"),
            ("photos", f"{report.train_photos:,} to train on, {report.val_photos:,} to choose by"),
            *([("unreadable", len(report.unreadable))] if report.unreadable else []),
            *(
                [("left out", ", ".join(left_out))]
                if (left_out := report.labels_without_photo)
                else []
            ),
            *report.metrics.items(),
            *([("speed", speed_told(report.speed))] if report.speed else []),
            *([("skipped", f"{report.skipped:,} steps overflowed")] if report.skipped else []),
            ("serves", serves),
            ("time", format_seconds(report.seconds)),
        ]
    )


def speed_told(speed: "Speed") -> str:
    """Return how fast training went, and what a quicker one would need."""
    waited = f"{100 * speed.waited:.0f} % of the time waiting for photos"
    return f"{speed.photos_per_second:,.0f} photos a second, {speed.bound}-bound ({waited})"
