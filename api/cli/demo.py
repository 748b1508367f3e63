"""`demo`: the whole way on a generated shop, or on a catalogue that is given."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.evaluate import evaluation_tables
from api.cli.progress import format_seconds
from api.cli.search import result_tables
from api.cli.tables import listing
from api.cli.terminal import Json, Quiet, Terminal

if TYPE_CHECKING:
    from api.walk import Found, Given, Step, Walk
    from vsearch.progress import Progress


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where everything is made.")] = Path(
        "vsearch-demo"
    ),
    catalogue: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST",
            help="Use this catalogue instead of a generated one.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MANIFEST", help="Its further labelled photos. Repeatable.", show_default=False
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(metavar="MANIFEST", help="Its held-out photos.", show_default=False),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="What the labels are. Repeatable.",
            show_default="item_id; category with --catalogue",
        ),
    ] = None,
    views: Annotated[
        Literal["catalogue", "all"], typer.Option(help="Which photos are indexed.")
    ] = "catalogue",
    serve: Annotated[
        bool, typer.Option("--serve", help="Then serve it and open its page.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(help="Where to serve.", min=1, max=65535, show_default="8000"),
    ] = None,
    browse: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page that --serve serves.")
    ] = True,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a shop, train, build, measure and search it; again in the same DIR: reuse it.

    Without --catalogue the shop is generated: drawn products, no download.
    """
    if catalogue is None and (photos or queries):
        raise typer.BadParameter("--photos and --queries belong to a --catalogue")
    from api.cli.demo_page import serve_page
    from api.walk import Given, Walk, open_or_create

    with Terminal(as_json, quiet) as terminal:
        folder.mkdir(parents=True, exist_ok=True)
        baseline = None
        if catalogue is None:
            given, made, baseline = generated(folder, views, terminal.progress)
        else:
            given, made = Given(catalogue, tuple(photos or ()), queries), None
        given = replace(given, views=views, labels=tuple(label or given.labels))
        name = "Demo shop" if catalogue is None else folder.resolve().name
        with open_or_create(folder / "shop", name) as shop:
            walk = Walk(shop, given, terminal.progress)
            if made:
                walk.steps.append(made)
            found = walk.go(folder / "sheet.png")
        terminal.answer(
            document(folder, walk, found, baseline), *shown(folder, walk, found, baseline)
        )
        if serve:
            serve_page(terminal, folder / "shop", port, browse)


def generated(folder: Path, views: str, progress: "Progress") -> tuple["Given", "Step", float]:
    """Make the generated shop; return it, the step that made it, and its thumbnails' recall@1."""
    from api.demo import generate, thumbnail_baseline
    from api.walk import Given, Step

    started = time.perf_counter()
    drawn = generate(folder / "generated", progress=progress)
    outcome = f"{drawn.items:,} items in {drawn.categories:,} categories, drawn"
    step = Step("generate", outcome, time.perf_counter() - started)
    given = Given(drawn.catalogue, (drawn.photos,), drawn.queries, ("item_id",))
    return given, step, thumbnail_baseline(drawn, views=views)


def document(
    folder: Path, walk: "Walk", found: "Found", baseline: float | None
) -> dict[str, object]:
    """Return what `--json` prints."""
    return {
        "shop": str(folder / "shop"),
        "steps": [asdict(step) for step in walk.steps],
        "evaluation": walk.figures,
        "thumbnail_recall@1": baseline,
        "search": {"photo": str(found.photo), **found.result.to_json()},
        "sheet": str(found.sheet),
        "report": str(walk.report) if walk.report else None,
    }


def shown(
    folder: Path, walk: "Walk", found: "Found", baseline: float | None
) -> list[RenderableType]:
    """Return what people see."""
    steps = [(step.name, format_seconds(step.seconds), step.outcome) for step in walk.steps]
    total = sum(step.seconds for step in walk.steps)
    parts: list[RenderableType] = [
        listing(("step", "time", "what came of it"), [*steps, ("", format_seconds(total), "")]),
    ]
    if walk.figures:
        parts += evaluation_tables(walk.figures, baseline)
    parts += [
        Text(f"Searched with {found.photo}", style="bold"),
        *result_tables(found.result),
        f"Contact sheet: {found.sheet}",
        *([f"Evaluation:    {walk.report}"] if walk.report else []),
        # Of a catalogue that was given the demo would have to be given it again.
        *([f"See it:        vsearch demo {folder} --serve"] if baseline is not None else []),
        f"Serve it:      vsearch serve {folder / 'shop'}",
        f"Search it:     vsearch search {folder / 'shop'} PHOTO",
    ]
    return parts
