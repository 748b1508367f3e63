"""`build`: from a trained model to an index that serves."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import RenderableType

from api.cli.gate import DEFAULT_POINTS, MaxDrop, show_gate
from api.cli.progress import format_seconds
from api.cli.tables import facts
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal
from api.cli.versions import described
from api.cli.watch import follow

if TYPE_CHECKING:
    from indexer.build import BuildReport


def build(
    shop: ShopFolder,
    views: Annotated[
        Literal["catalogue", "all"] | None,
        typer.Option(
            help="What is indexed: catalogue photos, or further labelled photos of split train as "
            "well.",
            show_default="as before",
        ),
    ] = None,
    false_rejects: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.001,
            max=0.5,
            help="The share of photos of what the shop sells that may be called unknown; the "
            "more, the more photos of anything else are told. It takes 20 val photos, and 99 "
            "for 0.01.",
            show_default="as before; at first 0.05",
        ),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.5,
            max=1.0,
            help="The share of the ten most similar views that a search in more than 50,000 views "
            "must find; measured while building.",
            show_default="as before; at first 0.98",
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Scan all views, however many there are: the same as --recall 1."
        ),
    ] = False,
    keep_model: Annotated[
        bool,
        typer.Option(
            "--keep-model",
            help="Build with the model that serves, whatever was trained since.",
        ),
    ] = False,
    max_drop: MaxDrop = DEFAULT_POINTS,
    watch: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST",
            help="Go on for ever: whenever this manifest has been rewritten, import it and build. "
            "With --json one line for each round.",
            show_default=False,
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="With --watch: remove items that it does not name.")
    ] = False,
    poll: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.05, help="With --watch: how often to look at the manifest."
        ),
    ] = 2.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Embed what changed, build the index, verify it and let it serve.

    A newly trained model serves from then on if it passes the gate. If it is refused, the index is
    built with the model that serves, the table says why, and the exit code is 1 that once.
    """
    from indexer.build import build as build_index
    from indexer.candidates import newest_that_passes
    from indexer.embedding import load_embedder
    from indexer.shop import Shop

    if prune and watch is None:
        raise typer.BadParameter("--prune goes with --watch MANIFEST, or with `vsearch import`")
    if keep_model and watch is not None:
        raise typer.BadParameter("--keep-model does not go with --watch")
    if exact and recall not in {None, 1.0}:
        raise typer.BadParameter("--exact is --recall 1: give one of the two")
    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        run = partial(
            build_index,
            opened,
            views=views,
            false_rejects=false_rejects,
            recall=1.0 if exact else recall,
        )
        if watch is not None:
            follow(terminal, opened, watch, run, prune=prune, max_drop=max_drop / 100, poll=poll)
            return
        embedder = load_embedder(opened, opened.current().model) if keep_model else None
        choose = partial(newest_that_passes, max_drop=max_drop / 100, progress=terminal.progress)
        report = run(embedder=embedder, choose=choose, progress=terminal.progress)
        told = show_gate(report.gate, shop) if report.gate else []
        terminal.answer(report.to_json(), build_facts(report), *told)
        terminal.failed = report.judged and report.refused


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
            ("search", described(report.structure, report.recall)),
            ("unknown photos", _judged(report.judged_by)),
            ("version", version),
            ("model", report.model),
            ("time", format_seconds(report.seconds)),
        ]
    )


def _judged(val_photos: int | None) -> str:
    """Say whether photos of what is not sold are told."""
    if val_photos is None:
        return "the model tells them"
    if not val_photos:
        return "not told: too few val photos for this share of false rejects"
    return f"told, from {val_photos:,} val photos"
