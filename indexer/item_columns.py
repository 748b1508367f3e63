"""The fields of all items as columns in memory: filters and facets in milliseconds.

A column keeps each distinct value once, in ascending order, and an int32 code per item. A predicate
is judged on the distinct values and looked up for the items, so a million items take about a
millisecond a predicate, however many of them match.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.filter_match import predicate_holds
from indexer.filter_syntax import And, Field, Filter, Not, Or, Predicate
from indexer.text_patterns import text_test
from vsearch.taxonomy import CategoryPath

Entry = str | int | float | bool | tuple[CategoryPath, ...]
"""What an item has in a field; in the category field all its paths, the primary one first."""

Change = tuple[bool, tuple[Entry | None, ...]]
"""What became of an item: whether its state is ok, and its values in the order of the fields."""

_SPANS: dict[str, Callable[[Sequence[Any], tuple[Any, ...]], tuple[int, int]]] = {
    "<": lambda entries, told: (0, bisect_left(entries, told[0])),
    "<=": lambda entries, told: (0, bisect_right(entries, told[0])),
    ">": lambda entries, told: (bisect_right(entries, told[0]), len(entries)),
    ">=": lambda entries, told: (bisect_left(entries, told[0]), len(entries)),
    "between": lambda entries, told: (
        bisect_left(entries, told[0]),
        bisect_right(entries, told[1]),
    ),
}


_FEW_NEW = 8  # values for which a pass over all items each is quicker than looking places up
_FEW_ADDED = 1024  # values that may be in no item any more, however few there are
_FEW_GONE = 4096  # items that may be gone likewise


def _inserted(values: Sequence[Any], places: Sequence[int], new: Sequence[Any]) -> list[Any]:
    """Return values with others before these places, ascending."""
    merged: list[Any] = []
    for start, stop, value in zip((0, *places), places, new, strict=False):
        merged += values[start:stop]
        merged.append(value)
    return merged + list(values[places[-1] :])


@dataclass(frozen=True)
class Column:
    """One field of all items.

    Attributes:
        entries: the distinct values, ascending; some may be in no item any more.
        codes: shape (items,), int32: the place of each item's value in `entries`, -1 without one.
        added: values that came in since those that no item has were last dropped.
    """

    entries: tuple[Any, ...]
    codes: NDArray[np.int32]
    added: int = 0

    @classmethod
    def of(cls, entries: Sequence[Any], codes: NDArray[np.int32]) -> Self:
        """Make a column of distinct entries in any order; those that no item has are dropped."""
        counts = np.bincount(codes + 1, minlength=len(entries) + 1)[1:]
        kept = sorted(np.flatnonzero(counts).tolist(), key=entries.__getitem__)
        places = np.full(len(entries) + 1, -1, np.int32)  # the last one stands for -1
        places[kept] = np.arange(len(kept), dtype=np.int32)
        return cls(tuple(entries[place] for place in kept), places[codes])

    def holds(self, predicate: Predicate) -> NDArray[np.bool_]:
        """Say for which items a predicate on this field holds: shape (items,)."""
        table = np.zeros(len(self.entries) + 1, np.bool_)  # the last one for items without a value
        if predicate.operator == "is null":
            table[-1] = True
            table ^= predicate.negated
        else:
            table[:-1] = self._entries_hold(replace(predicate, negated=False)) ^ predicate.negated
        return table[self.codes]

    @cached_property
    def _folded(self) -> list[str]:
        """The texts without their case, kept: folding a million titles takes longer than a test."""
        return [text.casefold() for text in self.entries]

    def _entries_hold(self, predicate: Predicate) -> NDArray[np.bool_]:
        held = np.zeros(len(self.entries), np.bool_)
        match predicate.operator:
            case "like" | "contains":
                holds = text_test(predicate.operator, str(predicate.operands[0]))
                held[:] = [holds(text) for text in self._folded]
            case "=" | "in" if predicate.field.kind != "category":
                for operand in predicate.operands:
                    held[slice(*_SPANS["between"](self.entries, (operand, operand)))] = True
            case operator if span := _SPANS.get(operator):
                held[slice(*span(self.entries, predicate.operands))] = True
            case _:
                for place, paths in enumerate(self.entries):
                    held[place] = predicate_holds(predicate, paths)
        return held

    def patched(self, places: NDArray[np.intp], entries: Sequence[Entry | None]) -> Self:
        """Return the column with other values at some items, None for no value."""
        new: list[Any] = sorted(
            {entry for entry in entries if entry is not None and not self._has(entry)}
        )
        wider = self._with_entries(new) if new else self
        told = np.array([wider._code(entry) for entry in entries], np.int32)
        if np.array_equal(told, wider.codes[places]):
            return wider
        codes = wider.codes.copy()
        codes[places] = told
        if wider.added > max(_FEW_ADDED, len(wider.entries) // 2):
            return self.of(wider.entries, codes)
        return wider._with_codes(codes)

    def lengthened(self, items: int) -> Self:
        """Return the column for so many items more, without a value."""
        return self._with_codes(np.append(self.codes, np.full(items, -1, np.int32)))

    def moved(self, places: NDArray[np.intp], kept: NDArray[np.bool_], items: int) -> "Column":
        """Return the column for other items: those that are kept come to stand at `places`."""
        codes = np.full(items, -1, np.int32)
        codes[places] = self.codes[kept]
        return Column(self.entries, codes)

    def mapped(self, now: Callable[[Any], Entry | None]) -> Self:
        """Return the column with each distinct value replaced; some may become one, or None."""
        place: dict[Entry, int] = {}
        places = [
            -1 if entry is None else place.setdefault(entry, len(place))
            for entry in map(now, self.entries)
        ]
        return self.of(list(place), np.array([*places, -1], np.int32)[self.codes])

    def _with_codes(self, codes: NDArray[np.int32]) -> Self:
        """Return the column with the same entries, folded texts kept."""
        other = replace(self, codes=codes)
        if "_folded" in self.__dict__:
            other.__dict__["_folded"] = self._folded
        return other

    def _with_entries(self, new: Sequence[Any]) -> Self:
        """Return the same with entries that it has not, ascending; what it has is not sorted anew.

        A price that nothing else costs must not take the time of sorting all prices.
        """
        places = [bisect_left(self.entries, entry) for entry in new]
        codes = self.codes.copy()
        if len(places) > _FEW_NEW:
            codes += np.searchsorted(places, self.codes, side="right").astype(np.int32)
        else:
            for place in places:
                codes += self.codes >= place
        entries = tuple(_inserted(self.entries, places, new))
        wider = replace(self, entries=entries, codes=codes, added=self.added + len(new))
        if "_folded" in self.__dict__:
            folded = [text.casefold() for text in new]
            wider.__dict__["_folded"] = _inserted(self._folded, places, folded)
        return wider

    def _has(self, entry: Entry) -> bool:
        place = bisect_left(self.entries, entry)
        return place < len(self.entries) and bool(self.entries[place] == entry)

    def _code(self, entry: Entry | None) -> int:
        """Return the place of an entry that it has."""
        return -1 if entry is None else bisect_left(self.entries, entry)


@dataclass(frozen=True)
class ItemColumns:
    """Some fields of all items, as they were at one change sequence.

    Attributes:
        sequence: all changes up to this one are in.
        keys: shape (items,), int64, ascending: the items, in whatever state.
        live: shape (items,), bool: whether the item exists and its state is ok.
        columns: the fields that were read so far.
    """

    sequence: int
    keys: NDArray[np.int64]
    live: NDArray[np.bool_]
    columns: Mapping[Field, Column]

    def mask(self, wanted: Filter | None = None) -> NDArray[np.bool_]:
        """Say for which items in state ok a filter holds (all of them without one).

        Args:
            wanted: all its fields must be among the columns.

        Returns:
            Shape (items,), bool.
        """
        return self.live if wanted is None else self.live & self._holds(wanted)

    def matching_keys(self, wanted: Filter) -> NDArray[np.int64]:
        """Return the keys of the items in state ok that a filter holds for, ascending."""
        return self.keys[self.mask(wanted)]

    def _holds(self, wanted: Filter) -> NDArray[np.bool_]:
        match wanted:
            case Predicate():
                return self.columns[wanted.field].holds(wanted)
            case Not(part):
                return ~self._holds(part)
            case And(parts):
                return reduce(np.logical_and, map(self._holds, parts))
            case Or(parts):
                return reduce(np.logical_or, map(self._holds, parts))

    def updated(
        self, sequence: int, changed: Sequence[int], found: Mapping[int, Change]
    ) -> "ItemColumns":
        """Return the columns at a later change sequence.

        Args:
            sequence: the later one.
            changed: keys of the items changed since.
            found: those that still exist, with their values in the order of `columns`.
        """
        known = self._without_the_gone() if self._mostly_gone else self
        wider = known._with_room_for(np.array(sorted(found), np.int64))
        # An item that came and went since is in neither.
        keys = np.array(changed, np.int64)
        keys = keys[wider._has(keys)]
        places = np.searchsorted(wider.keys, keys)
        nothing: Change = (False, (None,) * len(self.columns))
        changes = [found.get(key, nothing) for key in keys.tolist()]
        live = wider.live.copy()
        live[places] = [state for state, _ in changes]
        columns = {
            field: column.patched(places, [values[i] for _, values in changes])
            for i, (field, column) in enumerate(wider.columns.items())
        }
        return ItemColumns(sequence, wider.keys, live, columns)

    def with_fields_of(self, other: "ItemColumns") -> "ItemColumns":
        """Return the columns together with those of another reading.

        Items that only the other has are left out, and those that it has not are without a value
        there: both are in the change log after `sequence`.
        """
        both = np.isin(other.keys, self.keys)
        places = np.searchsorted(self.keys, other.keys[both])
        columns = dict(self.columns)
        for field, column in other.columns.items():
            columns[field] = column.moved(places, both, len(self.keys))
        return replace(self, columns=columns)

    @property
    def _mostly_gone(self) -> bool:
        """Whether most items here are deleted or rejected."""
        gone = len(self.live) - int(np.count_nonzero(self.live))
        return gone > max(_FEW_GONE, len(self.live) // 2)

    def _without_the_gone(self) -> "ItemColumns":
        """Return the columns of items in state ok alone; one that comes back is told as changed."""
        columns = {
            f: column._with_codes(column.codes[self.live]) for f, column in self.columns.items()
        }
        keys = self.keys[self.live]
        return ItemColumns(self.sequence, keys, np.ones(len(keys), np.bool_), columns)

    def _has(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which of some items are here; quicker than `np.isin` for a few."""
        places = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), np.bool_)
        inside = places < len(self.keys)
        known[inside] = self.keys[places[inside]] == keys[inside]
        return known

    def _with_room_for(self, keys: NDArray[np.int64]) -> "ItemColumns":
        """Return the same with items added, without any value as yet."""
        new = keys[~self._has(keys)]
        if not len(new):
            return self
        if not len(self.keys) or new[0] > self.keys[-1]:  # as keys are given out
            live = np.append(self.live, np.zeros(len(new), np.bool_))
            columns = {f: column.lengthened(len(new)) for f, column in self.columns.items()}
            return ItemColumns(self.sequence, np.append(self.keys, new), live, columns)
        wider = np.union1d(self.keys, keys)
        places = np.searchsorted(wider, self.keys)
        live = np.zeros(len(wider), np.bool_)
        live[places] = self.live
        everyone = np.ones(len(self.keys), np.bool_)
        columns = {
            field: column.moved(places, everyone, len(wider))
            for field, column in self.columns.items()
        }
        return ItemColumns(self.sequence, wider, live, columns)
