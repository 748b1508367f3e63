"""How photos look, by content hash: what copies are found by is computed once."""

import json
from collections.abc import Sequence

import numpy as np

from indexer.database import Database
from vsearch.difference_hash import SIDE, Look


class LookCache(Database):
    """The part of the catalogue that keeps looks."""

    def looks(self, hashes: Sequence[str]) -> dict[str, Look]:
        """Return the looks of these photos, where known."""
        rows = self._rows(
            "SELECT * FROM looks WHERE content_hash IN (SELECT value FROM json_each(?))",
            json.dumps(list(hashes)),
        )
        return {
            row["content_hash"]: Look(
                np.frombuffer(row["bits"], np.uint8),
                np.frombuffer(row["places"], np.uint8).reshape(SIDE, SIDE, 3),
            )
            for row in rows
        }

    def put_looks(self, rows: Sequence[tuple[str, Look]]) -> None:
        """Keep looks by content hash, in one short transaction."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO looks VALUES (?, ?, ?)",
                [(key, look.bits.tobytes(), look.places.tobytes()) for key, look in rows],
            )
