"""A photo in, predicted categories and similar items out: one pair of model and index."""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.classes import Classes, classes_of
from indexer.close_matches import same_photo
from indexer.embedding import PhotoEmbedder, PhotoPredictions, load_embedder
from indexer.filter_syntax import Filter
from indexer.fusion import fused
from indexer.live_rows import LiveRows, RowFollower
from indexer.nearest_rows import NearestRows, nearest_rows
from indexer.records import Item
from indexer.restriction import Restriction, likely_categories
from indexer.search_hits import SearchHit, SearchResult
from indexer.selection import RowSelector, Selection, rows_of_items, some_rows
from indexer.shop import Shop
from indexer.unknown import VIEWS, Evidence, confidence_of
from indexer.versions import IndexVersion
from vsearch.errors import CategoryError, FingerprintMismatchError, ShopError
from vsearch.images import Crop, load
from vsearch.taxonomy import CategoryPath, format_path, is_within

__all__ = ["Restrict", "SearchHit", "SearchResult", "Searcher"]

_WIDENING = 4
_FUSED = 100  # items of either ranking that are joined
_LOOKED_UP = 1024  # items with a word, looked at a time
Restrict = Literal["off", "auto"]


class Searcher:
    """Answers with one model and one index version that belong together; safe between threads.

    What the catalogue has changed since the version was built shows at once: an item that is gone,
    rejected or no longer in the category asked for is no hit, and one that is new or has new photos
    is found as soon as the catalogue has their embeddings.

    Raises:
        FingerprintMismatchError: the index was made by another network.
    """

    def __init__(self, shop: Shop, embedder: PhotoEmbedder, version: IndexVersion) -> None:
        made_by = version.embedding_fingerprint
        if (made_by, version.manifest.dim) != (embedder.embedding_fingerprint, embedder.dim):
            raise FingerprintMismatchError(
                f"index version {version.name} holds embeddings {made_by}, model "
                f"{embedder.model_fingerprint} makes {embedder.embedding_fingerprint}: run "
                "`vsearch build`"
            )
        self.shop = shop
        self.embedder = embedder
        self.version = version
        self._follower = RowFollower(shop.catalogue, version)
        self._selector = RowSelector(shop.columns, version)

    @classmethod
    def open(cls, shop: Shop, *, embedder: PhotoEmbedder | None = None) -> "Searcher":
        """Open the pair that the shop has published.

        Args:
            shop: the shop; it must stay open.
            embedder: the network; by default the published model.

        Raises:
            ShopError: nothing is built yet.
            BundleError: the model is missing or damaged.
            VersionError: the index is missing or damaged.
            FingerprintMismatchError: they do not belong together.
        """
        current = shop.current()
        if current.index is None:
            raise ShopError(f"{shop.path} has no index yet: run `vsearch build {shop.path}`")
        version = IndexVersion.open(shop.indexes / current.index)
        return cls(shop, embedder or load_embedder(shop, current.model), version)

    def search(
        self,
        data: bytes,
        *,
        top_k: int = 10,
        categories: Sequence[CategoryPath] = (),
        crop: Crop | None = None,
        restrict: Restrict = "off",
        where: Filter | None = None,
        min_score: float = -1.0,
        text: str | None = None,
    ) -> SearchResult:
        """Return what the photo shows and the items that look like it.

        Args:
            data: the photo's file.
            top_k: how many items; all of them are found wherever so many are left.
            categories: only items within one of these, by their primary path or a further one;
                none: all.
            crop: the part of the photo to look at.
            restrict: “auto” looks within the likely categories first, and further where none is
                clear or they hold too few items. Filters that are asked for go before it.
            where: only items for which this filter holds (see `indexer.filters`); None: all.
            min_score: only items with a view whose cosine similarity reaches this.
            text: words that the items are to have in title, attributes or category, “blue
                striped”; what they find and what looks alike are joined by reciprocal rank. Then
                scores need not fall from hit to hit, and the search is not restricted.

        Raises:
            ImageError: the photo cannot be used.
            CategoryError: the shop has no such category.
        """
        self._check_filter(top_k, categories)
        seen, predictions = self._look(data, crop)
        started = time.perf_counter()
        restricted = None
        if text is not None:
            hits = self.search_with_text(
                predictions.embeddings[0], text, top_k, categories, where=where, min_score=min_score
            )
        elif restrict == "auto" and not categories and where is None:
            (hits,), (restricted,) = self.search_likely(
                predictions.embeddings, predictions.shares, top_k, min_score=min_score
            )
        else:
            (hits,) = self.search_embeddings(
                predictions.embeddings, top_k, categories, where=where, min_score=min_score
            )
        same = None if crop else same_photo(self.shop, data, hits)
        spent = 1e3 * (time.perf_counter() - started)
        stages = {stage: seen.timings[stage] for stage in ("decode", "embed")}
        timings = stages | {"search": spent, "total": seen.timings["total"] + spent}
        return replace(
            seen, hits=tuple(hits), restricted=restricted, same_photo=same, timings=timings
        )

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
        item = self.shop.catalogue.get(item_id)
        if item is None or item.state != "ok":
            told = f": it is rejected, {item.reason}" if item else ""
            raise ShopError(f"the shop has no item “{item_id}” that can be searched with{told}")
        made_by = self.version.embedding_fingerprint
        views = self.shop.catalogue.embedded_views([item.key], "catalogue", made_by)
        vectors = [v.vector for v in views.get(item.key, {}).values() if v.vector is not None]
        if not vectors:
            raise ShopError(f"item “{item_id}” waits for its embedding: run `vsearch build`")
        (hits,) = self.search_embeddings(
            vectors[0][None],
            top_k,
            categories,
            where=where,
            min_score=min_score,
            leave_out=[item.key],
        )
        return hits

    def classify(self, data: bytes, *, crop: Crop | None = None) -> SearchResult:
        """Return what the photo shows, without hits.

        Raises:
            ImageError: the photo cannot be used.
        """
        return self._look(data, crop)[0]

    def foreign(self, predictions: PhotoPredictions) -> NDArray[np.float32] | None:
        """Return how foreign photos look, (n,) within 0..1, from .5 on unknown; None: not judged.

        A model that turns photos away judges by itself. Else the version has a judge, made for the
        model that it was built with.
        """
        judge = self.version.judge
        if predictions.foreign is not None or judge is None:
            return predictions.foreign
        if judge.model_fingerprint != self.embedder.model_fingerprint:
            return None
        live = self._follower.current()
        all_rows = self._selector.select(live)
        nearest = nearest_rows(self.version, live, all_rows, predictions.embeddings, VIEWS).scores
        sure = confidence_of(predictions, exclusive=self.embedder.objective.exclusive)
        return judge.scores(Evidence.of(sure, predictions.familiarity, nearest))

    def classes(self, predictions: PhotoPredictions) -> Iterator[Classes]:
        """Yield what each of the photos shows."""
        yield from classes_of(self.embedder, predictions, self.foreign(predictions))

    def _look(self, data: bytes, crop: Crop | None) -> tuple[SearchResult, PhotoPredictions]:
        """Return the answer without hits, and what the network said."""
        started = time.perf_counter()
        pixels = load(data, self.embedder.spec, crop=crop, max_pixels=self.shop.settings.max_pixels)
        decoded = time.perf_counter()
        predictions = self.embedder(pixels[None])
        shown = next(self.classes(predictions))
        embedded = time.perf_counter()
        timings = {
            "decode": 1e3 * (decoded - started),
            "embed": 1e3 * (embedded - decoded),
            "total": 1e3 * (embedded - started),
        }
        model, index = self.embedder.model_fingerprint, self.version.name
        result = SearchResult(
            shown.labels,
            shown.categories,
            shown.unknown,
            shown.unknown_score,
            (),
            model,
            index,
            timings,
        )
        return result, predictions

    def search_with_text(
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
        (alike,) = self.search_embeddings(
            embedding[None], depth, categories, where=where, min_score=min_score
        )
        worded = self._items_with(text, depth, categories, where)
        live = self._follower.current()
        chosen = rows_of_items(self.version, np.array(worded, np.int64), live)
        (seen,) = self._grouped(embedding[None], depth, live, chosen, min_score, ())
        hits = {hit.item.key: hit for hit in (*alike, *seen)}
        ranked = fused([[hit.item.key for hit in alike], [key for key in worded if key in hits]])
        return [hits[key] for key in ranked[:top_k]]

    def _items_with(
        self, text: str, most: int, categories: Sequence[CategoryPath], where: Filter | None
    ) -> list[int]:
        """Return the items that have a word of the text and fit the filter, the best first."""
        fits = self._selector.matching(categories, where)
        found: list[int] = []
        keys = self.shop.catalogue.items_by_text(text)
        while len(found) < most and (some := list(islice(keys, _LOOKED_UP))):
            held = fits(np.array(some, np.int64))
            found += [key for key, fit in zip(some, held.tolist(), strict=True) if fit]
        return found[:most]

    def search_likely(
        self,
        embeddings: NDArray[np.float32],
        shares: NDArray[np.float32],
        top_k: int = 10,
        *,
        min_score: float = -1.0,
    ) -> tuple[list[list[SearchHit]], list[Restriction]]:
        """Return the most similar items within each photo's likely categories, and which they are.

        Where no categories are clear the search is not restricted; where they hold fewer than
        `top_k` items, the most similar of all others follow.

        Args:
            embeddings: (n, dim) float32, of `PhotoPredictions`.
            shares: (n, labels) float32, likewise.
            top_k: how many items, at least 1.
            min_score: only views whose cosine similarity reaches this.
        """
        search = partial(self.search_embeddings, min_score=min_score)
        found, restrictions = [], []
        for embedding, own in zip(embeddings, shares, strict=True):
            told = likely_categories(self.embedder.bundle.labels, own)
            filled = tuple(path for path in told.categories if self.version.ranges([path]))
            if told.categories and not filled:
                told = replace(told, widened="the likely categories hold no item")
            told = replace(told, categories=filled)
            hits = search(embedding[None], top_k, told.categories)[0]
            if len(hits) < top_k and told.categories:
                within = {hit.item.key for hit in hits}
                everywhere = search(embedding[None], top_k + len(hits))[0]
                hits += [hit for hit in everywhere if hit.item.key not in within]
                told = replace(told, beyond=len(hits[:top_k]) - len(within))
            found.append(hits[:top_k])
            restrictions.append(told)
        return found, restrictions

    def search_embeddings(
        self,
        embeddings: NDArray[np.float32],
        top_k: int = 10,
        categories: Sequence[CategoryPath] = (),
        *,
        where: Filter | None = None,
        min_score: float = -1.0,
        leave_out: Collection[int] = (),
        among: NDArray[np.bool_] | None = None,
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

        Raises:
            CategoryError: the shop has no such category.
        """
        self._check_filter(top_k, categories)
        live = self._follower.current()
        if among is None:
            chosen = self._selector.select(live, categories, where)
        else:
            chosen = some_rows(among, live)
        return self._grouped(embeddings, top_k, live, chosen, min_score, leave_out)

    def _grouped(
        self,
        embeddings: NDArray[np.float32],
        top_k: int,
        live: LiveRows,
        chosen: Selection,
        min_score: float,
        leave_out: Collection[int],
    ) -> list[list[SearchHit]]:
        """Return the items of the nearest rows, from more and more rows until there are enough."""
        available = chosen.count + len(chosen.delta)
        hits: list[list[SearchHit]] = [[] for _ in embeddings]
        items = _LiveItems(self.shop, leave_out)
        pending = list(range(len(embeddings))) if available else []
        # Enough at once if the first items have no more views than is usual here.
        views = -(-self.version.manifest.rows // max(self.version.manifest.items, 1))
        k = min((top_k + len(leave_out)) * max(views, 1), available)
        while pending:
            found = nearest_rows(self.version, live, chosen, embeddings[pending], k)
            items.look_up(found.item_keys)
            for i, grouped in zip(pending, _groups(found, items, min_score), strict=True):
                hits[i] = grouped[:top_k]
            enough = found.scores[:, -1] < min_score  # no further view can count
            pending = [
                i
                for i, ended in zip(pending, enough.tolist(), strict=True)
                if len(hits[i]) < top_k and k < available and not ended
            ]
            k = min(_WIDENING * k, available)
        return hits

    def _check_filter(self, top_k: int, categories: Sequence[CategoryPath]) -> None:
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        for path in categories:
            indexed = any(is_within(part.path, path) for part in self.version.categories)
            if not indexed and path not in self.shop.columns.all_paths().paths:
                raise CategoryError(
                    f"no category “{format_path(path)}” in this shop: expected a whole path, root "
                    "first"
                )


def _groups(found: NearestRows, items: "_LiveItems", min_score: float) -> Iterator[list[SearchHit]]:
    """Yield the items of each query's rows, best first, each once."""
    lines = (found.item_keys.tolist(), found.scores.tolist(), found.photo_keys.tolist())
    for line in zip(*lines, strict=True):
        best: dict[int, SearchHit] = {}
        for key, score, photo in zip(*line, strict=True):
            item = items.get(key)
            if item is not None and key not in best and score >= min_score:
                best[key] = SearchHit(item, min(score, 1.0), photo)
        yield list(best.values())


class _LiveItems(dict[int, Item | None]):
    """Items by key, looked up once; None for those that must not be shown."""

    def __init__(self, shop: Shop, leave_out: Collection[int]) -> None:
        super().__init__(dict.fromkeys(leave_out))
        self._shop = shop

    def look_up(self, keys: NDArray[np.int64]) -> None:
        new = [key for key in np.unique(keys).tolist() if key not in self and key >= 0]
        known = self._shop.catalogue.get_many(new)
        for key in new:
            item = known.get(key)
            self[key] = item if item is not None and item.state == "ok" else None
