"""Taking in: the entries of a manifest become items and photos of the catalogue, batch by batch.

The photos of a batch are read and checked in threads, then one transaction writes all of it.
`importing` takes in whole manifests this way, `live` what must be found at once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from indexer.kept_decisions import KeptDecisions
from indexer.manifest import Manifest
from indexer.photo_reader import PhotoReader
from indexer.records import HeldOut, PhotoFile, PhotoRow, Reject, Split
from indexer.row_reader import Reference
from indexer.shop import Shop
from vsearch.errors import ShopError
from vsearch.progress import Progress

_BATCH = 256  # rows
T = TypeVar("T")

Files = dict[str, PhotoFile | str]
"""What each reference to a photo leads to: the photo, or the reason why it cannot be used."""


@dataclass
class IntakeReport:
    """What became of the rows of manifests.

    Attributes:
        rows: rows that were read.
        added, changed, unchanged: items that are fine, by what became of them.
        photos_added: catalogue photos and further photos that were new.
        kept_decisions: photos and values that stayed as a person had decided in an audit.
        forgotten: decisions that were overtaken since, and why.
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


class Photos:
    """How the photos of a batch are read, and what belongs into its transaction beside them.

    This is an import's way: a build embeds what is imported, and a row that is wrong becomes a
    rejected item.

    Args:
        reader: reads and checks them.
        folder: where their paths start from.
    """

    live = False

    def __init__(self, reader: PhotoReader, folder: Path) -> None:
        self._reader = reader
        self._folder = folder

    def files(self, references: Sequence[str], views: Collection[str]) -> Files:
        """Read photos.

        Args:
            references: as the manifest names them.
            views: those among them that may become views of the index.
        """
        del views
        return self._reader.read(self._folder, references)

    def written(self, hashes: Collection[str], before: int) -> None:
        """Write what else is due, inside the transaction.

        Args:
            hashes: content hashes of the photos of split train that were written.
            before: the change sequence before the transaction.
        """


@dataclass
class Intake:
    """What taking in items and taking in further photos share.

    Attributes:
        shop: takes in.
        manifest: whose entries they are.
        photos: how its photos are read.
        report: where is counted what is committed.
        rejects: what of this manifest was not taken in.
    """

    shop: Shop
    manifest: Manifest
    photos: Photos
    report: IntakeReport
    rejects: list[Reject] = field(default_factory=list)

    def batches(
        self, stage: str, entries: Iterable[T | Reject], progress: Progress
    ) -> Iterator[list[T]]:
        """Yield the good entries by batch, put the bad ones among the rejects, tell progress."""
        total = self.manifest.rows
        self.report.rows += total
        progress(stage, 0, total)
        rest, done = iter(entries), 0
        while batch := list(islice(rest, _BATCH)):
            self.rejects += [entry for entry in batch if isinstance(entry, Reject)]
            yield [entry for entry in batch if not isinstance(entry, Reject)]
            done += len(batch)
            progress(stage, done, total)
        if done < total:  # several rows can be one entry
            progress(stage, total, total)

    def reject(self, row: int, item_id: str, column: str, value: object, why: str) -> Reject:
        """Make a Reject of the manifest."""
        return self.manifest.reader.reject(row, item_id, column, value, why)

    def photo_reject(self, item_id: str, photo: Reference, why: str) -> Reject:
        """Make a Reject of a photo that the manifest names."""
        return self.reject(photo.row, item_id, photo.field, photo.text, why)

    def check_kept(self, photos: Iterable[PhotoRow]) -> None:
        """Check, inside a transaction, that photos which the shop keeps itself are still there.

        The same picture may have gone with the last item that had it, since it was read.

        Raises:
            ShopError: one is gone.
        """
        for photo in photos:
            if photo.path.is_relative_to(self.shop.photos) and not photo.path.exists():
                raise ShopError(
                    f"{photo.path} was deleted by another process while it was taken in: try again"
                )

    def tell_decided(self, decided: KeptDecisions, rows: Sequence[int]) -> None:
        """Count what was kept as decided, and list what was forgotten, each with its row."""
        self.report.kept_decisions += decided.kept
        self.report.forgotten += [
            self.reject(row, one.item_id, one.column, one.value, one.reason)
            for row, one in zip(rows, decided.forgotten, strict=True)
        ]

    def tell_released(self, row: int, released: Iterable[HeldOut]) -> None:
        """List photos that stopped being held out because of a row."""
        for held in released:
            why = (
                f"it was a {held.split} photo of this item and is one no more: the same picture "
                f"came in for training with item “{held.taken_by}”"
            )
            self.rejects.append(self.reject(row, held.item_id, "photo", held.path, why))


def photo_row(file: PhotoFile, split: Split, position: int = 0) -> PhotoRow:
    """Return a checked photo as it is written into the catalogue."""
    return PhotoRow(file.content_hash, file.path, file.width, file.height, split, position)
