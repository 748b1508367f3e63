"""From nearest rows to items that may be shown: each once, looked up only as far as is needed."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from indexer.nearest_rows import NearestRows
from indexer.records import Item
from indexer.search_hits import SearchHit
from indexer.shop import Shop

Views = dict[int, tuple[float, int]]
"""Score and photo of the best view, by item, best first."""


def ranked_items(found: NearestRows, min_score: float) -> Iterator[Views]:
    """Yield the items of each query's rows that have a view of at least `min_score`."""
    lines = (found.item_keys.tolist(), found.scores.tolist(), found.photo_keys.tolist())
    for line in zip(*lines, strict=True):
        best: Views = {}
        for key, score, photo in zip(*line, strict=True):
            if key not in best and key >= 0 and score >= min_score:
                best[key] = score, photo
        yield best


class LiveItems(dict[int, Item | None]):
    """Items by key, looked up once; None for those that must not be shown."""

    def __init__(self, shop: Shop, leave_out: Collection[int]) -> None:
        super().__init__(dict.fromkeys(leave_out))
        self._shop = shop

    def shown(self, views: Views, most: int) -> list[SearchHit]:
        """Return the first of these items that may be shown."""
        if any(self[key] is None for key in islice(views, most)):
            self.look_up(views)  # others stand in for those that are gone
        live = ((self.get(key), *view) for key, view in views.items())
        hits = (
            SearchHit(item, max(-1.0, min(score, 1.0)), photo)
            for item, score, photo in live
            if item is not None
        )
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
