"""Importing: the rows of manifests become items and photos of the catalogue.

Rows are taken in by batch, each in one transaction. A kill between two batches leaves a consistent
catalogue, and the next import of the same manifest goes on where it stopped, because what is known
is not done again.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer.decisions import Decision, told
from indexer.further_intake import FurtherIntake
from indexer.intake import Intake, IntakeReport, Photos
from indexer.item_intake import ItemIntake
from indexer.manifest import Manifest
from indexer.photo_reader import PhotoReader
from indexer.pruning import Pruning, absent_ids
from indexer.records import Reject, Source
from indexer.row_reader import as_text
from indexer.shop import Shop
from vsearch.progress import Progress, silent


@dataclass
class ImportReport(IntakeReport):
    """What an import did.

    Attributes:
        removed: items that went, because the manifest does not name them.
        would_be_removed: items that stayed, although the manifest does not name them.
        never_named: items that came in by upserts and that no manifest has ever named: they stay
            even where the others are removed.
    """

    removed: int = 0
    would_be_removed: int = 0
    never_named: int = 0


def import_manifest(
    shop: Shop,
    manifest: Path,
    *,
    photos: Sequence[Path] = (),
    category_columns: Sequence[str] | None = None,
    remote_hosts: Collection[str] = (),
    prune: bool = False,
    force: bool = False,
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
        prune: remove the items that the manifest does not name, with their photos; those that
            came in by upserts stay until a manifest has named them.
        force: remove them even where that looks like a manifest that is not whole.
        progress: told about every batch.

    Raises:
        ManifestError: a manifest cannot be read as a whole, or more than a fifth of the items would
            be removed; nothing was taken in then. Or it was written anew during the import; then
            nothing was removed.
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
        pruning = Pruning.of(shop, scanned, force=force) if prune else None
        shop.update_settings(category_columns=tuple(columns))
        if pruning:
            _tell_forgotten(report, scanned, pruning.forget(shop))
        with PhotoReader.open(shop, {*shop.settings.remote_hosts, *remote_hosts}) as reader:
            named = _import_items(shop, scanned, reader, report, progress)
            if pruning is None:
                report.would_be_removed = len(absent_ids(shop, named))
            else:
                report.removed = len(pruning.remove(shop, scanned, progress).item_ids)
            report.never_named = len(absent_ids(shop, named, live=True))
            for one in further:
                _import_further(shop, one, reader, report, progress)
    report.seconds = time.monotonic() - began
    return report


def _import_items(
    shop: Shop,
    manifest: Manifest,
    reader: PhotoReader,
    report: ImportReport,
    progress: Progress,
) -> Collection[str]:
    """Take in the items; return the ids that the manifest names."""
    rows: dict[str, int] = {}
    intake = ItemIntake(shop, manifest, Photos(reader, manifest.folder), report)
    with _rejects_kept(intake, "catalogue"):
        for batch in intake.batches("import", intake.unrepeated(rows), progress):
            intake.write(batch)
    return rows


def _import_further(
    shop: Shop,
    manifest: Manifest,
    reader: PhotoReader,
    report: ImportReport,
    progress: Progress,
) -> None:
    intake = FurtherIntake(shop, manifest, Photos(reader, manifest.folder), report)
    with _rejects_kept(intake, "further"):
        for batch in intake.batches("import photos", manifest.photo_entries(), progress):
            intake.write(batch)


@contextmanager
def _rejects_kept(intake: Intake, source: Source) -> Iterator[None]:
    """Once all of a manifest is taken in, let its rejects be those that the shop lists."""
    yield
    intake.rejects.sort(key=lambda reject: reject.row)
    path = as_text(str(intake.manifest.path))
    intake.shop.catalogue.replace_rejects(source, path, intake.rejects)
    intake.report.rejects += intake.rejects


def _tell_forgotten(
    report: ImportReport, manifest: Manifest, decisions: Sequence[Decision]
) -> None:
    why = "its item, or the one that it led to, goes; so what was decided (“{}”) is forgotten"
    report.forgotten += [
        Reject(
            as_text(str(manifest.path)),
            0,
            one.item_id,
            one.column,
            told(one.before),
            why.format(told(one.after) or one.verdict),
        )
        for one in decisions
    ]
