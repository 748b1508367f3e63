"""What a full manifest no longer names goes from the catalogue.

A manifest that is cut off or half written must not empty a shop. So nothing goes unless it was
asked for; nothing is imported where more than a fifth of the items would go, or where a row cannot
be read and might be one of them; and nothing goes that another process has changed since, or after
the manifest itself was written anew.

Items that came in one by one (`indexer.live.upsert`) stay as long as no manifest has named them: an
export that was written before them, or that knows nothing of them, says nothing about them. Once a
manifest has named an item, one that no longer does removes it.
"""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from indexer.decisions import Decision
from indexer.manifest import Manifest
from indexer.removal import Removed
from indexer.shop import Shop
from vsearch.errors import ManifestError
from vsearch.progress import Progress

MOST = 0.2  # the share of a shop's items that may go without being forced
_BATCH = 256  # items


@dataclass(frozen=True)
class Pruning:
    """The items that a manifest does not name, as they were when it was read.

    Attributes:
        item_ids: which.
        sequence: the change sequence at that moment.
        written: when the manifest was written, as the file system tells; None for a folder.
    """

    item_ids: tuple[str, ...]
    sequence: int
    written: tuple[int, int] | None

    @classmethod
    def of(cls, shop: Shop, manifest: Manifest, *, force: bool) -> "Pruning":
        """Find out what would go, before anything is imported.

        Args:
            shop: imports the manifest.
            manifest: names all items that the shop is to have.
            force: remove even what looks like the fault of a manifest that is not whole.

        Raises:
            ManifestError: without `force`, too much would go, or a row cannot be read.
        """
        sequence = shop.catalogue.seq()
        written = _written(manifest.path)
        named, unreadable = _named(manifest)
        absent = absent_ids(shop, named)
        if absent and not force:
            _refuse_unreadable(manifest, absent, unreadable)
            _refuse_many(manifest, absent, items=shop.catalogue.counts(0).items)
        return cls(absent, sequence, written)

    def forget(self, shop: Shop) -> tuple[Decision, ...]:
        """Forget the decisions about them: the first step of an import.

        A photo that was moved to one of them is then again that of the item that names it.
        """
        return shop.catalogue.forget_decisions(self.item_ids)

    def remove(self, shop: Shop, manifest: Manifest, progress: Progress) -> Removed:
        """Remove them batch by batch; the last step of an import.

        Raises:
            ManifestError: the manifest was written anew in the meantime; nothing is removed.
        """
        if _written(manifest.path) != self.written:
            raise ManifestError(
                f"{manifest.path.name} was written anew while it was imported, so nothing was "
                "removed: import it again"
            )
        removed = Removed()
        progress("remove", 0, len(self.item_ids))
        for start in range(0, len(self.item_ids), _BATCH):
            batch = self.item_ids[start : start + _BATCH]
            removed += shop.catalogue.delete_items(batch, unchanged_since=self.sequence)
            progress("remove", start + len(batch), len(self.item_ids))
        return removed


def absent_ids(shop: Shop, named: Container[str], *, live: bool = False) -> tuple[str, ...]:
    """Return the ids of the shop's items that are not among those named.

    Args:
        shop: the shop.
        named: the ids that a manifest names.
        live: return those that came in by upserts and that no manifest has ever named, which no
            manifest removes either; else the others.
    """
    ids = shop.catalogue.item_ids(live=live)
    return tuple(item_id for item_id in ids if item_id not in named)


def _named(manifest: Manifest) -> tuple[set[str], int | None]:
    """Return the ids that the manifest names, and the first row that cannot be read at all."""
    reader = manifest.reader
    named: set[str] = set()
    unreadable = None
    for row in manifest.named_rows():
        if row.problem and unreadable is None:
            unreadable = row.number
        if item_id := reader.item_id(row):
            named.add(item_id)
    return named, unreadable


def _refuse_unreadable(manifest: Manifest, absent: tuple[str, ...], row: int | None) -> None:
    if row is not None:
        raise ManifestError(
            f"{manifest.path.name}, row {row} cannot be read, and might be one of the "
            f"{len(absent):,} items that would be removed (such as “{absent[0]}”). Nothing was "
            "imported: mend the row, or repeat with --force"
        )


def _refuse_many(manifest: Manifest, absent: tuple[str, ...], items: int) -> None:
    if len(absent) > MOST * items:
        raise ManifestError(
            f"{manifest.path.name} does not name {len(absent):,} of the shop's {items:,} items "
            f"(such as “{absent[0]}”): more than {MOST:.0%} would be removed. Is it whole? Nothing "
            "was imported: repeat with --force if they shall go".replace("%", " %")
        )


def _written(path: Path) -> tuple[int, int] | None:
    if path.is_dir():
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns
