"""Whether a shop is sound: every file, every item, every row, and a sample of vectors anew.

The checks only read. They look at the catalogue as it is at one moment, and while others go on; a
pair that is replaced meanwhile is looked at again.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from indexer.check_rows import RowCheck, check_rows
from indexer.check_vectors import check_vectors, sample_rows
from indexer.cleaning import leftovers
from indexer.counting import counts_beside
from indexer.embedding import PhotoEmbedder, load_embedder
from indexer.integrity import integrity_problem
from indexer.pair import check_pair, check_sequence, load_model, schema_of
from indexer.photo_files import look_for_photos
from indexer.shop import Current, Shop
from indexer.version_files import SCHEMA as VERSION_SCHEMA
from indexer.versions import IndexVersion, version_folders, versions
from vsearch.errors import ShopError, VsearchError
from vsearch.progress import Progress, silent, track

SAMPLE = 20
_TRIES = 3
_NO_INDEX = "nothing is built yet"


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is as it should be, and what was found."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Sample:
    """Which vectors are computed anew: how many, by which seed, and with which network."""

    size: int = SAMPLE
    seed: int = 0
    embedder: PhotoEmbedder | None = None  # by default the model that serves


def check_shop(
    shop: Shop, *, sample: Sample | None = None, progress: Progress = silent
) -> list[Check]:
    """Check everything that a shop serves from.

    Args:
        shop: others may use and change it meanwhile.
        sample: which vectors are computed anew from their photos.
        progress: told of the stages "index versions", "photo files" and "vectors".
    """
    for _ in range(_TRIES):
        before = shop.current()
        with shop.catalogue.moment() as connection:
            checks = list(_Checks(shop, before, connection, sample or Sample(), progress).all())
        if all(check.ok for check in checks) or shop.current() == before:
            break  # else a build has replaced the pair, and may have pruned what was looked at
    return checks


class _Checks:
    """One round of checks and what they share; each returns what it found, or raises."""

    def __init__(
        self,
        shop: Shop,
        current: Current,
        connection: sqlite3.Connection,
        sample: Sample,
        progress: Progress,
    ) -> None:
        self._shop, self._current, self._sample = shop, current, sample
        self._connection, self._progress = connection, progress
        # The same questions as at any time, all answered as of the moment of this connection.
        self._catalogue = shop.catalogue

    def all(self) -> Iterator[Check]:
        """Yield all checks; one that fails does not keep the others from being done."""
        for name, look in {
            "catalogue file": self._catalogue_file,
            "item states": self._item_states,
            "models": self._models,
            "index versions": self._versions,
            "pair": self._pair,
            "rows": self._rows,
            "items": self._items,
            "photo files": self._photo_files,
            "vectors": self._vectors,
            "leftovers": self._leftovers,
        }.items():
            yield _checked(name, look)

    def _catalogue_file(self) -> str:
        size = self._catalogue.path.stat().st_size
        if problem := integrity_problem(self._connection, size):
            raise ShopError(f"{problem}: restore a backup, or import again into a new shop")
        return f"{size:,} bytes, sound"

    def _item_states(self) -> str:
        for told, condition in _IMPOSSIBLE.items():
            found = self._connection.execute(f"SELECT item_id FROM items WHERE {condition}")
            if wrong := found.fetchall():
                raise ShopError(f"{len(wrong):,} items {told}, such as “{wrong[0][0]}”")
        return "every item has its photos, or the reason why it was rejected"

    def _models(self) -> str:
        named = {self._current.model: 0, self._shop.trained_model(): 0}
        for entry in versions(self._shop):
            if entry.manifest is not None:  # else “index versions” tells what is wrong with it
                named[entry.manifest.model_fingerprint] = 0
        models = [load_model(self._shop, name) for name in named if name is not None]
        return f"the fingerprints of {len(models)} agree" if models else "none is trained yet"

    def _versions(self) -> str:
        folders = version_folders(self._shop)
        size, wrong = 0, []
        for folder in track(folders, len(folders), "index versions", self._progress):
            try:
                size += self._verified(folder)
            except (ShopError, FileNotFoundError) as error:
                if folder.exists():  # else a build has pruned it
                    wrong.append(str(error))
        if wrong:
            raise ShopError("; ".join(wrong))
        return f"{len(folders)} with {size:,} bytes, as they were written" if folders else _NO_INDEX

    def _verified(self, folder: Path) -> int:
        """Verify a version and return its size in bytes."""
        older = schema_of(folder / "manifest.json") < VERSION_SCHEMA
        if older and folder.name != self._current.index:
            return 0  # left by an older program: it cannot serve, and is pruned by and by
        version = IndexVersion.open(folder)
        version.verify()
        return sum(int(told["bytes"]) for told in version.manifest.files.values())

    @cached_property
    def _version(self) -> IndexVersion | None:
        index = self._current.index
        return None if index is None else IndexVersion.open(self._shop.indexes / index)

    @cached_property
    def _row_check(self) -> tuple[IndexVersion, RowCheck] | None:
        try:
            version = self._version
        except ShopError as error:
            raise ShopError("not looked at: see “pair” for what is wrong") from error
        return None if version is None else (version, check_rows(self._connection, version))

    def _pair(self) -> str:
        version = self._version
        if version is None or self._current.model is None:
            return _NO_INDEX
        model = load_model(self._shop, self._current.model)
        check_pair(model, version.name, version.embedding_fingerprint)
        check_sequence(version.name, version.manifest.sequence, self._catalogue.seq())
        return f"model {model.model_fingerprint} and index version {version.name}"

    def _rows(self) -> str:
        if self._row_check is None:
            return _NO_INDEX
        version, found = self._row_check
        if len(found.unexplained):
            row = found.unexplained[0]
            raise ShopError(
                f"{len(found.unexplained):,} rows are of photos that the catalogue has not, though "
                f"no change tells why, such as row {row} (photo {version.photo_keys[row]} of item "
                f"{version.item_keys[row]}): run `vsearch build`"
            )
        return f"{version.manifest.rows:,}, of which {found.explained:,} dead: changed since"

    def _items(self) -> str:
        if self._row_check is None:
            counts = self._catalogue.counts(0)
            return f"{counts.items:,} = {counts.waiting:,} waiting + {counts.rejected:,} rejected"
        version, found = self._row_check
        if len(found.lost):
            item = self._catalogue.get_many([int(found.lost[0])])
            raise ShopError(
                f"{len(found.lost):,} items have photos without a row, though they did not change "
                f"since the build, such as “{next(iter(item.values())).item_id}”: delete the index "
                "version and run `vsearch build`"
            )
        counts = counts_beside(self._catalogue, version)
        shares = f"{counts.indexed:,} indexed + {counts.waiting:,} waiting"
        if (found.found, found.waiting) != (counts.indexed, counts.waiting):
            raise ShopError(
                f"status counts {shares}, the rows tell of {found.found:,} and {found.waiting:,}"
            )
        return f"{counts.items:,} = {shares} + {counts.rejected:,} rejected"

    def _photo_files(self) -> str:
        photos = look_for_photos(self._connection, self._shop.path, self._progress)
        if photos.absent:
            raise ShopError(
                f"{photos.absent:,} of {photos.named:,} are not there, such as {photos.example}: "
                "is their disk there? Bring them back, or import a manifest that has them"
            )
        return f"{photos.named:,}, all there"

    def _vectors(self) -> str:
        if self._row_check is None or not self._sample.size:
            return "none was computed anew" if self._row_check else _NO_INDEX
        version, found = self._row_check
        rows = sample_rows(found.alive, self._sample.size, self._sample.seed)
        photos = self._catalogue.photos_by_key(version.photo_keys[rows].tolist())
        embedder = self._sample.embedder or load_embedder(self._shop, self._current.model)
        anew = check_vectors(self._shop, version, embedder, photos, rows, self._progress)
        if len(anew.wrong):
            photo = photos[int(version.photo_keys[anew.wrong[0]])]
            raise ShopError(
                f"{len(anew.wrong)} of {len(rows)} are not those of their photos, such as that of "
                f"{photo.path}: a cosine of {anew.cosines.min():.4f}; delete the index version and "
                "train again"
            )
        if anew.unreadable:
            raise ShopError(
                f"{len(anew.unreadable)} of {len(rows)} photos cannot be used: "
                f"{anew.unreadable[0][1]}"
            )
        least = f", cosine at least {anew.cosines.min():.6f}" if len(rows) else ""
        return f"{len(rows)} of {version.manifest.rows:,} computed anew{least}"

    def _leftovers(self) -> str:
        found = leftovers(self._shop)
        size = sum(one.bytes for one in found)
        needless = sum(one.bytes for one in found if one.removable)
        return f"{size:,} bytes, {needless:,} of them not needed" if found else "none"


_IMPOSSIBLE = {
    "have no entry in the change log": "seq NOT IN (SELECT seq FROM changes)",
    "are not rejected though they have no catalogue photo": (
        "state = 'ok' AND NOT EXISTS (SELECT 1 FROM photos "
        "WHERE photos.item_key = items.item_key AND role = 'catalogue')"
    ),
    "are rejected without a reason": "state = 'rejected' AND coalesce(reason, '') = ''",
}


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (VsearchError, OSError, sqlite3.DatabaseError) as error:
        return Check(name, False, str(error))
