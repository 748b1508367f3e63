"""`classify`: labels and categories of a photo, or of every photo in a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from api.cli.classes import categories_listing, labels_listing, unknown_line
from api.cli.pictures import check_picture
from api.cli.tables import facts, listing, percent
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal
from vsearch.errors import ShopError
from vsearch.progress import Progress, silent

if TYPE_CHECKING:
    from api.sorting import Sorter
    from api.tagging import Tagger, Tags
    from indexer.shop import Shop


def classify(
    shop: ShopFolder,
    photo: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO|FOLDER", help="A photo, or a folder of photos.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="TAGS.csv",
            help="Write the labels of each photo here, batch by batch; a killed run goes on.",
            show_default=False,
        ),
    ] = None,
    move: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Move each photo into the folder of its category, such as DIR/Fruit/Apple, once "
            "its row is in TAGS.csv. No file is ever overwritten.",
            show_default=False,
        ),
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="As --move, with links to the photos.", show_default=False
        ),
    ] = None,
    min_probability: Annotated[
        float,
        typer.Option(
            metavar="P",
            min=0,
            max=1,
            help="With --move or --link: photos whose best label is less probable go to "
            "DIR/_unsure.",
        ),
    ] = 0.0,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw why: what of the photo speaks for its most probable labels. One photo only.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Throw away what TAGS.csv holds; else a run goes on where the last one ended.",
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what a photo shows: labels and categories with probabilities."""
    into = move or link
    if move and link:
        raise typer.BadParameter("give --move or --link, not both")
    if out is None and (into or overwrite):
        raise typer.BadParameter("--move, --link and --overwrite need --out TAGS.csv")
    if min_probability and not into:
        raise typer.BadParameter("--min-probability needs --move or --link")
    check_picture(explain, "--explain")
    if explain and (out or photo.is_dir()):
        raise typer.BadParameter("--explain takes one photo, without --out")

    from api.tagging import Tagger
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        if out is None:
            tagger = Tagger.open(opened)
            if photo.is_dir():
                say_each(terminal, tagger, photo)
            else:
                say(terminal, opened, tagger, photo, explain)
            return
        from api.sorting import Sorter

        sorter = Sorter(into, link is not None, min_probability) if into else None
        if sorter:
            sorter.check(photo)
        fill(terminal, Tagger.open(opened), photo, out, sorter, overwrite)


def say(
    terminal: Terminal, shop: "Shop", tagger: "Tagger", photo: Path, explain: Path | None
) -> None:
    """Show the labels of a photo, and draw why where that is wanted."""
    (tags,) = tagged(tagger, [photo], silent)
    document = tags.to_json() | {"model": tagger.embedder.model_fingerprint}
    shown = tags_tables(tags)
    if explain:
        draw_why(shop, tagger, tags, explain)
        document["explained"] = str(explain)
        shown.append(f"Why: {explain}")
    terminal.answer(document, *shown)


def say_each(terminal: Terminal, tagger: "Tagger", folder: Path) -> None:
    """Show the labels of each photo in a folder."""
    from api.tagging import photos_in

    tags = tagged(tagger, photos_in(folder), terminal.progress)
    unreadable = {path: str(error) for path, error in tagger.unreadable.items()}
    terminal.answer(
        {
            "photos": len(tags),
            "unreadable": [
                {"photo": str(path), "error": error} for path, error in unreadable.items()
            ],
            "tags": [one.to_json() for one in tags],
            "model": tagger.embedder.model_fingerprint,
        },
        tags_listing(tags, folder),
        *refusals("Unreadable", unreadable, len(unreadable)),
    )


def tagged(tagger: "Tagger", photos: Sequence[Path], progress: Progress) -> "list[Tags]":
    """Return the labels of the photos that can be read.

    Raises:
        ShopError: none can.
    """
    tags = list(tagger(photos, progress))
    if not tags:
        unreadable = {path: str(error) for path, error in tagger.unreadable.items()}
        raise ShopError(nothing_read(unreadable, len(unreadable)))
    return tags


def draw_why(shop: "Shop", tagger: "Tagger", tags: "Tags", file: Path) -> None:
    """Draw what of a photo speaks for its labels."""
    from api.explain_sheet import labels_explained
    from vsearch.explain import Explainer
    from vsearch.images import read_photo

    explainer = Explainer.load(shop.models / tagger.embedder.model_fingerprint)
    data = read_photo(tags.photo, max_bytes=tagger.max_bytes)
    labels_explained(shop, explainer, data, tags.shown).save(file)


def fill(
    terminal: Terminal,
    tagger: "Tagger",
    folder: Path,
    out: Path,
    sorter: "Sorter | None",
    overwrite: bool,
) -> None:
    """Write tags.csv, sort the photos if told, and sum up; of a hundred thousand none is listed."""
    from api.bulk_tagging import tag_folder

    progress = terminal.progress if folder.is_dir() else silent
    report = tag_folder(tagger, folder, out, sorter=sorter, overwrite=overwrite, progress=progress)
    if not report.photos:
        raise ShopError(nothing_read(report.reasons, report.unreadable))
    document: dict[str, object] = {
        "photos": report.photos,
        "tagged": report.tagged,
        "already": report.already,
        "unreadable": report.unreadable,
    }
    shown = refusals("Unreadable", report.reasons, report.unreadable)
    if sorter:
        document["linked" if sorter.link else "moved"] = sorter.placed
        document |= {"duplicates": sorter.duplicates, "not_sorted": sorter.failed}
        shown += refusals("Not sorted", sorter.reasons, sorter.failed)
        terminal.failed = bool(sorter.failed)
    document |= {
        "out": str(out),
        "model": tagger.embedder.model_fingerprint,
        "seconds": round(report.seconds, 3),
        "photos_per_second": round(report.photos_per_second, 1),
    }
    terminal.answer(document, facts(document.items()), *shown)


def nothing_read(reasons: Mapping[Path, str], count: int) -> str:
    """Return why no photo could be classified, of `count` photos with the first few reasons."""
    path, error = next(iter(reasons.items()))
    if count == 1:
        return f"{path}: {error}"
    return f"none of {count:,} files can be used; the first, {path}: {error}"


def tags_tables(tags: "Tags") -> list[RenderableType]:
    """Return the best labels and categories of one photo."""
    return [labels_listing(tags.shown), *categories_listing(tags.shown), *unknown_line(tags.shown)]


def tags_listing(tags: "Sequence[Tags]", folder: Path) -> RenderableType:
    """Return the labels that each photo is given, and whether it is turned away."""
    judged = any(one.shown.unknown is not None for one in tags)
    rows = [
        (
            one.photo.relative_to(folder),
            one.label,
            one.category,
            percent(one.best.probability),
            *((one.shown.unknown,) if judged else ()),
        )
        for one in tags
    ]
    columns = ("photo", "label", "category", "probability", *(("unknown",) if judged else ()))
    return listing(columns, rows)


def refusals(title: str, reasons: Mapping[Path, str], count: int) -> list[RenderableType]:
    """Return the photos that could not be used or sorted, and why; `count` of them in all."""
    if not count:
        return []
    rows = [(path.name, error) for path, error in reasons.items()]
    more = [f"… and {count - len(rows):,} more"] if count > len(rows) else []
    return [listing(("photo", "reason"), rows, f"\n{title} ({count:,})"), *more]
