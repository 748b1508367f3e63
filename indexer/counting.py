"""How many items of a shop are indexed, wait or are rejected, beside the index that serves.

items = indexed + waiting + rejected, always. An item is indexed where each of its views can be
found: because the index has taken the item in as it is, because the view is a row of the index
still, or because the catalogue has its embedding.
"""

import numpy as np

from indexer.catalogue import Catalogue
from indexer.records import Counts
from indexer.shop import Shop
from indexer.version_files import read_manifest
from indexer.versions import IndexVersion
from vsearch.errors import VersionError


def count_items(shop: Shop) -> Counts:
    """Count the items of a shop as of now.

    Beside an index that cannot be opened, items wait whose rows might stand in it.

    Raises:
        ShopError: CURRENT is damaged.
        VersionError: the index's manifest is.
    """
    index = shop.current().index
    if index is None:
        return shop.catalogue.counts(0)
    told = read_manifest(shop.indexes / index)
    counts = shop.catalogue.counts(told.sequence, told.embedding_fingerprint, told.views)
    if not counts.waiting:
        return counts
    try:
        version = IndexVersion.open(shop.indexes / index)
    except VersionError:
        return counts
    with shop.catalogue.moment():
        return counts_beside(shop.catalogue, version)


def counts_beside(catalogue: Catalogue, version: IndexVersion) -> Counts:
    """Count the items beside an index version.

    Args:
        catalogue: read several times; see `Database.moment`.
        version: the version.
    """
    manifest = version.manifest
    told = manifest.sequence, manifest.embedding_fingerprint, manifest.views
    counts = catalogue.counts(*told)
    if not counts.waiting:
        return counts
    lacking = catalogue.views_without_embedding(*told)
    standing = _standing(version, [photo for _, photo, _ in lacking])
    waiting = {view[0] for view in lacking if view not in standing}
    indexed = counts.items - counts.rejected - len(waiting)
    return Counts(counts.items, indexed, len(waiting), counts.rejected)


def _standing(version: IndexVersion, photo_keys: list[int]) -> set[tuple[int, int, int]]:
    """Return item, photo and category of the rows that have one of these photos."""
    rows = np.flatnonzero(np.isin(version.photo_keys, photo_keys))
    starts = [part.start for part in version.categories]
    parts = np.searchsorted(starts, rows, side="right") - 1
    return {
        (
            int(version.item_keys[row]),
            int(version.photo_keys[row]),
            version.categories[part].category_id,
        )
        for row, part in zip(rows.tolist(), parts.tolist(), strict=True)
    }
