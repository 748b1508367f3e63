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
from indexer.kept_decisions import NO_PHOTO, KeptDecisions
from indexer.manifest import Manifest
from indexer.photo_reader import PhotoReader
from indexer.records import HeldOut, ItemRow, PhotoFile, PhotoRow, Reject, Source, Split
from indexer.row_reader import Entry, PhotoEntry, Reference, as_text
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
        kept_decisions: photos and values that stayed as a person had decided in an audit.
        forgotten: decisions that the manifest has overtaken since, and why.
        rejects: what was not taken in, and why.
        seconds: how long it took.
    """

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    photos_added: int = 0
    kept_decisions: int = 0
    forgotten: list[Reject] = field(default_factory=list)
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
    report = ImportReport()
    with shop.lock("import"):
        columns = shop.settings.category_columns if category_columns is None else category_columns
        scanned = Manifest.scan(manifest, columns, shop.catalogue.attribute_types())
        scanned.require("item_id", "photo", "category")
        further = [Manifest.scan(path) for path in photos]
        for one in further:
            one.require("item_id", "photo")
        shop.update_settings(category_columns=tuple(columns))
        hosts = {*shop.settings.remote_hosts, *remote_hosts}
        with PhotoReader.open(shop, hosts) as photo_reader:
            _Import(shop, photo_reader, scanned, progress, report).catalogue()
            for one in further:
                _Import(shop, photo_reader, one, progress, report).further()
    report.seconds = time.monotonic() - began
    return report


@dataclass
class _Import:
    """The import of one manifest while it runs."""

    shop: Shop
    photo_reader: PhotoReader
    manifest: Manifest
    progress: Progress
    report: ImportReport
    rejects: list[Reject] = field(default_factory=list)

    def catalogue(self) -> None:
        """Take in the items."""
        self.shop.catalogue.set_attribute_types(self.manifest.types, convert)
        for batch in self._batches("import", self._unrepeated()):
            self._write_items(batch)
        self._finish("catalogue")

    def further(self) -> None:
        """Take in further labelled photos."""
        for batch in self._batches("import photos", self.manifest.photo_entries()):
            self._write_further(batch)
        self._finish("further")

    def _batches(self, stage: str, entries: Iterable[T | Reject]) -> Iterator[list[T]]:
        """Yield the good entries by batch, put the bad ones among the rejects, tell progress."""
        total = self.manifest.rows
        self.report.rows += total
        self.progress(stage, 0, total)
        rest, done = iter(entries), 0
        while batch := list(islice(rest, _BATCH)):
            self.rejects += [entry for entry in batch if isinstance(entry, Reject)]
            yield [entry for entry in batch if not isinstance(entry, Reject)]
            done += len(batch)
            self.progress(stage, done, total)
        if done < total:  # several rows can be one entry
            self.progress(stage, total, total)

    def _finish(self, source: Source) -> None:
        self.rejects.sort(key=lambda reject: reject.row)
        self.shop.catalogue.replace_rejects(source, as_text(str(self.manifest.path)), self.rejects)
        self.report.rejects += self.rejects

    def _unrepeated(self) -> Iterator[Entry | Reject]:
        """Pass the first entry of each id on and reject the others."""
        rows: dict[str, int] = {}
        for entry in self.manifest.catalogue_entries():
            if isinstance(entry, Reject) or entry.item_id not in rows:
                yield entry
            else:
                why = f"the id stands in row {rows[entry.item_id]} already; that row is taken"
                column = self.manifest.columns.item_id or ""
                yield self._reject(entry.row, entry.item_id, column, entry.item_id, why)
            if isinstance(entry, Entry):
                rows.setdefault(entry.item_id, entry.row)

    def _write_items(self, batch: Sequence[Entry]) -> None:
        wanted = [photo.text for entry in batch if not entry.fault for photo in entry.photos]
        files = self.photo_reader.read(self.manifest.folder, wanted)
        read = {entry.item_id: self._item_row(entry, files) for entry in batch}
        with self.shop.catalogue.transaction() as connection:
            decided = KeptDecisions(connection, self.shop.path)
            rows = [decided.item(row) for row, _ in read.values()]
            counts = self.shop.catalogue.upsert_items(rows)
            self.shop.catalogue.forgive(
                (row.item_id, str(photo.path)) for row in rows for photo in row.photos
            )
        for entry in batch:
            faults = read[entry.item_id][1]
            kept = entry.item_id in counts.kept
            self.rejects += [_as_it_was(fault) if kept else fault for fault in faults]
            self.rejects += entry.notes
        numbers = {entry.item_id: entry.row for entry in batch}
        self._tell_decided(decided, numbers)
        for row in rows:
            if row.reason == NO_PHOTO:
                column = self.manifest.columns.photo or ""
                fault = self._reject(numbers[row.item_id], row.item_id, column, None, NO_PHOTO)
                self.rejects.append(_as_it_was(fault) if row.item_id in counts.kept else fault)
        for held in counts.released:
            self._tell_released(numbers[held.taken_by], held)
        self.report.added += counts.added
        self.report.changed += counts.changed
        self.report.unchanged += counts.unchanged
        self.report.photos_added += counts.photos_added

    def _item_row(
        self, entry: Entry, files: Mapping[str, PhotoFile | str]
    ) -> tuple[ItemRow, list[Reject]]:
        """Return what to write for an entry, and what of it is rejected."""
        photos: list[PhotoRow] = []
        faults = [entry.fault] if entry.fault else []
        for photo in () if entry.fault else entry.photos:
            file = files[photo.text]
            if isinstance(file, str):
                faults.append(self._photo_reject(entry.item_id, photo, file))
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

    def _write_further(self, batch: Sequence[PhotoEntry]) -> None:
        keys = self.shop.catalogue.item_keys({entry.item_id for entry in batch})
        wanted = [entry.photo.text for entry in batch if entry.item_id in keys]
        files = self.photo_reader.read(self.manifest.folder, wanted)
        with self.shop.catalogue.transaction() as connection:
            decided = KeptDecisions(connection, self.shop.path)
            for entry in batch:
                if entry.item_id not in keys:
                    column = self.manifest.columns.item_id or ""
                    why = "the shop has no item of this id"
                    self.rejects.append(
                        self._reject(entry.photo.row, entry.item_id, column, entry.item_id, why)
                    )
                    continue
                file = files[entry.photo.text]
                if isinstance(file, str):
                    self.rejects.append(self._photo_reject(entry.item_id, entry.photo, file))
                    continue
                key = decided.further(entry.item_id, keys[entry.item_id], file.content_hash)
                if key is not None:
                    self._write_further_photo(key, entry, file)
                self._tell_decided(decided, {entry.item_id: entry.photo.row})

    def _write_further_photo(self, item_key: int, entry: PhotoEntry, file: PhotoFile) -> None:
        outcome = self.shop.catalogue.upsert_further(item_key, _photo_row(file, entry.split))
        if outcome.refusal:
            self.rejects.append(self._photo_reject(entry.item_id, entry.photo, outcome.refusal))
        for held in outcome.released:
            self._tell_released(entry.photo.row, held)
        self.report.photos_added += outcome.change == "added"
        self.shop.catalogue.forgive([(entry.item_id, str(file.path))])

    def _tell_decided(self, decided: KeptDecisions, numbers: Mapping[str, int]) -> None:
        """Take over what was kept as decided and what was forgotten, by the rows of the items."""
        self.report.kept_decisions += decided.kept
        self.report.forgotten += [
            self._reject(numbers[one.item_id], one.item_id, one.column, one.value, one.reason)
            for one in decided.forgotten
        ]
        decided.kept = 0
        decided.forgotten.clear()

    def _reject(self, row: int, item_id: str, column: str, value: object, why: str) -> Reject:
        return self.manifest.reader.reject(row, item_id, column, value, why)

    def _photo_reject(self, item_id: str, photo: Reference, why: str) -> Reject:
        return self._reject(photo.row, item_id, photo.field, photo.text, why)

    def _tell_released(self, row: int, held: HeldOut) -> None:
        why = (
            f"it was a {held.split} photo of this item and is one no more: the same picture came "
            f"in for training with item “{held.taken_by}”"
        )
        self.rejects.append(self._reject(row, held.item_id, "photo", held.path, why))


def _photo_row(file: PhotoFile, split: Split, position: int = 0) -> PhotoRow:
    return PhotoRow(file.content_hash, file.path, file.width, file.height, split, position)


def _as_it_was(fault: Reject) -> Reject:
    return replace(fault, reason=f"{fault.reason}; the item stays as it was")
