"""Importing: the rows of manifests become items and photos of the catalogue.

Rows are taken in by batch: the photos of a batch are read and checked in threads, then one
transaction writes its items. A kill between two batches leaves a consistent catalogue, and the
next import of the same manifest goes on where it stopped, because what is known is not done again.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from indexer.attributes import convert
from indexer.manifest import Entry, Manifest, PhotoEntry, Reference
from indexer.photo_reader import PhotoReader
from indexer.records import HeldOut, ItemRow, PhotoFile, PhotoRow, Reject, Source, Split
from indexer.shop import Shop
from vsearch.progress import Progress, silent

_BATCH = 256  # rows
T = TypeVar("T")


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        rows: rows of the catalogue manifest and of the photo manifests.
        added, changed, unchanged: items that are fine, by what became of them.
        photos_added: catalogue photos and further photos that were new.
        rejects: what was not taken in, and why.
        seconds: how long it took.
    """

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    photos_added: int = 0
    rejects: list[Reject] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        """How many rejects there are."""
        return len(self.rejects)

    def to_json(self) -> dict[str, object]:
        """Return the report for `--json`."""
        return asdict(self) | {"rejected": self.rejected, "seconds": round(self.seconds, 3)}


def import_manifest(
    shop: Shop,
    manifest: Path,
    *,
    photos: Sequence[Path] = (),
    category_columns: Sequence[str] | None = None,
    remote_hosts: Collection[str] = (),
    progress: Progress = silent,
) -> ImportReport:
    """Take a catalogue and further labelled photos into a shop.

    Importing the same again changes nothing. What cannot be taken in is rejected with its row and
    reason, and listed until a later import of that manifest finds it mended.

    Args:
        shop: takes in.
        manifest: the items: CSV, TSV, JSON Lines, Parquet, or a folder of category folders.
        photos: manifests of further labelled photos with `item_id`, `image_path` and `split`.
        category_columns: the columns of the category path, root first; the shop remembers them.
            None: those it remembers, else the usual names.
        remote_hosts: hosts that photos may be fetched from, besides those of the settings.
        progress: told about every batch.

    Raises:
        ManifestError: a manifest cannot be read as a whole; of that one nothing was taken in.
        BusyError: another import is running.
    """
    began = time.monotonic()
    with shop.lock("import"):
        columns = shop.settings.category_columns if category_columns is None else category_columns
        scanned = Manifest.scan(manifest, columns, shop.catalogue.attribute_types())
        scanned.require("item_id", "photo", "category")
        further = [Manifest.scan(path) for path in photos]
        for one in further:
            one.require("item_id", "photo")
        shop.update_settings(category_columns=tuple(columns))
        hosts = {*shop.settings.remote_hosts, *remote_hosts}
        with PhotoReader.open(shop, hosts) as reader:
            run = _Import(shop, reader, progress, ImportReport())
            run.catalogue(scanned)
            for one in further:
                run.photos(one)
    run.report.seconds = time.monotonic() - began
    return run.report


