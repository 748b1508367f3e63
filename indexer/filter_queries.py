"""What filters read from the catalogue: matching items, the values of fields, what has changed."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.database import Database
from indexer.filter_sql import filter_sql, value_sql
from indexer.filter_syntax import Field, Filter
from vsearch.taxonomy import Taxonomy

_NONE = np.zeros(0, np.int64)
THE_TREE = 0  # stands in the change log in the place of an item's key


class FilterQueries(Database):
    """The part of the catalogue that filters read."""

    def matching_keys(self, wanted: Filter) -> NDArray[np.int64]:
        """Return the keys of the items in state ok that a filter holds for, ascending.

        Reads every item, so the time grows with the catalogue (about a second for a million
        items); a process that answers many filters keeps `LiveColumns` instead.

        Returns:
            Shape (items,), int64.
        """
        sql = filter_sql(wanted)
        query = f"SELECT item_key FROM items WHERE state = 'ok' AND {sql.text} ORDER BY item_key"
        return np.fromiter((row[0] for row in self._snapshot(query, *sql.values)), np.int64)

    def field_values(
        self, fields: Sequence[Field], keys: Collection[int] | None = None
    ) -> Iterator[sqlite3.Row]:
        """Yield rows of an item's key, whether its state is ok, and its values, by key.

        A bool is 0 or 1 there, and the paths of a category are JSON, as `value_sql` tells.

        Args:
            fields: which values, in which order.
            keys: only these items; None: all.
        """
        selected = [value_sql(field) for field in fields]
        columns = ["item_key", "state = 'ok'", *(f"({sql.text})" for sql in selected)]
        values: list[object] = [value for sql in selected for value in sql.values]
        condition = ""
        if keys is not None:
            condition = "WHERE item_key IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(keys)))
        query = f"SELECT {', '.join(columns)} FROM items {condition} ORDER BY item_key"
        return self._snapshot(query, *values)

    def changed_since(
        self, sequence: int, held: Callable[[], NDArray[np.int64]] = lambda: _NONE
    ) -> tuple[int, list[int]]:
        """Return the change sequence now and the keys of the items changed since an earlier one.

        An edit of the category tree moves the sequence, and changes no item; see `tree_seq`.

        Args:
            sequence: the earlier one.
            held: returns the keys of the items that the caller knows of, in any order; asked where
                the log no longer tells which of them were deleted since.
        """
        rows = self._rows(
            "SELECT item_key, max(seq) AS last FROM changes WHERE seq > ? GROUP BY item_key",
            sequence,
        )
        changed = [row["item_key"] for row in rows if row["item_key"] != THE_TREE]
        pruned = self._row("SELECT up_to FROM pruned_changes")
        if pruned is not None and pruned["up_to"] > sequence:
            changed += self._gone(held())
        return max((row["last"] for row in rows), default=sequence), changed

    def _gone(self, keys: NDArray[np.int64]) -> list[int]:
        """Return which of these items do not exist any more."""
        there = np.fromiter(
            (row[0] for row in self._snapshot("SELECT item_key FROM items")), np.int64
        )
        return [int(key) for key in np.setdiff1d(keys, there)]

    def tree_seq(self) -> int:
        """Return the sequence number of the last edit of the category tree, 0 before any."""
        row = self._mark(
            f"SELECT coalesce(max(seq), 0) AS seq FROM changes WHERE item_key = {THE_TREE}"
        )
        return int(row["seq"]) if row else 0

    def all_paths(self) -> Taxonomy:
        """Return the tree of all paths, primary and further, of items in state ok."""
        rows = self._snapshot(
            "SELECT path FROM categories WHERE EXISTS (SELECT 1 FROM items "
            "WHERE items.category_id = categories.category_id AND state = 'ok') "
            "UNION SELECT further.value FROM items, json_each(further_paths) AS further "
            "WHERE state = 'ok' AND further_paths != '[]'"
        )
        return Taxonomy.of(tuple(json.loads(row["path"])) for row in rows)
