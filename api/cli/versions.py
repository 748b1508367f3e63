"""`versions` and `rollback`: the index versions of a shop."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.tables import listing
from api.cli.terminal import Json, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.version_files import VersionManifest

_SHORT = 8  # digits that tell one model from another
_WHOLE = ("", "version", "items", "rows", "model")  # columns that a narrow terminal leaves alone


def versions(shop: ShopFolder, as_json: Json = False) -> None:
    """List the index versions, the newest first."""
    from indexer.shop import Shop
    from indexer.versions import versions as list_versions

    with Terminal(as_json) as terminal, Shop.open(shop) as opened:
        entries = list_versions(opened)
        rows = [
            ("serves" if entry.current else "", entry.name, *_columns(entry.manifest))
            if entry.manifest
            else ("unreadable", entry.name, *[None] * 5)
            for entry in entries
        ]
        header = ("", "version", "items", "rows", "search", "model", "built (UTC)")
        terminal.answer(
            {"versions": [entry.to_json() for entry in entries]},
            listing(header, rows, whole=_WHOLE)
            if rows
            else f"No version yet: vsearch build {shop}",
        )
        for entry in entries:
            if entry.problem:
                terminal.warn(entry.problem)


def described(structure: str, recall: float) -> str:
    """Return how a version finds the nearest rows, as people see it."""
    return "scans all" if structure == "exact" else f"codes, recall {recall:.3f}"


def _columns(manifest: "VersionManifest") -> tuple[object, ...]:
    return (
        manifest.items,
        manifest.rows,
        described(manifest.structure, manifest.recall),
        manifest.model_fingerprint[:_SHORT],
        manifest.created[: len("2026-01-31T12:00")].replace("T", " "),
    )


def rollback(
    shop: ShopFolder,
    to: Annotated[
        str | None,
        typer.Option(help="The version to go back to.", show_default="the one before"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let an older index version serve again, with the model it was built with.

    Builds keep that model until a newer one is trained, or one is promoted.
    """
    from indexer.counting import count_items
    from indexer.shop import Shop
    from indexer.versions import rollback as roll_back

    with Terminal(as_json) as terminal, Shop.open(shop) as opened:
        before = opened.current()
        now = roll_back(opened, to)
        waiting = count_items(opened).waiting
        wait = f"{waiting:,} items wait for embeddings of this model: run `vsearch build {shop}`"
        kept = f"Builds keep it; back to the newest model: vsearch promote {shop} {now.chosen_over}"
        terminal.answer(
            {
                "version": now.index,
                "model": now.model,
                "was": before.index,
                "chosen_over": now.chosen_over,
                "waiting": waiting,
            },
            f"{now.index} serves again, with model {now.model} (was {before.index}).",
            *([kept] if now.chosen_over else []),
            *([wait] if waiting else []),
        )
