"""Columns of the catalogue that follow its changes: what a process that answers many filters keeps.

A field is read when it is first asked for (one or two seconds for a million items; several at once
take little longer) and stays in memory (4 bytes an item and its distinct values). From then on the
change log says which items to read again, so every answer is as fresh as the catalogue. Nothing is
written to disk, and no index version depends on it.
"""

import json
import threading
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogue
from indexer.category_edits_paths import CategoryEdit
from indexer.filter_fields import FilterFields
from indexer.filter_syntax import CATEGORY, Field, Filter, fields_of
from indexer.item_columns import Change, Column, Entry, ItemColumns
from vsearch.taxonomy import CategoryPath, Taxonomy

_BLOCK = 4096  # items


class LiveColumns:
    """The columns of one catalogue; safe between threads.

    Args:
        catalogue: it must stay open.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._columns: ItemColumns | None = None
        self._paths: tuple[int, Mapping[int, CategoryPath]] = (-1, {})

    def category_paths(self) -> Mapping[int, CategoryPath]:
        """Return the path of every category by its numbers, with all edits of the tree by now.

        One that came in since the last of them may be missing: its path is as it was.
        """
        sequence = self._catalogue.tree_seq()
        paths = self._paths  # once: another thread may look at another moment
        if paths[0] != sequence:
            self._paths = paths = sequence, self._catalogue.categories()
        return paths[1]

    def fields(self) -> FilterFields:
        """Return the fields that filters of this shop may ask for, as they are now."""
        return FilterFields(self._catalogue.attribute_types(), self.all_paths)

    def all_paths(self) -> Taxonomy:
        """Return the tree of all paths, primary and further, of items in state ok."""
        columns = self.current([CATEGORY])
        column = columns.columns[CATEGORY]
        used = np.unique(column.codes[columns.live])
        return Taxonomy.of(path for code in used.tolist() for path in column.entries[code])

    def matching_keys(self, wanted: Filter) -> NDArray[np.int64]:
        """Return the keys of the items in state ok that a filter holds for now, ascending."""
        return self.current(fields_of(wanted)).matching_keys(wanted)

    def current(self, fields: Collection[Field] = ()) -> ItemColumns:
        """Return columns, these among them, with all changes that are committed by now."""
        while True:
            seen = self.sequence
            with self._catalogue.moment():
                if (columns := self.at_this_moment(seen, fields)) is not None:
                    return columns

    @property
    def sequence(self) -> int:
        """The last change that was taken in, by whichever thread; -1 before anything was read."""
        return self._columns.sequence if self._columns else -1

    def at_this_moment(self, seen: int, fields: Collection[Field] = ()) -> ItemColumns | None:
        """Return columns as of the moment that this thread has open (see `Database`).

        None where another thread has asked at a later one already.

        Args:
            seen: `sequence`, looked up before the moment was opened.
            fields: which columns are needed.

        Raises:
            ShopError: the catalogue is older than it was.
        """
        columns, sequence = self._columns, self._catalogue.seq()
        read = columns is not None and columns.columns.keys() >= set(fields)
        if columns and read and columns.sequence == sequence:
            return columns
        with self._lock:
            if self.sequence > sequence:
                if self.sequence != seen:
                    return None
                self._catalogue.check_not_older(seen, sequence)
            self._columns = self._with_fields(self._columns, fields)
            return self._columns

    def _with_fields(self, columns: ItemColumns | None, fields: Iterable[Field]) -> ItemColumns:
        new = [f for f in sorted(set(fields), key=repr) if not columns or f not in columns.columns]
        if columns is None:
            return self._read(new)
        columns = self._caught_up(columns)
        return columns.with_fields_of(self._read(new)) if new else columns

    def _read(self, fields: Sequence[Field]) -> ItemColumns:
        """Read fields of all items."""
        sequence = self._catalogue.seq()
        keys, live = array("q"), array("b")
        codes = [_Codes(field) for field in fields]
        rows = self._catalogue.field_values(fields)
        while block := list(islice(rows, _BLOCK)):
            block_keys, states, *values = zip(*block, strict=True)
            keys.extend(block_keys)
            live.extend(states)
            for one, raw in zip(codes, values, strict=True):
                one.extend(raw)
        columns = {field: one.column() for field, one in zip(fields, codes, strict=True)}
        return ItemColumns(sequence, np.array(keys, np.int64), np.array(live, np.bool_), columns)

    def _caught_up(self, columns: ItemColumns) -> ItemColumns:
        sequence, changed = self._catalogue.changed_since(columns.sequence, lambda: columns.keys)
        columns = self._with_new_paths(columns)
        if not changed:
            return replace(columns, sequence=sequence)
        fields = list(columns.columns)
        found: dict[int, Change] = {
            key: (bool(live), tuple(map(_decoded, fields, values)))
            for key, live, *values in self._catalogue.field_values(fields, changed)
        }
        return columns.updated(sequence, changed, found)

    def _with_new_paths(self, columns: ItemColumns) -> ItemColumns:
        """Return the columns with the paths of now, of items whose category was edited."""
        if CATEGORY not in columns.columns or self._catalogue.tree_seq() <= columns.sequence:
            return columns
        edits = self._catalogue.tree_edits_since(columns.sequence)
        if edits is None:
            return columns.with_fields_of(self._read([CATEGORY]))
        column = columns.columns[CATEGORY].mapped(partial(_called_now, edits))
        return replace(columns, columns={**columns.columns, CATEGORY: column})


def _called_now(edits: Sequence[CategoryEdit], paths: tuple[CategoryPath, ...]) -> Entry | None:
    """Return the paths of an item after edits of the tree; those that are sold no more go.

    None where none is left: such an item went with its category, as the change log tells.
    """
    now: Iterable[CategoryPath | None] = paths
    for edit in edits:
        now = [path and edit.path(path) for path in now]
    return tuple(path for path in now if path is not None) or None


class _Codes:
    """A field of all items while it is read: each distinct value has a code, None has -1."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._known: dict[object, int] = {None: -1}
        self._codes = array("i")

    def extend(self, values: Collection[object]) -> None:
        for value in set(values).difference(self._known):
            self._known[value] = len(self._known) - 1
        self._codes.extend(map(self._known.__getitem__, values))

    def column(self) -> Column:
        entries = [_decoded(self._field, value) for value in self._known if value is not None]
        return Column.of(entries, np.array(self._codes, np.int32))


def _decoded(field: Field, value: Any) -> Entry | None:  # noqa: ANN401 (as the database has it)
    """Return a value as columns hold it."""
    if value is None:
        return None
    if field == CATEGORY:
        primary, further = json.loads(value)
        return tuple(tuple(path) for path in (primary, *further))
    decoded: Entry = bool(value) if field.kind == "bool" else value
    return decoded
