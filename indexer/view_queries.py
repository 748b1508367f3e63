"""What the rows of an index read from the catalogue: views with their embeddings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.database import Database


@dataclass(frozen=True)
class EmbeddedView:
    """A view of an item in state ok: its item's category, and its embedding where there is one."""

    category_id: int
    vector: NDArray[np.float32] | None


class ViewQueries(Database):
    """The part of the catalogue that tells which views count."""

    def embedded_views(
        self, keys: Sequence[int], views: Literal["catalogue", "all"], fingerprint: str
    ) -> dict[int, dict[int, EmbeddedView]]:
        """Return the views of some items by item and photo; items that cannot be sold are absent.

        Args:
            keys: the items.
            views: which photos are views.
            fingerprint: of the embedding.
        """
        found: dict[int, dict[int, EmbeddedView]] = {}
        for row in self._rows(
            "SELECT item_key, category_id, photo_key, vector "
            "FROM items JOIN photos USING (item_key) LEFT JOIN embeddings "
            "ON embeddings.embedding_fingerprint = ? "
            "AND embeddings.content_hash = photos.content_hash "
            "WHERE item_key IN (SELECT value FROM json_each(?)) AND state = 'ok' "
            f"AND {is_view(views)} ORDER BY item_key, position, photo_key",
            fingerprint,
            json.dumps(list(keys)),
        ):
            vector = row["vector"]
            found.setdefault(row["item_key"], {})[row["photo_key"]] = EmbeddedView(
                row["category_id"], None if vector is None else np.frombuffer(vector, "<f4")
            )
        return found

    def marks(self) -> tuple[int, int]:
        """Return the numbers of the last change and of the last embedding, 0 before any.

        Together they move whenever a view comes, goes, or can be found for the first time.
        """
        row = self._row(
            "SELECT (SELECT coalesce(max(seq), 0) FROM changes) AS seq, "
            "(SELECT coalesce(max(rowid), 0) FROM embeddings) AS embedding"
        )
        return (int(row["seq"]), int(row["embedding"])) if row else (0, 0)

    def embedded_since(self, mark: int, fingerprint: str) -> list[int]:
        """Return the items with photos whose embeddings came after an earlier mark.

        A build embeds what waits without a change of any item; what it has embedded can be found
        even if it never comes to its end.
        """
        rows = self._rows(
            # By the number alone: an index on the fingerprint would lead through all embeddings.
            "SELECT DISTINCT item_key FROM embeddings NOT INDEXED CROSS JOIN photos "
            "USING (content_hash) WHERE embeddings.rowid > ? AND embedding_fingerprint = ?",
            mark,
            fingerprint,
        )
        return [row["item_key"] for row in rows]

    def item_with_photo(self, content_hash: str) -> str | None:
        """Return the item in state ok that has this photo, held-out ones left out; else None."""
        row = self._row(
            "SELECT item_id FROM items JOIN photos USING (item_key) WHERE content_hash = ? "
            "AND state = 'ok' AND split = 'train' ORDER BY role, item_key LIMIT 1",
            content_hash,
        )
        return str(row["item_id"]) if row else None


def is_view(views: Literal["catalogue", "all"]) -> str:
    """Return the condition on a photo to be a view, as SQL."""
    return "split = 'train'" if views == "all" else "role = 'catalogue'"
