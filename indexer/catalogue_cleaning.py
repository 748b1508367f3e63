"""What lies in a catalogue and nothing needs: caches of photos that are gone, deletions long seen.

Nothing here moves what readers go by. The last embedding and the last change stay: their numbers
tell what has come since. The file does not shrink either, for SQLite would number the embeddings
anew: what is freed is used again, so the catalogue of a shop that changes for ever stays as large
as it was at its largest.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.needed import Needed
from indexer.shop import Shop

_ROWS = 10_000  # deleted in one short transaction, so that no writer waits for long
_NO_PHOTO = "NOT EXISTS (SELECT 1 FROM photos WHERE photos.content_hash = {table}.content_hash)"
_NOT_THE_LAST = "rowid < (SELECT max(rowid) FROM embeddings)"


@dataclass(frozen=True)
class Needless:
    """Rows of one table that nothing needs.

    Attributes:
        kind: what they are.
        table: where they are.
        condition: SQL that holds for them and for no other row, whatever came in meanwhile.
        values: what its marks stand for.
        rows: their numbers.
        bytes: the size of their contents.
        sure: whether it is certain that nothing needs them.
    """

    kind: str
    table: str
    condition: str
    values: tuple[object, ...]
    rows: Sequence[int]
    bytes: int
    sure: bool = True


def needless_rows(shop: Shop, needed: Needed) -> Iterator[Needless]:
    """Yield what a catalogue has for nothing, by kind; kinds without any row are left out."""
    with shop.catalogue.frozen() as connection:
        found = [
            *_embeddings(connection, needed),
            _looks(connection),
            _files(connection, shop.path),
        ]
        if needed.taken_in is not None:
            found.append(_deletions(connection, needed.taken_in))
    yield from (one for one in found if one.rows)


def clean_catalogue(shop: Shop, needed: Needed) -> None:
    """Delete what `needless_rows` tells and is sure, block by block.

    The caller holds the build lock: a build knows embeddings by their numbers.
    """
    for one in needless_rows(shop, needed):
        if not one.sure:
            continue
        if one.table == "changes" and needed.taken_in is not None:
            shop.catalogue.prune_deletions(needed.taken_in)
            continue
        for start in range(0, len(one.rows), _ROWS):
            with shop.catalogue.transaction() as connection:
                connection.execute(
                    f"DELETE FROM {one.table} WHERE {one.condition} "
                    "AND rowid IN (SELECT value FROM json_each(?))",
                    (*one.values, json.dumps(list(one.rows[start : start + _ROWS]))),
                )


def _embeddings(connection: sqlite3.Connection, needed: Needed) -> Iterator[Needless]:
    """Yield the embeddings of networks that nothing names, and of photos that are gone."""
    wanted = json.dumps(sorted(needed.embeddings))
    named = "embedding_fingerprint {} (SELECT value FROM json_each(?))"
    kinds = {
        "cached embeddings of other models": (named.format("NOT IN"), needed.sure),
        "cached embeddings of photos that are gone": (
            f"{named.format('IN')} AND {_NO_PHOTO.format(table='embeddings')}",
            True,
        ),
    }
    for kind, (needless, sure) in kinds.items():
        condition = f"{needless} AND {_NOT_THE_LAST}"
        rows, size = [], 0
        # From the index alone, and one vector of each network: the others are as long.
        for fingerprint, numbers in connection.execute(
            "SELECT embedding_fingerprint, json_group_array(rowid) FROM embeddings "
            f"WHERE {condition} GROUP BY embedding_fingerprint",
            (wanted,),
        ).fetchall():
            own = json.loads(numbers)
            (length,) = connection.execute(
                "SELECT length(vector) FROM embeddings WHERE embedding_fingerprint = ? LIMIT 1",
                (fingerprint,),
            ).fetchone()
            rows += own
            size += len(own) * length
        yield Needless(kind, "embeddings", condition, (wanted,), rows, size, sure)


def _looks(connection: sqlite3.Connection) -> Needless:
    condition = _NO_PHOTO.format(table="looks")
    found = connection.execute(
        f"SELECT rowid, length(bits) + length(places) FROM looks WHERE {condition}"
    ).fetchall()
    rows = [row for row, _ in found]
    size = sum(length for _, length in found)
    return Needless("looks of photos that are gone", "looks", condition, (), rows, size)


def _files(connection: sqlite3.Connection, root: Path) -> Needless:
    """Return the notes on photo files that no item has and that are no longer there.

    A file that is there is known by its note, so that the next import need not read it.
    """
    condition = _NO_PHOTO.format(table="photo_files")
    found = connection.execute(
        f"SELECT rowid, path, length(source) + length(path) FROM photo_files WHERE {condition}"
    ).fetchall()
    gone = [(row, size) for row, path, size in found if not (root / path).exists()]
    kind = "notes on photo files that are gone"
    size = sum(length for _, length in gone)
    return Needless(kind, "photo_files", condition, (), [row for row, _ in gone], size)


def _deletions(connection: sqlite3.Connection, taken_in: int) -> Needless:
    """Return the entries of items that were gone before the oldest index was built."""
    condition = "kind = 'deleted' AND seq <= ? AND seq < (SELECT max(seq) FROM changes)"
    found = connection.execute(
        f"SELECT seq, length(kind) + length(at) FROM changes WHERE {condition}", (taken_in,)
    ).fetchall()
    rows = [row for row, _ in found]
    size = sum(length for _, length in found)
    kind = "deletions that every index has taken in"
    return Needless(kind, "changes", condition, (taken_in,), rows, size)
