"""`upsert`: items that are found as soon as the command ends."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.rejects import intake_facts, show_forgotten, show_rejects
from api.cli.tables import facts
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.given_rows import GivenRows


def upsert(
    shop: ShopFolder,
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[ITEMS]",
            help="Some items: CSV, JSON Lines or Parquet, with the columns of a manifest.",
            show_default=False,
        ),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JSON",
            help='An item: {"item_id": …, "category": …, "photos": […]}. Repeatable.',
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTOS",
            help="Further labelled photos instead: item_id, image_path, split.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where the photos' paths start from and what they must not leave.",
            show_default="the file's folder; with --item the current one",
        ),
    ] = None,
    remote_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A host that photos may be fetched from. Repeatable.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add or change items, each with all its photos, so that they are found at once.

    An item is told whole, as in a manifest. What is refused changes nothing and ends the command
    with 1; all others are taken in. For a whole catalogue, `import` and `build` are faster.
    """
    from indexer import live
    from indexer.shop import Shop

    if sum(given is not None for given in (items, item, photos)) != 1:
        raise typer.BadParameter("give one of ITEMS, --item and --photos")
    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        write = live.upsert if photos is None else live.upsert_photos
        report = write(
            opened,
            _given(items or photos, item or (), folder),
            remote_hosts=remote_host or (),
            progress=terminal.progress,
        )
        terminal.failed = report.rejected > 0
        terminal.answer(
            report.to_json(),
            facts(intake_facts(report, of_photos=[("photos embedded", report.embedded)])),
            *show_rejects(report.rejects, report.rejected, shop),
            *show_forgotten(report.forgotten),
        )
        if report.waiting:
            terminal.note(f"Nothing serves yet: {report.waiting:,} items wait for `vsearch build`.")


def _given(file: Path | None, items: "list[str] | tuple[()]", folder: Path | None) -> "GivenRows":
    from indexer.given_rows import GivenRows
    from indexer.rows import json_row

    if file is not None:
        return GivenRows.of_file(file, folder)
    return GivenRows.of([json_row(place, text) for place, text in enumerate(items, 1)], folder)
