"""From nearest rows to items that may be shown: each once, looked up only as far as is needed."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from indexer.nearest_rows import NearestRows
from indexer.records import Item
from indexer.search_hits import SearchHit
from indexer.shop import Shop

_BLOCK = 64  # rows taken out of their arrays at a time


class Ranked:
    """The items of one query's rows, best first, each by its best view; read as far as is asked.

    Where items have many photos, some hundred rows hold ten items, most often at their beginning.

    Args:
        found: the rows of several queries.
        query: whose rows.
        min_score: views that are less similar do not count.
    """

    def __init__(self, found: NearestRows, query: int, min_score: float) -> None:
        self._views = self._read(found, query, min_score)
        self._best: dict[int, tuple[float, int]] = {}

    def first(self, most: int | None = None) -> Iterator[int]:
        """Return the keys of the first `most` items; None: of all."""
        if most is None or len(self._best) < most:
            for key, score, photo in self._views:
                if key not in self._best:
                    self._best[key] = score, photo
                    if len(self._best) == most:
                        break
        return islice(self._best, most)

    def best(self, key: int) -> tuple[float, int]:
        """Return score and photo of the best view of an item that `first` has named."""
        return self._best[key]

    def _read(
        self, found: NearestRows, query: int, min_score: float
    ) -> Iterator[tuple[int, float, int]]:
        keys, scores, photos = found.item_keys[query], found.scores[query], found.photo_keys[query]
        for start in range(0, len(keys), _BLOCK):
            block = slice(start, start + _BLOCK)
            rows = (keys[block].tolist(), scores[block].tolist(), photos[block].tolist())
            for key, score, photo in zip(*rows, strict=True):
                if score < min_score:
                    return  # as all that follow
                if key >= 0:
                    yield key, score, photo


class LiveItems(dict[int, Item | None]):
    """Items by key, looked up once; None for those that must not be shown."""

    def __init__(self, shop: Shop, leave_out: Collection[int]) -> None:
        super().__init__(dict.fromkeys(leave_out))
        self._shop = shop

    def shown(self, ranked: Ranked, most: int) -> list[SearchHit]:
        """Return the first of these items that may be shown."""
        keys = list(ranked.first(most))
        self.look_up(keys)
        if any(self[key] is None for key in keys):
            keys = list(ranked.first())  # others stand in for those that are gone
            self.look_up(keys)
        live = ((item, *ranked.best(key)) for key in keys if (item := self[key]) is not None)
        hits = (SearchHit(item, max(-1.0, min(score, 1.0)), photo) for item, score, photo in live)
        return list(islice(hits, most))

    def look_up(self, keys: Iterable[int]) -> None:
        """Look up items that were not looked up before."""
        new = sorted({key for key in keys if key not in self})
        if not new:
            return
        known = self._shop.kept.items(new)
        for key in new:
            item = known.get(key)
            self[key] = item if item is not None and item.state == "ok" else None
