"""`models` and `promote`: the trained models of a shop, and which one serves."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.build import build_facts
from api.cli.gate import DEFAULT_POINTS, MaxDrop, show_gate
from api.cli.tables import listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

_SHORT = 8  # digits that tell one model from another
_WHOLE = ("", "model", "made of", "made")  # columns that a narrow terminal leaves alone
_USUAL = ("", "normalised-softmax", "softmax")

if TYPE_CHECKING:
    from indexer.models import ModelEntry


def models(shop: ShopFolder, as_json: Json = False) -> None:
    """List the trained models, the newest first: which serves, which were refused, and why."""
    from indexer.models import models as list_models
    from indexer.shop import Shop

    with Terminal(as_json) as terminal, Shop.open(shop) as opened:
        entries = list_models(opened)
        header = ("", "model", "made of", "labels", "val", "made", "versions")
        terminal.answer(
            {"models": [entry.to_json() for entry in entries]},
            listing(header, [_columns(entry) for entry in entries], whole=_WHOLE)
            if entries
            else f"No model yet: vsearch train {shop}",
        )
        for entry in entries:
            if entry.problem:
                terminal.warn(entry.problem)
            elif entry.state == "refused" and entry.gate:
                told = entry.gate.reason.replace("promote SHOP", f"promote {shop}")
                terminal.note(f"{entry.fingerprint} was refused: {told}")


def _columns(entry: "ModelEntry") -> tuple[object, ...]:
    kind = entry.objective or ""
    # One label a photo is what goes without saying; a line is short.
    columns = ", ".join((*entry.label_columns, *([] if kind in _USUAL else [kind])))
    first = next(iter(entry.metrics.items()), None)
    return (
        entry.state,
        entry.fingerprint,
        entry.parent and entry.parent[:_SHORT],
        f"{entry.labels:,} {columns}",
        first and f"{first[0].removeprefix('val_')} {first[1]:.3f}",
        entry.made[: len("2026-01-31")],
        len(entry.versions),
    )


def promote(
    shop: ShopFolder,
    model: Annotated[
        str, typer.Argument(metavar="FINGERPRINT", help="The model, or the beginning of its name.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Let it serve whatever the gate would say.")
    ] = False,
    max_drop: MaxDrop = DEFAULT_POINTS,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a trained model serve, if it passes the gate; later builds keep it.

    Its index is built first, then model and index switch as one. Exit code 1 where it is refused.
    """
    from indexer.models import promote as promote_model
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal, Shop.open(shop) as opened:
        done = promote_model(
            opened, model, force=force, max_drop=max_drop / 100, progress=terminal.progress
        )
        told = show_gate(done.gate, shop) if done.gate else []
        if done.built:
            told = [build_facts(done.built), *told]
        terminal.answer(done.to_json(), *told)
        terminal.failed = done.built is None
