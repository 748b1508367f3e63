"""What the rows of an index read from the catalogue: views with their embeddings."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.database import Database
from indexer.view_rows import ViewRows
from vsearch.errors import ShopError
from vsearch.taxonomy import CategoryPath

_BLOCK = 4096  # views made arrays at a time


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

    def view_rows(self, views: Literal["catalogue", "all"], fingerprint: str) -> ViewRows:
        """Return all views of items in state ok, in the order of an index.

        Read without what a build has no use for: a second for a million, where `Catalogue.views`
        takes twenty.

        Args:
            views: which photos are views.
            fingerprint: of the embedding.
        """
        query = (
            "SELECT items.category_id, items.item_key, photo_key, coalesce(embeddings.rowid, -1), "
            "photos.content_hash FROM items JOIN photos USING (item_key) LEFT JOIN embeddings "
            "ON embeddings.embedding_fingerprint = ? "
            "AND embeddings.content_hash = photos.content_hash "
            f"WHERE state = 'ok' AND {is_view(views)} "
            "ORDER BY items.category_id, items.item_key, position, photo_key"
        )
        with self.moment():
            (categories, items, photos, embeddings), hashes = _columns(
                self._snapshot(query, fingerprint)
            )
            return ViewRows(categories, items, photos, hashes, embeddings, self.categories())

    def views_without_embedding(
        self, index_seq: int, fingerprint: str, views: Literal["catalogue", "all"]
    ) -> list[tuple[int, int, int]]:
        """Return item, photo and category of views that cannot be found beside an index.

        Args:
            index_seq: the change sequence of the index; items that have not changed since it was
                built are passed over.
            fingerprint: of the embedding.
            views: which photos are views.
        """
        rows = self._rows(
            "SELECT items.item_key, photo_key, category_id FROM items JOIN photos USING (item_key) "
            "LEFT JOIN embeddings ON embeddings.embedding_fingerprint = ? "
            "AND embeddings.content_hash = photos.content_hash "
            f"WHERE state = 'ok' AND seq > ? AND {is_view(views)} AND embeddings.rowid IS NULL",
            fingerprint,
            index_seq,
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def numbered_embeddings(self, numbers: NDArray[np.int64]) -> dict[int, bytes]:
        """Return embeddings, little-endian float32, by the numbers that `view_rows` tells.

        Quicker than by their photos. Those that have gone, or were written anew, are absent.
        """
        rows = self._rows(
            "SELECT embeddings.rowid, vector FROM json_each(?) CROSS JOIN embeddings "
            "ON embeddings.rowid = json_each.value",
            json.dumps(numbers.tolist()),
        )
        return {row[0]: row[1] for row in rows}

    def val_hashes(self) -> list[str]:
        """Return the content hashes of the val photos of items in state ok, ascending."""
        rows = self._rows(
            "SELECT content_hash FROM photos JOIN items USING (item_key) "
            "WHERE split = 'val' AND state = 'ok' ORDER BY content_hash"
        )
        return [row["content_hash"] for row in rows]

    def categories(self) -> dict[int, CategoryPath]:
        """Return the path of every category that was ever used, by its stable numbers."""
        rows = self._rows("SELECT category_id, path FROM categories")
        return {row["category_id"]: tuple(json.loads(row["path"])) for row in rows}

    def marks(self) -> tuple[int, int]:
        """Return the numbers of the last change and of the last embedding, 0 before any.

        Together they move whenever a view comes, goes, or can be found for the first time.
        """
        row = self._mark(
            "SELECT (SELECT coalesce(max(seq), 0) FROM changes) AS seq, "
            "(SELECT coalesce(max(rowid), 0) FROM embeddings) AS embedding"
        )
        return (int(row["seq"]), int(row["embedding"])) if row else (0, 0)

    def check_not_older(self, seen: int, now: int) -> None:
        """Check that all changes are there that were read before.

        Args:
            seen: a change sequence that was read.
            now: the change sequence since.

        Raises:
            ShopError: they are not.
        """
        if seen > now:
            raise ShopError(
                f"the catalogue {self.path} ends at change {now}, though change {seen} was read "
                "from it before: it was replaced by an older one while it was in use; start this "
                "program again"
            )

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


def _columns(rows: Iterator[sqlite3.Row]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return rows of four numbers and a hash as arrays, (4, rows) and (rows, 32)."""
    numbers, hashes = [np.zeros((4, 0), np.int64)], [np.zeros((0, 32), np.uint8)]
    while block := list(islice(rows, _BLOCK)):
        *four, texts = zip(*block, strict=True)
        numbers.append(np.array(four, np.int64))
        hashes.append(np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, 32))
    return np.concatenate(numbers, axis=1), np.concatenate(hashes)


def is_view(views: Literal["catalogue", "all"]) -> str:
    """Return the condition on a photo to be a view, as SQL."""
    return "split = 'train'" if views == "all" else "role = 'catalogue'"