@dataclass
class _Import:
    """One import while it runs."""

    shop: Shop
    reader: PhotoReader
    progress: Progress
    report: ImportReport

    def catalogue(self, manifest: Manifest) -> None:
        """Take in the items."""
        catalogue = self.shop.catalogue
        rejects: list[Reject] = []
        catalogue.set_attribute_types(manifest.types, convert)
        entries = _unrepeated(manifest, manifest.catalogue_entries())
        for batch in self._batches("import", manifest, entries, rejects):
            self._items(manifest, batch, rejects)
        self._finish("catalogue", manifest, rejects)

    def photos(self, manifest: Manifest) -> None:
        """Take in further labelled photos."""
        rejects: list[Reject] = []
        for batch in self._batches("import photos", manifest, manifest.photo_entries(), rejects):
            self._further(manifest, batch, rejects)
        self._finish("further", manifest, rejects)

    def _batches(
        self,
        stage: str,
        manifest: Manifest,
        entries: Iterable[T | Reject],
        rejects: list[Reject],
    ) -> Iterator[list[T]]:
        """Yield the good entries by batch, put the bad ones among the rejects, tell progress."""
        self.report.rows += manifest.rows
        self.progress(stage, 0, manifest.rows)
        rest, done = iter(entries), 0
        while batch := list(islice(rest, _BATCH)):
            rejects += [entry for entry in batch if isinstance(entry, Reject)]
            yield [entry for entry in batch if not isinstance(entry, Reject)]
            done += len(batch)
            self.progress(stage, done, manifest.rows)
        if done < manifest.rows:  # several rows can be one entry
            self.progress(stage, manifest.rows, manifest.rows)

    def _finish(self, source: Source, manifest: Manifest, rejects: list[Reject]) -> None:
        rejects.sort(key=lambda reject: reject.row)
        self.shop.catalogue.replace_rejects(source, str(manifest.path), rejects)
        self.report.rejects += rejects

    def _items(self, manifest: Manifest, batch: Sequence[Entry], rejects: list[Reject]) -> None:
        wanted = [photo.text for entry in batch if not entry.fault for photo in entry.photos]
        files = self.reader.read(manifest.folder, wanted)
        rows: list[ItemRow] = []
        faults: dict[str, list[Reject]] = {}
        for entry in batch:
            row, faults[entry.item_id] = _item_row(manifest, entry, files)
            rows.append(row)
        with self.shop.catalogue.transaction():
            counts = self.shop.catalogue.upsert_items(rows)
            self.shop.catalogue.forgive(
                (row.item_id, str(photo.path)) for row in rows for photo in row.photos
            )
        for item_id in counts.kept:
            faults[item_id] = [_as_it_was(fault) for fault in faults[item_id]]
        rejects += [fault for entry in batch for fault in (*faults[entry.item_id], *entry.notes)]
        numbers = {entry.item_id: entry.row for entry in batch}
        rejects += [_released(manifest, numbers[held.taken_by], held) for held in counts.released]
        self.report.added += counts.added
        self.report.changed += counts.changed
        self.report.unchanged += counts.unchanged
        self.report.photos_added += counts.photos_added

    def _further(
        self, manifest: Manifest, batch: Sequence[PhotoEntry], rejects: list[Reject]
    ) -> None:
        catalogue = self.shop.catalogue
        keys = catalogue.item_keys({entry.item_id for entry in batch})
        wanted = [entry.photo.text for entry in batch if entry.item_id in keys]
        files = self.reader.read(manifest.folder, wanted)
        with catalogue.transaction():
            for entry in batch:
                file = files.get(entry.photo.text, "")
                if entry.item_id not in keys:
                    why = "the shop has no item of this id"
                    rejects.append(
                        manifest.reject(
                            entry.photo.row, entry.item_id, "item_id", entry.item_id, why
                        )
                    )
                elif isinstance(file, str):
                    rejects.append(_photo_reject(manifest, entry.item_id, entry.photo, file))
                else:
                    self._further_photo(manifest, keys[entry.item_id], entry, file, rejects)

    def _further_photo(
        self,
        manifest: Manifest,
        item_key: int,
        entry: PhotoEntry,
        file: PhotoFile,
        rejects: list[Reject],
    ) -> None:
        catalogue = self.shop.catalogue
        outcome = catalogue.upsert_further(item_key, _photo_row(file, entry.split))
        if outcome.refusal:
            rejects.append(_photo_reject(manifest, entry.item_id, entry.photo, outcome.refusal))
        rejects += [_released(manifest, entry.photo.row, held) for held in outcome.released]
        self.report.photos_added += outcome.change == "added"
        catalogue.forgive([(entry.item_id, str(file.path))])


def _unrepeated(manifest: Manifest, entries: Iterable[Entry | Reject]) -> Iterator[Entry | Reject]:
    """Pass the first entry of each id on and reject the others."""
    rows: dict[str, int] = {}
    for entry in entries:
        if isinstance(entry, Reject):
            yield entry
        elif entry.item_id in rows:
            why = f"the id stands in row {rows[entry.item_id]} already; that row is taken"
            column = manifest.columns.item_id or ""
            yield manifest.reject(entry.row, entry.item_id, column, entry.item_id, why)
        else:
            rows[entry.item_id] = entry.row
            yield entry


def _item_row(
    manifest: Manifest, entry: Entry, files: Mapping[str, PhotoFile | str]
) -> tuple[ItemRow, list[Reject]]:
    """Return what to write for an entry, and what of it is rejected."""
    photos: list[PhotoRow] = []
    faults = [entry.fault] if entry.fault else []
    for photo in () if entry.fault else entry.photos:
        file = files[photo.text]
        if isinstance(file, str):
            faults.append(_photo_reject(manifest, entry.item_id, photo, file))
        else:
            photos.append(_photo_row(file, "train", len(photos)))
    row = ItemRow(
        item_id=entry.item_id,
        title=entry.title,
        category=entry.category,
        photos=tuple(photos),
        further_paths=entry.further_paths,
        group_id=entry.group_id,
        attributes=entry.attributes,
        reason=None if photos else faults[0].reason,
    )
    return row, faults


def _photo_row(file: PhotoFile, split: Split, position: int = 0) -> PhotoRow:
    return PhotoRow(file.content_hash, file.path, file.width, file.height, split, position)


def _photo_reject(manifest: Manifest, item_id: str, photo: Reference, why: str) -> Reject:
    return manifest.reject(photo.row, item_id, photo.field, photo.text, why)


def _as_it_was(fault: Reject) -> Reject:
    return replace(fault, reason=f"{fault.reason}; the item stays as it was")


def _released(manifest: Manifest, row: int, held: HeldOut) -> Reject:
    why = (
        f"it was a {held.split} photo of this item and is one no more: the same picture came in "
        f"for training with item “{held.taken_by}”"
    )
    return manifest.reject(row, held.item_id, "photo", held.path, why)
