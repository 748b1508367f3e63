"""`classify`: labels and categories of a photo, or of every photo in a folder."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from api.cli.classes import categories_listing, labels_listing, unknown_line
from api.cli.tables import listing, percent
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal
from vsearch.errors import ShopError
from vsearch.progress import silent

if TYPE_CHECKING:
    from api.tagging import Tagger, Tags

COLUMNS = ("photo", "label", "category", "probability", "unknown", "error")


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
            help="Write the labels of each photo here, as soon as they are known.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what a photo shows: labels and categories with probabilities."""
    from api.tagging import Tagger, photos_in
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        tagger = Tagger.open(opened)
        stream = tagger(photos_in(photo), terminal.progress if photo.is_dir() else silent)
        tags = [] if out else list(stream)
        tagged = write_tags(out, stream, tagger) if out else len(tags)
        if not tagged:
            raise ShopError(nothing_read(tagger.unreadable))
        model = {"model": tagger.embedder.model_fingerprint}
        if out is None and not photo.is_dir():
            terminal.answer(tags[0].to_json() | model, *tags_tables(tags[0]))
            return
        terminal.answer(
            {
                "photos": tagged,
                "unreadable": [
                    {"photo": str(path), "error": str(error)}
                    for path, error in tagger.unreadable.items()
                ],
                **({"out": str(out)} if out else {"tags": [one.to_json() for one in tags]}),
                **model,
            },
            f"{tagged:,} photos classified: {out}" if out else tags_listing(tags, photo),
            *unreadable_listing(tagger.unreadable),
        )


def nothing_read(unreadable: Mapping[Path, Exception]) -> str:
    """Return why no photo could be classified."""
    path, error = next(iter(unreadable.items()))
    if len(unreadable) == 1:
        return f"{path}: {error}"
    return f"none of {len(unreadable):,} files can be used; the first, {path}: {error}"


def write_tags(out: Path, stream: "Iterable[Tags]", tagger: "Tagger") -> int:
    """Write the labels of each photo as they come, then the photos that cannot be read."""
    written = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for tags in stream:
            judged = tags.shown.unknown
            unknown = "" if judged is None else str(judged).lower()
            probability = f"{tags.best.probability:.6f}"
            writer.writerow((tags.photo, tags.label, tags.category, probability, unknown, ""))
            written += 1
        for path, error in tagger.unreadable.items():
            writer.writerow((path, "", "", "", "", error))
    return written


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


def unreadable_listing(unreadable: Mapping[Path, Exception]) -> list[RenderableType]:
    """Return the photos that cannot be used, and why."""
    if not unreadable:
        return []
    rows = [(path.name, error) for path, error in unreadable.items()]
    return [listing(("cannot be read", "reason"), rows, f"\nUnreadable ({len(rows):,})")]
