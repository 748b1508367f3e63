"""Live changes: items and photos that are found, or gone, as soon as the call returns.

An upsert reads, checks and embeds photos first. Then one transaction commits item, photos and
embeddings: that is the acknowledgement, and from then on every process that follows the catalogue's
changes finds the item. Any number of processes may write at once.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from indexer.embedding import PhotoEmbedder
from indexer.further_intake import FurtherIntake
from indexer.given_rows import Cells, GivenRows, LeftOut
from indexer.intake import Intake, IntakeReport
from indexer.item_intake import ItemIntake
from indexer.live_photos import EmbeddingsGoneError, LivePhotos, ModelChangedError
from indexer.manifest import Manifest
from indexer.photo_reader import PhotoReader
from indexer.records import Photo, Reject
from indexer.removal import Removed
from indexer.row_reader import Entry
from indexer.rows import Row
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.progress import Progress, silent

_BATCH = 256  # items deleted at a time
_TRIES = 5
Given = GivenRows | Iterable[Cells | Row]


@dataclass
class UpsertReport(IntakeReport):
    """What an upsert did.

    Attributes:
        embedded: photos that went through the network.
        searchable: items that are found from now on, those that had not changed included.
        waiting: items that wait for the first build, because nothing serves yet.
    """

    embedded: int = 0
    searchable: int = 0
    waiting: int = 0


@dataclass
class DeleteReport:
    """What a deletion did.

    Attributes:
        deleted: items that are gone.
        photos_deleted: photos that are gone, with their items or alone.
        unknown: ids, or photos, that the shop did not have.
        left_without: items that lost their last catalogue photo and are rejected now.
        forgotten: decisions of an audit that were about what is gone.
        seconds: how long it took.
    """

    deleted: int = 0
    photos_deleted: int = 0
    unknown: list[str] = field(default_factory=list)
    left_without: list[str] = field(default_factory=list)
    forgotten: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return the report for `--json`."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}

    def count(self, removed: Removed) -> None:
        """Add what one transaction took out."""
        self.deleted += len(removed.item_ids)
        self.photos_deleted += removed.photos
        self.left_without += removed.left_without
        self.forgotten += len(removed.decisions)


def upsert(
    shop: Shop,
    items: Given,
    *,
    embedder: PhotoEmbedder | None = None,
    folder: Path | None = None,
    remote_hosts: Collection[str] = (),
    progress: Progress = silent,
) -> UpsertReport:
    """Add or change items, each with all its catalogue photos, so that they are found at once.

    A row says everything about an item, as a manifest does: `item_id`, `category`, `photos` (paths,
    or URLs of allowed hosts), and what else there is. A row that is wrong is told among the rejects
    and changes nothing. Batches of rows are committed one after another.

    Args:
        shop: takes them in.
        items: mappings of cells by column, or `GivenRows`.
        embedder: the network that serves; by default it is loaded when a photo is new to it.
        folder: where the photos' paths start from and what they must not leave; by default the
            current folder.
        remote_hosts: hosts that photos may be fetched from, besides those of the settings.
        progress: told of the stage "upsert", in rows; what is told is committed.

    Raises:
        ManifestError: no row has an id, a category or photos.
        FingerprintMismatchError: `embedder` is not the network that serves.
        BundleError: the network cannot be loaded.
    """
    given = items if isinstance(items, GivenRows) else GivenRows.of(items, folder)
    report = UpsertReport()
    with _timed(report):
        manifest, left_out = given.manifest(shop)
        manifest.require("item_id", "photo", "category")
        with _reader(shop, remote_hosts) as reader:
            photos = LivePhotos(shop, reader, manifest.folder, embedder)
            intake = ItemIntake(shop, manifest, photos, report)
            for batch in intake.batches("upsert", intake.unrepeated({}), progress):
                told = [_with_notes(entry, left_out, manifest) for entry in batch]
                before = report.added + report.changed + report.unchanged
                _write(partial(intake.write, told), given=embedder)
                found = report.added + report.changed + report.unchanged - before
                report.searchable += found if photos.serving else 0
                report.waiting += 0 if photos.serving else found
        _finish(report, intake, photos)
    return report


def upsert_photos(
    shop: Shop,
    photos: Given,
    *,
    embedder: PhotoEmbedder | None = None,
    folder: Path | None = None,
    remote_hosts: Collection[str] = (),
    progress: Progress = silent,
) -> UpsertReport:
    """Add further labelled photos to items: `item_id`, `image_path` and `split` (train by default).

    Those of split train are embedded where the index has them as rows, and found at once; those of
    val and test are never embedded. The arguments and errors are those of `upsert`.
    """
    given = photos if isinstance(photos, GivenRows) else GivenRows.of(photos, folder)
    report = UpsertReport()
    with _timed(report):
        manifest, _ = given.manifest(shop)
        manifest.require("item_id", "photo")
        with _reader(shop, remote_hosts) as reader:
            live = LivePhotos(shop, reader, manifest.folder, embedder, further=True)
            intake = FurtherIntake(shop, manifest, live, report)
            for batch in intake.batches("upsert photos", manifest.photo_entries(), progress):
                _write(partial(intake.write, batch), given=embedder)
        _finish(report, intake, live)
    return report


def delete(shop: Shop, item_ids: Collection[str], *, progress: Progress = silent) -> DeleteReport:
    """Take items out with all their photos; they are found no more as soon as this returns.

    Decisions of an audit about them are forgotten. A manifest that still names them brings them
    back at its next import.

    Args:
        shop: takes them out.
        item_ids: which; one that is unknown is told and holds up no other.
        progress: told of the stage "delete", in items; what is told is committed.
    """
    report = DeleteReport()
    with _timed(report):
        wanted = list(dict.fromkeys(item_ids))
        progress("delete", 0, len(wanted))
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            removed = shop.catalogue.delete_items(batch)
            report.count(removed)
            gone = set(removed.item_ids)
            report.unknown += [item_id for item_id in batch if item_id not in gone]
            progress("delete", start + len(batch), len(wanted))
    return report


def delete_photos(shop: Shop, item_id: str, photos: Collection[str | Path]) -> DeleteReport:
    """Take photos of all kinds out of an item.

    An item whose last catalogue photo goes is rejected from then on.

    Args:
        shop: the shop.
        item_id: the item.
        photos: their content hashes, or paths of their files; unknown ones are told.

    Raises:
        ShopError: the shop has no such item.
    """
    report = DeleteReport()
    with _timed(report):
        item = shop.catalogue.get(item_id)
        if item is None:
            raise ShopError(f"the shop has no item “{item_id}”: see its id in the manifest")
        own = shop.catalogue.photos_of(item.key)
        named = {str(photo): _meant(own, photo) for photo in photos}
        hashes = {photo.content_hash for photo in named.values() if photo}
        report.count(shop.catalogue.delete_photos(item.key, hashes))
        report.unknown += [name for name, photo in named.items() if photo is None]
    return report


def _meant(photos: Sequence[Photo], name: str | Path) -> Photo | None:
    path = Path(name).absolute()
    return next((one for one in photos if one.content_hash == name or one.path == path), None)


@contextmanager
def _timed(report: UpsertReport | DeleteReport) -> Iterator[None]:
    began = time.monotonic()
    yield
    report.seconds = time.monotonic() - began


def _reader(shop: Shop, remote_hosts: Collection[str]) -> AbstractContextManager[PhotoReader]:
    return PhotoReader.open(shop, {*shop.settings.remote_hosts, *remote_hosts})


def _write(write: Callable[[], None], *, given: PhotoEmbedder | None) -> None:
    """Write a batch; again where another model was published while it was embedded."""
    for _ in range(_TRIES - 1):
        try:
            return write()
        except EmbeddingsGoneError:
            continue
        except ModelChangedError:
            if given is not None:
                raise
    return write()


def _with_notes(entry: Entry, left_out: dict[int, list[LeftOut]], manifest: Manifest) -> Entry:
    """Return an entry that tells which of its cells were left out."""
    notes: list[Reject] = [
        manifest.reader.reject(entry.row, entry.item_id, one.column, one.value, one.reason)
        for one in left_out.get(entry.row, ())
    ]
    return replace(entry, notes=(*entry.notes, *notes))


def _finish(report: UpsertReport, intake: Intake, photos: LivePhotos) -> None:
    report.rejects = sorted(intake.rejects, key=lambda reject: reject.row)
    report.embedded = photos.embedded
