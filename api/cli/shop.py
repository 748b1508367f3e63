"""`init` and `import`: the shop's folder and what comes into its catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.rejects import REJECTS_SHOWN, intake_facts, show_forgotten, show_rejects
from api.cli.tables import facts
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal


def init(
    shop: ShopFolder,
    name: Annotated[
        str | None, typer.Option(help="The shop's name.", show_default="the folder's")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an empty shop folder."""
    from indexer.shop import Shop

    with Terminal(as_json) as terminal:
        with Shop.create(shop, name=name) as made:
            known_as = made.settings.name
        terminal.answer(
            {"shop": str(shop), "name": known_as},
            f"Made the shop “{known_as}” in {shop}.",
            f"Next: vsearch import {shop} MANIFEST",
        )


def import_(
    shop: ShopFolder,
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="The catalogue: CSV, JSON Lines, Parquet, or a folder of category folders.",
            show_default=False,
        ),
    ],
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            help="A manifest of further labelled photos: item_id, image_path, split. Repeatable.",
            show_default=False,
        ),
    ] = None,
    category_columns: Annotated[
        str | None,
        typer.Option(
            help="The columns of the category path from the top down: department,category.",
            show_default=False,
        ),
    ] = None,
    remote_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A host that photos may be fetched from. Repeatable.", show_default=False
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove the items that MANIFEST does not name, with their photos; refused where "
            "that is more than a fifth.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --prune: remove them, however many they are.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add or update the catalogue's items and further labelled photos."""
    from indexer.importing import import_manifest
    from indexer.shop import Shop

    if force and not prune:
        raise typer.BadParameter("--force goes with --prune")
    columns = [name.strip() for name in category_columns.split(",")] if category_columns else None
    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = import_manifest(
            opened,
            manifest,
            photos=photos or (),
            category_columns=columns,
            remote_hosts=remote_host or (),
            prune=prune,
            force=force,
            progress=terminal.progress,
        )
        of_items = [
            *([("items removed", report.removed)] if prune else []),
            *_not_named(report.would_be_removed),
            *_never_named(report.never_named),
        ]
        terminal.answer(
            report.to_json(),
            facts([("rows read", report.rows), *intake_facts(report, of_items)]),
            *show_rejects(report.rejects[:REJECTS_SHOWN], len(report.rejects), shop),
            *show_forgotten(report.forgotten),
        )


def _not_named(items: int) -> list[tuple[str, object]]:
    """Say how many items of the shop the manifest does not name."""
    return [("not named", f"{items:,} items stay; --prune removes them")] if items else []


def _never_named(items: int) -> list[tuple[str, object]]:
    """Say how many items came in by `vsearch upsert` and were never in a manifest."""
    told = (
        f"{items:,} items of no manifest stay: they came by upserts, `vsearch delete` removes them"
    )
    return [("upserted", told)] if items else []
