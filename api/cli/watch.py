"""`build --watch`: one line for each round, until Ctrl-C or SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from api.cli.gate import verdict
from api.cli.progress import format_seconds
from api.cli.terminal import Terminal

if TYPE_CHECKING:
    from indexer.build import BuildReport
    from indexer.importing import ImportReport
    from indexer.shop import Shop
    from indexer.watch import Round


def follow(
    terminal: Terminal,
    shop: "Shop",
    manifest: Path,
    build: "Callable[..., BuildReport]",
    *,
    prune: bool,
    max_drop: float,
    poll: float,
) -> None:
    """Follow a manifest until a signal ends it.

    Args:
        terminal: told of each round.
        shop: the shop.
        manifest: what to follow.
        build: builds, given `choose` and `progress`.
        prune: remove items that the manifest does not name.
        max_drop: by how much a label may get worse where a new model takes over, as a share.
        poll: seconds between two looks.
    """
    from indexer.watch import Watch

    def progress(stage: str, done: int, total: int, /) -> None:
        terminal.progress(stage, done, total)  # each round has its own

    if not manifest.exists():
        terminal.warn(f"there is no {manifest} yet: waiting for it")
    watch = Watch(
        shop,
        manifest,
        lambda choose: build(choose=choose, progress=progress),
        prune=prune,
        max_drop=max_drop,
        progress=progress,
        poll=poll,
    )
    with _until_stopped(terminal):
        for done in watch.rounds():
            terminal.line(done.to_json(), _told(done))


@contextmanager
def _until_stopped(terminal: Terminal) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the work as a success: nothing is ever half done."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        terminal.note("Stopped. Nothing is half done; what serves goes on serving.")
    finally:
        signal.signal(signal.SIGTERM, before)


def _told(done: "Round") -> str:
    parts = [_imported(done.imported) if done.imported else done.because]
    if done.built:
        parts.append(_built(done.built))
        if done.built.judged and done.built.gate:
            parts.append(verdict(done.built.gate))
    if done.error:
        parts.append(f"failed: {done.error}")
    return f"{done.at.replace('T', ' ').removesuffix('+00:00')}  {'; '.join(parts)}"


def _imported(report: "ImportReport") -> str:
    counts = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "not named": report.would_be_removed,
        "rejected": report.rejected,
    }
    told = [f"{count:,} {name}" for name, count in counts.items() if count]
    return ", ".join(told) or "nothing new"


def _built(report: "BuildReport") -> str:
    serves = "serves" if report.published else "goes on serving"
    return (
        f"{report.embedded:,} photos embedded, {report.indexed:,} items indexed, {report.version} "
        f"{serves} (build {format_seconds(report.seconds)})"
    )
