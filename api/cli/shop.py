"""`init`, `import` and `status`: the shop's folder and what is in its catalogue."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from api.cli.progress import format_seconds
from api.cli.tables import facts, listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.records import Reject

REJECTS_SHOWN = 20


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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add or update the catalogue's items and further labelled photos."""
    from indexer.importing import import_manifest
    from indexer.shop import Shop

    columns = [name.strip() for name in category_columns.split(",")] if category_columns else None
    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        report = import_manifest(
            opened,
            manifest,
            photos=photos or (),
            category_columns=columns,
            remote_hosts=remote_host or (),
            progress=terminal.progress,
        )
        terminal.answer(
            report.to_json(),
            facts(
                [
                    ("rows read", report.rows),
                    ("items added", report.added),
                    ("items changed", report.changed),
                    ("items unchanged", report.unchanged),
                    ("photos added", report.photos_added),
                    ("rejected", report.rejected),
                    ("time", format_seconds(report.seconds)),
                ]
            ),
            *show_rejects(report.rejects[:REJECTS_SHOWN], len(report.rejects), shop),
        )


def status(
    shop: ShopFolder,
    rejects: Annotated[bool, typer.Option("--rejects", help="List every reject.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the shop holds: counts, model, index version, rejects."""
    from indexer.shop import Shop
    from indexer.version_files import read_manifest

    with Terminal(as_json) as terminal, Shop.open(shop) as opened:
        current = opened.current()
        manifest = read_manifest(opened.indexes / current.index) if current.index else None
        counts = opened.catalogue.counts(manifest.sequence if manifest else 0)
        listed = opened.catalogue.rejects(None if rejects else REJECTS_SHOWN)
        document = {
            **asdict(counts),
            "shop": opened.settings.name,
            "model": current.model,
            "version": current.index,
            "trained_model": opened.trained_model(),
            "views": opened.settings.views,
            "rejects": [asdict(reject) for reject in listed],
            "rejects_total": opened.catalogue.reject_count(),
        }
        terminal.answer(
            document,
            facts(
                [
                    ("shop", opened.settings.name),
                    ("items", counts.items),
                    ("  indexed", counts.indexed),
                    ("  waiting", counts.waiting),
                    ("  rejected", counts.rejected),
                    ("model", current.model or "none yet: vsearch train"),
                    ("version", current.index or "none yet: vsearch build"),
                    ("views", opened.settings.views),
                    *([("built", manifest.created)] if manifest else []),
                    *_news(opened.trained_model(), current.model, counts.waiting),
                ]
            ),
            *show_rejects(listed, opened.catalogue.reject_count(), shop),
        )


def _news(trained: str | None, serving: str | None, waiting: int) -> list[tuple[str, object]]:
    """Say what the next build would bring."""
    news: list[tuple[str, object]] = []
    if trained != serving:
        news.append(("trained", f"{trained}: serves from the next `vsearch build` on"))
    if waiting and serving:
        news.append(("next", f"`vsearch build` takes in the {waiting:,} new or changed items"))
    return news


def show_rejects(rejects: "Sequence[Reject]", total: int, shop: Path) -> list[RenderableType]:
    """Return the table of rejects, and how to see those that are not in it."""
    if not rejects:
        return []
    rows = [
        (Path(one.manifest).name or "build", one.row or None, one.item_id, one.field, one.reason)
        for one in rejects
    ]
    shown: list[RenderableType] = [
        listing(("manifest", "row", "item", "field", "reason"), rows, f"\nRejected ({total:,})")
    ]
    if total > len(rejects):
        more = f"… and {total - len(rejects):,} more: vsearch status {shop} --rejects"
        shown.append(more)
    return shown
