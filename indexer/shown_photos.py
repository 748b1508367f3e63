"""Which photos may be shown to shoppers: catalogue photos of items that are sold, and no others."""

import json
from collections.abc import Sequence
from pathlib import Path

from indexer.database import Database

THUMBNAILS = "thumbnails"  # the folder of small copies of them in a shop's cache

_SHOWN = "FROM photos JOIN items USING (item_key) WHERE role = 'catalogue' AND state = 'ok'"


class ShownPhotos(Database):
    """The part of the catalogue that tells photos for pages; further labelled ones never leave."""

    def shown_photo(self, content_hash: str) -> Path | None:
        """Return the file of a catalogue photo of an item in state ok; None for any other photo."""
        row = self._row(
            f"SELECT photos.path {_SHOWN} AND content_hash = ? ORDER BY photo_key LIMIT 1",
            content_hash,
        )
        return self.root / row["path"] if row else None

    def shown_hashes(self, item_keys: Sequence[int]) -> dict[int, list[str]]:
        """Return the content hashes of the catalogue photos of items in state ok, in order.

        Items without any are absent.
        """
        found: dict[int, list[str]] = {}
        for row in self._rows(
            f"SELECT item_key, content_hash {_SHOWN} AND item_key IN "
            "(SELECT value FROM json_each(?)) ORDER BY item_key, position, photo_key",
            json.dumps([int(key) for key in item_keys]),
        ):
            found.setdefault(row["item_key"], []).append(row["content_hash"])
        return found
