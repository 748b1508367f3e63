"""`classify`: labels and categories of a photo, or of every photo in a folder."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from api.cli.search import worth_showing
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
            help="Write the best label of each photo here, as soon as it is known.",
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
    """Write the best label of each photo as it comes, then the photos that cannot be read."""
    written = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for tags in stream:
            best = tags.labels[0].to_json()
            unknown = "" if tags.unknown is None else str(tags.unknown).lower()
            probability = f"{best['probability']:.6f}"
            writer.writerow((tags.photo, best["name"], best["path"], probability, unknown, ""))
            written += 1
        for path, error in tagger.unreadable.items():
            writer.writerow((path, "", "", "", "", error))
    return written


def tags_tables(tags: "Tags") -> list[RenderableType]:
    """Return the best labels and categories of one photo."""
    document: dict[str, Any] = tags.to_json()
    labels = [
        (one["name"], one["path"], percent(one["probability"]))
        for one in worth_showing(document["labels"])
    ]
    categories = [
        (one["path"], percent(one["probability"])) for one in worth_showing(document["categories"])
    ]
    return [
        listing(("label", "category", "probability"), labels),
        listing(("category of any level", "probability"), categories),
    ]


def tags_listing(tags: "Sequence[Tags]", folder: Path) -> RenderableType:
    """Return the best label of each photo."""
    rows = []
    for one in tags:
        best: dict[str, Any] = one.labels[0].to_json()
        name = one.photo.relative_to(folder)
        rows.append((name, best["name"], best["path"], percent(best["probability"])))
    return listing(("photo", "label", "category", "probability"), rows)


def unreadable_listing(unreadable: Mapping[Path, Exception]) -> list[RenderableType]:
    """Return the photos that cannot be used, and why."""
    if not unreadable:
        return []
    rows = [(path.name, error) for path, error in unreadable.items()]
    return [listing(("cannot be read", "reason"), rows, f"\nUnreadable ({len(rows):,})")]
