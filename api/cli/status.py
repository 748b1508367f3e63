"""`status`: what a shop holds, what serves, and what the next build would bring."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from api.cli.checks import checks_document, leftover_document, show_checks, show_leftovers
from api.cli.rejects import REJECTS_SHOWN, show_rejects
from api.cli.tables import facts
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from indexer.device_choice import DeviceReport
    from indexer.rebuild import Drift
    from indexer.shop import Current, Shop
    from indexer.version_files import VersionManifest


def status(
    shop: ShopFolder,
    rejects: Annotated[bool, typer.Option("--rejects", help="List every reject.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check every file, item and row; exit code 1 if one is wrong."
        ),
    ] = False,
    sample: Annotated[
        int, typer.Option(min=0, help="With --check: how many vectors are computed anew.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of that sample.")] = 0,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean", help="Remove models and caches of older trainings, and what crashes left."
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what the shop holds: counts, model, index, rejects; --check looks if it is sound."""
    from indexer.shop import Shop
    from vsearch.errors import VersionError

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        document: dict[str, object] = {}
        shown: list[RenderableType] = []
        if clean:
            _clean(opened, document, shown)
        try:
            told, tables = _overview(opened, shop, rejects=rejects)
        except VersionError as error:
            if not check:
                raise
            told, tables = {"problem": str(error)}, []
        document, shown = told | document, tables + shown
        if check:
            _check(terminal, opened, (sample, seed), document, shown)
        terminal.answer(document, *shown)


def _clean(shop: "Shop", document: dict[str, object], shown: list[RenderableType]) -> None:
    from indexer.cleaning import clean

    removed = clean(shop)
    document["removed"] = [leftover_document(one) for one in removed]
    shown.append(
        show_leftovers(removed, "\nRemoved") if removed else "\nNothing was to be removed."
    )


def _check(
    terminal: Terminal,
    shop: "Shop",
    sample: tuple[int, int],
    document: dict[str, object],
    shown: list[RenderableType],
) -> None:
    from indexer.checks import Sample, check_shop
    from indexer.cleaning import leftovers

    checks = check_shop(shop, sample=Sample(*sample), progress=terminal.progress)
    left = leftovers(shop)
    terminal.failed = not all(check.ok for check in checks)
    document |= checks_document(checks, left)
    shown += show_checks(checks, left, shop.path)


def _overview(
    opened: "Shop", shop: Path, *, rejects: bool
) -> tuple[dict[str, object], list[RenderableType]]:
    """Return what the shop holds, for scripts and for people."""
    from indexer.counting import count_items
    from indexer.version_files import read_manifest

    current = opened.current()
    manifest = read_manifest(opened.indexes / current.index) if current.index else None
    counts = count_items(opened)
    device = _searched_on(manifest)
    found, due = _drift(opened)
    listed = opened.catalogue.rejects(None if rejects else REJECTS_SHOWN)
    document: dict[str, object] = {
        **asdict(counts),
        "shop": opened.settings.name,
        "model": current.model,
        "version": current.index,
        "trained_model": opened.trained_model(),
        "views": opened.settings.views,
        "delta_rows": found.delta if found else None,
        "dead_rows": found.dead if found else None,
        "rebuild_due": due,
        "index_device": device.device if device else None,
        "index_device_problem": device.problem if device else None,
        "rejects": [asdict(reject) for reject in listed],
        "rejects_total": opened.catalogue.reject_count(),
    }
    shown: list[RenderableType] = [
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
                *([("searched on", device.line)] if device else []),
                *([("changed", _changed(found))] if found and found.changed else []),
                *([("rebuild", f"due: {due}; run `vsearch build`")] if due else []),
                *_news(opened, current, counts.waiting),
            ]
        ),
        *show_rejects(listed, opened.catalogue.reject_count(), shop),
    ]
    return document, shown


def _searched_on(manifest: "VersionManifest | None") -> "DeviceReport | None":
    """Say what would search the index here; a server's log tells what does search it there."""
    from indexer.device_choice import device_report

    return device_report(manifest.rows, manifest.dim) if manifest else None


def _drift(shop: "Shop") -> "tuple[Drift | None, str | None]":
    """Return how far the catalogue has gone from the index, and why a rebuild is due."""
    from indexer.rebuild import drift
    from vsearch.errors import VersionError

    try:
        found = drift(shop)
    except VersionError as error:
        return None, str(error)
    return found, found.reason if found else None


def _changed(found: "Drift") -> str:
    return f"{found.delta:,} new rows beside the index, {found.dead:,} of its rows gone"


def _news(shop: "Shop", current: "Current", waiting: int) -> list[tuple[str, object]]:
    """Say what the next build would bring."""
    from indexer.gate_record import recorded

    news: list[tuple[str, object]] = []
    newest, serving = shop.trained_model(), current.model
    if newest is not None and newest != serving:
        gate = recorded(shop, newest)
        if newest == current.chosen_over:
            then = "set aside for the model that serves; `vsearch promote` lets it serve"
        elif gate is not None and gate.standing == serving and not gate.passed:
            then = f"refused: {gate.reason}"
        else:
            then = "serves from the next `vsearch build` on" + (", if it passes" if serving else "")
        news.append(("trained", f"{newest}: {then}"))
    if waiting and serving:
        news.append(("next", f"`vsearch build` takes in the {waiting:,} new or changed items"))
    return news
