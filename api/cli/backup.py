"""`backup` and `restore`: a shop in use kept in one file, and made again from it."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.progress import format_seconds
from api.cli.tables import facts, format_bytes
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal


def backup(
    shop: ShopFolder,
    to: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.tar|FOLDER", help="A new file or a new folder.", show_default=False
        ),
    ],
    photos: Annotated[
        bool,
        typer.Option(
            "--photos", help="Take in the manifest's photos too; they become the shop's own."
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep a copy of a shop that is in use: catalogue, settings, and the pair that serves."""
    from indexer.backup import backup as back_up
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = back_up(opened, to, photos=photos, progress=terminal.progress)
        elsewhere = f"{report.photos_elsewhere:,}, which stay where the manifest has them"
        rows = [
            ("backup", report.path),
            ("size", f"{format_bytes(report.bytes)} in {report.files:,} files"),
            ("items", report.items),
            ("model", report.model or "none"),
            ("version", report.version or "none"),
            ("photos", report.photos),
            *([("photos not in it", elsewhere)] if report.photos_elsewhere else []),
            ("time", format_seconds(report.seconds)),
        ]
        terminal.answer(report.to_json(), facts(rows), f"Next: vsearch restore {to} NEWSHOP")
        if report.photos_missing:
            terminal.warn(
                f"{report.photos_missing:,} photo files are gone, or no longer what was imported: "
                f"they are not in the backup. `vsearch status {shop} --check` tells more."
            )


def restore(
    archive: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.tar|FOLDER", help="What `vsearch backup` has made.", show_default=False
        ),
    ],
    shop: Annotated[
        Path,
        typer.Argument(
            metavar="SHOP", help="A new or empty folder for the shop.", show_default=False
        ),
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a shop of a backup; every byte is checked before its folder appears."""
    from indexer.restore import restore as restore_shop

    with Terminal(as_json, quiet) as terminal:
        report = restore_shop(archive, shop, progress=terminal.progress)
        rows = [
            ("shop", f"{report.name}, in {report.path}"),
            ("items", report.items),
            ("model", report.model or "none"),
            ("version", report.version or "none"),
            ("time", format_seconds(report.seconds)),
        ]
        terminal.answer(report.to_json(), facts(rows), f"Next: vsearch status {shop} --check")
        for note in report.notes:
            terminal.warn(note)
        if report.photos_missing:
            terminal.warn(
                f"{report.photos_missing:,} photo files are not on this machine: searches go on, "
                "but a new model cannot be trained or built on them. Bring them to the same place, "
                "import the manifest again, or back up with --photos."
            )
