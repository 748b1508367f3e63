"""`delete`: items, or photos of an item, that are found no more as soon as the command ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.progress import format_seconds
from api.cli.tables import facts
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.live import DeleteReport

_SHOWN = 10  # unknown ids


def delete(
    shop: ShopFolder,
    item_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ITEM_ID...", help="The items.", show_default=False),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="More items: a text file with one id a line, or a manifest (.csv, .tsv, .jsonl, "
            ".parquet) with a column of ids.",
            show_default=False,
        ),
    ] = None,
    photo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HASH|PATH",
            help="Delete only this photo of the one item, by content hash or path. Repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take out items with all their photos; they are found no more at once.

    Ids that the shop does not have are told, and are no failure. A manifest that still names an
    item brings it back at its next import.
    """
    from indexer.live import delete as delete_items
    from indexer.live import delete_photos
    from indexer.shop import Shop

    ids = item_ids or []
    if not ids and source is None:
        raise typer.BadParameter("name the items: ITEM_ID..., or --from FILE")
    if photo and (len(ids) != 1 or source is not None):
        raise typer.BadParameter("--photo goes with exactly one ITEM_ID")
    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        if photo:
            report = delete_photos(opened, ids[0], photo)
        else:
            wanted = [*ids, *(_ids_of(source) if source else ())]
            report = delete_items(opened, wanted, progress=terminal.progress)
        terminal.answer(report.to_json(), facts(_told(report)))
        for item_id in report.left_without:
            terminal.warn(f"item {item_id} has no catalogue photo left and is rejected")


def _ids_of(source: Path) -> Sequence[str]:
    from indexer.given_rows import read_ids

    return read_ids(source)


def _told(report: "DeleteReport") -> list[tuple[str, object]]:
    unknown = report.unknown
    shown = ", ".join(unknown[:_SHOWN]) + (" …" if len(unknown) > _SHOWN else "")
    return [
        ("items deleted", report.deleted),
        ("photos deleted", report.photos_deleted),
        *([("unknown", f"{len(unknown):,}: {shown}")] if unknown else []),
        *([("decisions forgotten", report.forgotten)] if report.forgotten else []),
        ("time", format_seconds(report.seconds)),
    ]
