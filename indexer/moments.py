"""One moment of a catalogue: the rows, columns and items that a search reads agree.

A search reads the catalogue several times: which rows count, which items a filter leaves, what the
items are. Were each reading as new as can be, an item could be found by the price that it had, and
shown with the one that it has since. So all of them are made in one read transaction, and what
threads share in memory is brought to exactly that moment.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from indexer.filter_syntax import Field
from indexer.item_columns import ItemColumns
from indexer.live_columns import LiveColumns
from indexer.live_rows import LiveRows, RowFollower


@dataclass(frozen=True)
class Moment:
    """What a search sees.

    Attributes:
        live: the rows that count.
        columns: the fields that were asked for, of all items; None where no columns were.
    """

    live: LiveRows
    columns: ItemColumns | None

    def has(self, fields: Collection[Field], *, columns: bool = False) -> bool:
        """Say whether these fields are there, and any columns if they are needed."""
        if self.columns is None:
            return not fields and not columns
        return self.columns.columns.keys() >= set(fields)


class Moments:
    """Opens moments of one version; safe between threads.

    Args:
        follower: tells the rows of the version that count.
        columns: of the same catalogue.
    """

    def __init__(self, follower: RowFollower, columns: LiveColumns) -> None:
        self._follower = follower
        self._columns = columns
        self._held = threading.local()  # .moment: the one that this thread has open

    @contextmanager
    def now(self, fields: Collection[Field] = (), *, columns: bool = False) -> Iterator[Moment]:
        """Let all that this thread asks of the catalogue be of one moment, until it ends.

        One within another is the same, if that has the fields that are asked for.

        Args:
            fields: which columns are needed.
            columns: whether some are, be it to count items.
        """
        columns = columns or bool(fields)
        held: Moment | None = getattr(self._held, "moment", None)
        if held is not None and held.has(fields, columns=columns):
            yield held
            return
        while True:
            seen = self._follower.marks, self._columns.sequence
            with self._follower.catalogue.moment():
                moment = self._at_this_moment(fields if columns else None, *seen)
                if moment is None:
                    continue  # another thread has gone further meanwhile; it has got its answer
                self._held.moment = moment
                try:
                    yield moment
                finally:
                    self._held.moment = held
                return

    def _at_this_moment(
        self, fields: Collection[Field] | None, marks: tuple[int, int], sequence: int
    ) -> Moment | None:
        live = self._follower.at_this_moment(marks)
        if fields is None:
            return None if live is None else Moment(live, None)
        columns = self._columns.at_this_moment(sequence, fields)
        return None if live is None or columns is None else Moment(live, columns)
