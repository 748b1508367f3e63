"""How long work reports its progress, without knowing who shows it."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Receives progress; `api.cli.progress` draws it as a bar with rate and time left."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report that `done` of `total` units of `stage` are finished.

        The first call of a stage has `done` = 0 (or what an earlier, interrupted run had
        finished), the last has `done` = `total`.
        """


def silent(_stage: str, _done: int, _total: int, /) -> None:
    """Show nothing; the default everywhere."""


def track(items: Iterable[T], total: int, stage: str, progress: Progress) -> Iterator[T]:
    """Yield `items` and report each as one unit of `stage`."""
    progress(stage, 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        progress(stage, done, total)
