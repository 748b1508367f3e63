"""Category paths: parents, subtrees, and the roll-up of probabilities.

A category path is a tuple of names from the root down, such as `("Fruit", "Apple")`; people read
and write it as `Fruit > Apple`, the form of Google's product feeds.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vsearch.errors import CategoryError

CategoryPath = tuple[str, ...]

SEPARATOR = " > "
_COMPARED = 100  # characters; comparing longer names takes long and finds nothing


def format_path(path: CategoryPath) -> str:
    """Return the path as people read it: `Fruit > Apple`."""
    return SEPARATOR.join(path)


def parse_path(text: str) -> CategoryPath:
    """Return the path written as `Fruit > Apple`; white space is folded, empty levels dropped."""
    names = (" ".join(name.split()) for name in text.split(">"))
    return tuple(name for name in names if name)


def ancestors(path: CategoryPath) -> list[CategoryPath]:
    """Return every level of the path from the root down, the path itself last."""
    return [path[:depth] for depth in range(1, len(path) + 1)]


def is_within(path: CategoryPath, subtree: CategoryPath) -> bool:
    """Say whether `path` is `subtree` or lies below it."""
    return path[: len(subtree)] == subtree


@dataclass(frozen=True)
class Taxonomy:
    """The tree of a shop's categories: all paths that hold items, with all their ancestors."""

    paths: tuple[CategoryPath, ...]

    @classmethod
    def of(cls, paths: Iterable[CategoryPath]) -> "Taxonomy":
        """Build the tree from the paths that are in use."""
        nodes = {level for path in paths for level in ancestors(path)}
        return cls(tuple(sorted(nodes)))

    def subtree(self, path: CategoryPath) -> list[CategoryPath]:
        """Return the paths of the tree that lie within `path`, itself included."""
        return [node for node in self.paths if is_within(node, path)]

    def children(self, path: CategoryPath = ()) -> list[CategoryPath]:
        """Return the paths one level below `path` (of the root by default)."""
        return [p for p in self.paths if len(p) == len(path) + 1 and is_within(p, path)]

    def find(self, text: str) -> CategoryPath:
        """Return the one path that `text` names.

        Accepts the whole path (`Fruit > Apple`, or `Fruit/Apple` as is easier in a shell) or, where
        only one category bears it, a name alone (`Apple`); case does not matter.

        Raises:
            CategoryError: no such category, or several; the message lists the choices.
        """
        wanted = _folded(text)
        matches = [
            p for p in self.paths if wanted in {_folded(format_path(p)), _folded("/".join(p))}
        ]
        matches = matches or [p for p in self.paths if _folded(p[-1]) == wanted]
        if len(matches) == 1:
            return matches[0]
        if matches:
            listed = ", ".join(f"“{format_path(p)}”" for p in matches)
            raise CategoryError(
                f"category “{text}” is ambiguous: give the whole path, one of {listed}"
            )
        raise CategoryError(f"no category “{text}” in this shop; {self._closest(wanted)}")

    def _closest(self, wanted: str) -> str:
        near = [p for p in self.paths if wanted in _folded(p[-1]) or _folded(p[-1]) in wanted]
        near = near or self._misspelt(wanted)
        shown = near or self.children()
        listed = ", ".join(f"“{format_path(p)}”" for p in shown[:12])
        return f"{'did you mean' if near else 'the top level has'} {listed}"

    def _misspelt(self, wanted: str) -> list[CategoryPath]:
        """Return the categories whose name, or whole path, is nearly the one that was asked for."""
        names: dict[str, list[CategoryPath]] = {}
        for path in self.paths:
            for name in {_folded(path[-1]), _folded(format_path(path))}:
                names.setdefault(name, []).append(path)
        found = get_close_matches(wanted[:_COMPARED], names)
        return list(dict.fromkeys(path for name in found for path in names[name]))


def _folded(text: str) -> str:
    parts = [" ".join(part.split()) for part in re.split(r"[>/]", text)]
    return "/".join(part for part in parts if part).casefold()


def roll_up(
    probabilities: NDArray[np.float32], label_paths: Sequence[CategoryPath]
) -> Mapping[CategoryPath, NDArray[np.float32]]:
    """Sum the labels' probabilities into every level of their category paths.

    Args:
        probabilities: shape (n ≥ 1, labels), float32, rows summing to 1.
        label_paths: the category path of each label, in the order of the columns.

    Returns:
        For every path of the tree a float32 array of shape (n,). The children of a path sum to
        the path itself wherever no label sits on the path directly.
    """
    paths, sums = rolled_up(probabilities, label_paths)
    return dict(zip(paths, sums.T, strict=True))


def rolled_up(
    probabilities: NDArray[np.float32], label_paths: Sequence[CategoryPath]
) -> tuple[tuple[CategoryPath, ...], NDArray[np.float32]]:
    """Return all paths of the tree and what `roll_up` finds for them, as one array.

    Returns:
        The paths, those nearest to the root first and then by name, and float32 of shape
        (n, paths).
    """
    paths, columns, places = _levels(tuple(label_paths))
    rows = [np.bincount(places, row[columns], minlength=len(paths)) for row in probabilities]
    return paths, np.stack(rows).astype(np.float32)


@lru_cache(maxsize=8)
def _levels(
    label_paths: tuple[CategoryPath, ...],
) -> tuple[tuple[CategoryPath, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Return all levels, and pairs of a label's column and the place of a level above it."""
    levels = {level for path in label_paths for level in ancestors(path)}
    place = {level: i for i, level in enumerate(sorted(levels, key=lambda one: (len(one), one)))}
    pairs = [
        (column, place[level])
        for column, path in enumerate(label_paths)
        for level in ancestors(path)
    ]
    columns, places = np.array(pairs, np.int64).reshape(-1, 2).T
    return tuple(place), columns, places
