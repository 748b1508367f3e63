"""Embeddings by what they are made of: the picture's bytes and the network's fingerprint.

A photo that was embedded once is not embedded again, whatever item it belongs to.
"""

import json
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.database import Database
from indexer.upsert import record_change


class EmbeddingCache(Database):
    """The part of the catalogue that keeps embeddings."""

    def embeddings(self, fingerprint: str, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the cached embeddings of these photos, float32 of shape (dim,), where known."""
        rows = self._rows(
            "SELECT content_hash, vector FROM embeddings WHERE embedding_fingerprint = ? "
            "AND content_hash IN (SELECT value FROM json_each(?))",
            fingerprint,
            json.dumps(list(hashes)),
        )
        return {row["content_hash"]: np.frombuffer(row["vector"], dtype="<f4") for row in rows}

    def missing_embeddings(self, fingerprint: str, hashes: Sequence[str]) -> list[str]:
        """Return the distinct hashes that have no cached embedding, in the order given."""
        rows = self._rows(
            "SELECT content_hash FROM embeddings WHERE embedding_fingerprint = ? "
            "AND content_hash IN (SELECT value FROM json_each(?))",
            fingerprint,
            json.dumps(list(hashes)),
        )
        known = {row["content_hash"] for row in rows}
        return [content_hash for content_hash in dict.fromkeys(hashes) if content_hash not in known]

    def put_embeddings(
        self, fingerprint: str, rows: Sequence[tuple[str, NDArray[np.float32]]]
    ) -> None:
        """Cache embeddings by content hash, in one short transaction."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                [(fingerprint, key, vector.astype("<f4").tobytes()) for key, vector in rows],
            )

    def tell_embedded(self, hashes: Collection[str], *, built: int, before: int) -> None:
        """Let those who follow the changes look again at items that waited for these embeddings.

        Args:
            hashes: photos that have embeddings now.
            built: the change sequence of the index; what it has taken in does not wait.
            before: the change sequence before this transaction; what has changed in it is looked at
                anyway.
        """
        with self.transaction() as connection:
            waiting = connection.execute(
                "SELECT DISTINCT items.item_key FROM photos JOIN items USING (item_key) "
                "JOIN changes USING (seq) WHERE content_hash IN (SELECT value FROM json_each(?)) "
                "AND state = 'ok' AND seq > ? AND seq <= ? AND kind != 'embedded'",
                (json.dumps(list(hashes)), built, before),
            ).fetchall()
            for item in waiting:
                record_change(connection, item["item_key"], "embedded")
