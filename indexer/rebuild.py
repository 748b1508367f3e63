"""When the changes since an index version was built call for a new one."""

from dataclasses import dataclass

from indexer.live_rows import LiveRows, RowFollower
from indexer.shop import Shop
from indexer.versions import IndexVersion
from vsearch.errors import VersionError

# The delta is scanned row by row with every search: 20,000 rows of 256 take about a millisecond.
MOST_DELTA = 20_000
# Dead rows are found and passed over: a tenth of them costs a search as much of its time.
MOST_DEAD = 0.1
FEW_DEAD = 1_000  # rows that are no reason, whatever their share


@dataclass(frozen=True)
class Drift:
    """How far the catalogue has gone from the index that serves.

    Attributes:
        delta: views that are searched beside the index.
        dead: rows of the index that count no longer.
        rows: rows of the index.
    """

    delta: int
    dead: int
    rows: int

    @classmethod
    def of(cls, live: LiveRows) -> "Drift":
        """Count the rows that a search finds now."""
        return cls(len(live.delta), live.dead_rows, len(live.dead))

    @property
    def changed(self) -> bool:
        """Whether there is any difference."""
        return bool(self.delta or self.dead)

    @property
    def reason(self) -> str | None:
        """Why a rebuild is due; None where it is not."""
        if self.delta > MOST_DELTA:
            return f"{self.delta:,} views are searched beside the index, more than {MOST_DELTA:,}"
        if self.dead > max(FEW_DEAD, MOST_DEAD * self.rows):
            return f"{self.dead:,} of the index's {self.rows:,} rows count no longer"
        return None


def drift(shop: Shop) -> Drift | None:
    """Return how far the catalogue has gone from the index that serves; None without one.

    Reads what has changed since the index was built, so the time grows with that.

    Raises:
        ShopError: CURRENT is damaged.
        VersionError: the index is.
    """
    index = shop.current().index
    if index is None:
        return None
    version = IndexVersion.open(shop.indexes / index)
    return Drift.of(RowFollower(shop.catalogue, version).current())


def rebuild_due(shop: Shop) -> str | None:
    """Return why a `build` is due, None where it is not, or nothing is built yet.

    A build is never needed for what is found: only to keep searches as fast as they were.

    Raises:
        ShopError: CURRENT is damaged.
    """
    try:
        found = drift(shop)
    except VersionError as error:
        return str(error)
    return found.reason if found else None
