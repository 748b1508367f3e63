"""`status`: what a shop holds, what serves, and what the next build would bring."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.rejects import REJECTS_SHOWN, show_rejects
from api.cli.tables import facts
from api.cli.terminal import Json, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.shop import Views
    from indexer.version_files import VersionManifest


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
        counts = opened.catalogue.counts(*(served_by(manifest) if manifest else (0,)))
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


def served_by(manifest: "VersionManifest") -> tuple[int, str, "Views"]:
    """Return what decides which items a version finds."""
    return manifest.sequence, manifest.embedding_fingerprint, manifest.views


def _news(trained: str | None, serving: str | None, waiting: int) -> list[tuple[str, object]]:
    """Say what the next build would bring."""
    news: list[tuple[str, object]] = []
    if trained != serving:
        news.append(("trained", f"{trained}: serves from the next `vsearch build` on"))
    if waiting and serving:
        news.append(("next", f"`vsearch build` takes in the {waiting:,} new or changed items"))
    return news
