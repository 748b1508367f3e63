"""Embeddings in, the shop's items out: one index version with all that has changed since."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from indexer.device_choice import with_device
from indexer.filter_syntax import Field, Filter
from indexer.fusion import fused
from indexer.live_rows import LiveRows, RowFollower
from indexer.moments import Moment, Moments
from indexer.nearest_rows import NearestRows, nearest_rows
from indexer.ranked_items import LiveItems, Ranked
from indexer.search_hits import SearchHit
from indexer.selection import RowSelector, Selection, asked_fields, rows_of_items, some_rows
from indexer.shop import Shop
from indexer.versions import IndexVersion
from vsearch.errors import CategoryError, ShopError
from vsearch.taxonomy import CategoryPath, format_path, is_within

_WIDENING = 4
_FUSED = 100  # items of either ranking that are joined
_LOOKED_UP = 1024  # items with a word, looked at a time


class ItemSearch:
    """Finds items by embedding, by one another and by words; safe between threads.

    What the catalogue has changed since the version was built shows at once: an item that is gone,
    rejected or no longer in the category asked for is no hit, and one that is new or has new photos
    is found as soon as the catalogue has their embeddings.
    """

    def __init__(self, shop: Shop, version: IndexVersion) -> None:
        self.shop = shop
        # Only here: what checks, verifies or lists a version needs no GPU.
        self.version = replace(version, index=with_device(version.vectors, version.index))
        self._follower = RowFollower(shop.catalogue, version)
        self._moments = Moments(self._follower, shop.columns)
        self._selector = RowSelector(shop.columns, version)

    def moment(
        self,
        categories: Sequence[CategoryPath] = (),
        where: Filter | None = None,
        *,
        also: Collection[Field] = (),
        columns: bool = False,
    ) -> AbstractContextManager[Moment]:
        """Let all that this thread asks here, until it ends, be answered as of one moment.

        Each question alone is. Nobody waits for it, but it is to be short.

        Args:
            categories: those that will be asked for.
            where: likewise.
            also: further fields of items that will be looked at.
            columns: whether the moment is to have columns where no field is asked for.
        """
        return self._moments.now({*asked_fields(categories, where), *also}, columns=columns)

    def nearest(self, embeddings: NDArray[np.float32], k: int) -> NearestRows:
        """Return the `k` nearest views of all, of embeddings (n, dim) float32 of unit length."""
        with self.moment() as now:
            chosen = self._selector.select(now)
            return nearest_rows(self.version, now.live, chosen, embeddings, k)

    def live_rows(self) -> LiveRows:
        """Return the rows that count now: those of the version that are dead, and the delta."""
        return self._follower.current()

    def any_within(self, category: CategoryPath) -> bool:
        """Say whether a search within a category finds any view."""
        with self.moment([category]) as now:
            chosen = self._selector.select(now, [category])
            return chosen.count + len(chosen.delta) > 0

    def usual_rows(self, top_k: int) -> int:
        """Return how many rows hold `top_k` items if the first have no more views than is usual."""
        told = self.version.manifest
        return top_k * max(1, -(-told.rows // max(told.items, 1)))

    def hits(
        self,
        embeddings: NDArray[np.float32],
        top_k: int = 10,
        categories: Sequence[CategoryPath] = (),
        *,
        where: Filter | None = None,
        min_score: float = -1.0,
        leave_out: Collection[int] = (),
        among: NDArray[np.bool_] | None = None,
        first: NearestRows | None = None,
    ) -> list[list[SearchHit]]:
        """Return the most similar items of each embedding.

        Each item once, by its best view; equal scores in the order of the index's rows. `top_k`
        items are found wherever the filter leaves so many.

        Args:
            embeddings: shape (n, dim), float32, unit length.
            top_k: how many items, at least 1.
            categories: only items within one of these, by their primary path or a further one;
                none: all.
            where: only items for which this filter holds; None: all.
            min_score: only views whose cosine similarity reaches this.
            leave_out: keys of items that are not shown.
            among: shape (rows,), only these rows of the version, and nothing newer; then no
                filter is taken. None: all.
            first: what `nearest` has found already; only without filters.

        Raises:
            CategoryError: the shop has no such category.
        """
        self.check(top_k, categories)
        with self.moment(categories, where) as now:
            if among is None:
                chosen = self._selector.select(now, categories, where)
            else:
                chosen = some_rows(among, now.live)
            return self._grouped(embeddings, top_k, now.live, chosen, min_score, leave_out, first)

    def with_text(
        self,
        embedding: NDArray[np.float32],
        text: str,
        top_k: int = 10,
        categories: Sequence[CategoryPath] = (),
        *,
        where: Filter | None = None,
        min_score: float = -1.0,
    ) -> list[SearchHit]:
        """Return the items that look alike or have the words, those that do both first.

        Args:
            embedding: shape (dim,), float32, unit length.
            text: one or more words.
            top_k: how many items, at least 1.
            categories: only items within one of these; none: all.
            where: only items for which this filter holds; None: all.
            min_score: only views whose cosine similarity reaches this, whatever the words say.

        Raises:
            ShopError: the text has no word.
            CategoryError: the shop has no such category.
        """
        depth = max(_FUSED, top_k)
        with self.moment(categories, where) as now:
            (alike,) = self.hits(
                embedding[None], depth, categories, where=where, min_score=min_score
            )
            worded = self._items_with(text, depth, self._selector.matching(now, categories, where))
            chosen = rows_of_items(self.version, np.array(worded, np.int64), now.live)
            (seen,) = self._grouped(embedding[None], depth, now.live, chosen, min_score)
        hits = {hit.item.key: hit for hit in (*alike, *seen)}
        ranked = fused([[hit.item.key for hit in alike], [key for key in worded if key in hits]])
        return [hits[key] for key in ranked[:top_k]]

    def similar(
        self,
        item_id: str,
        *,
        top_k: int = 10,
        categories: Sequence[CategoryPath] = (),
        where: Filter | None = None,
        min_score: float = -1.0,
    ) -> list[SearchHit]:
        """Return the items that look like an item of the shop, itself left out.

        It is asked with the item's first catalogue photo that has an embedding.

        Raises:
            ShopError: there is no such item, it cannot be sold, or it waits for its embedding.
            CategoryError: the shop has no such category.
        """
        with self.moment(categories, where):
            key, embedding = self._embedding_of(item_id)
            (hits,) = self.hits(
                embedding[None],
                top_k,
                categories,
                where=where,
                min_score=min_score,
                leave_out=[key],
            )
        return hits

    def _embedding_of(self, item_id: str) -> tuple[int, NDArray[np.float32]]:
        """Return the key of an item and the embedding of its first view, (dim,) float32."""
        item = self.shop.catalogue.get(item_id)
        if item is None or item.state != "ok":
            told = f": it is rejected, {item.reason}" if item else ""
            raise ShopError(f"the shop has no item “{item_id}” that can be searched with{told}")
        made_by = self.version.embedding_fingerprint
        views = self.shop.catalogue.embedded_views([item.key], "catalogue", made_by)
        vectors = [v.vector for v in views.get(item.key, {}).values() if v.vector is not None]
        if not vectors:
            raise ShopError(f"item “{item_id}” waits for its embedding: run `vsearch build`")
        return item.key, vectors[0]

    def _grouped(
        self,
        embeddings: NDArray[np.float32],
        top_k: int,
        live: LiveRows,
        chosen: Selection,
        min_score: float,
        leave_out: Collection[int] = (),
        first: NearestRows | None = None,
    ) -> list[list[SearchHit]]:
        """Return the items of the nearest rows, from more and more rows until there are enough."""
        # Rounding takes the opposite of a vector below -1, and it is similar enough all the same.
        min_score = min_score if min_score > -1 else -np.inf
        available = chosen.count + len(chosen.delta)
        hits: list[list[SearchHit]] = [[] for _ in embeddings]
        items = LiveItems(self.shop, leave_out)
        pending = list(range(len(embeddings))) if available else []
        k = min(self.usual_rows(top_k + len(leave_out)), available)
        while pending:
            if first is not None:
                found, k, first = first, first.scores.shape[1], None
            else:
                found = nearest_rows(self.version, live, chosen, embeddings[pending], k)
            ranked = [Ranked(found, query, min_score) for query in range(len(pending))]
            items.look_up(key for one in ranked for key in one.first(top_k))
            for i, one in zip(pending, ranked, strict=True):
                hits[i] = items.shown(one, top_k)
            enough = found.scores[:, -1] < min_score  # no further view can count
            pending = [
                i
                for i, ended in zip(pending, enough.tolist(), strict=True)
                if len(hits[i]) < top_k and k < available and not ended
            ]
            k = min(_WIDENING * k, available)
        return hits

    def _items_with(
        self, text: str, most: int, fits: Callable[[NDArray[np.int64]], NDArray[np.bool_]]
    ) -> list[int]:
        """Return the items that have a word of the text and fit, the best first."""
        found: list[int] = []
        keys = self.shop.catalogue.items_by_text(text)
        while len(found) < most and (some := list(islice(keys, _LOOKED_UP))):
            held = fits(np.array(some, np.int64))
            found += [key for key, fit in zip(some, held.tolist(), strict=True) if fit]
        return found[:most]

    def check(self, top_k: int, categories: Sequence[CategoryPath]) -> None:
        """Refuse a question that has no answer.

        Raises:
            ValueError: `top_k` is less than 1.
            CategoryError: the shop has no such category.
        """
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        for path in categories:
            known = self.version.paths(self.shop.columns.category_paths())
            indexed = any(is_within(one, path) for one in known)
            if not indexed and path not in self.shop.columns.all_paths().paths:
                raise CategoryError(
                    f"no category “{format_path(path)}” in this shop: expected a whole path, root "
                    "first"
                )
