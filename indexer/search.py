"""A photo in, predicted categories and similar items out: one pair of model and index."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.classes import Classes, classes_of
from indexer.close_matches import SentPhoto, same_photo
from indexer.embedding import PhotoEmbedder, PhotoPredictions, load_embedder
from indexer.filter_syntax import CATEGORY, Filter
from indexer.item_search import ItemSearch
from indexer.live_labels import LiveLabels
from indexer.nearest_rows import NearestRows
from indexer.restriction import Restriction, likely_categories
from indexer.search_hits import SearchHit, SearchResult
from indexer.shop import Shop
from indexer.unknown import VIEWS, Evidence, confidence_of
from indexer.versions import IndexVersion
from vsearch.errors import FingerprintMismatchError, ShopError, VersionError
from vsearch.images import Crop, load_with_glance
from vsearch.taxonomy import CategoryPath

__all__ = ["Asked", "Restrict", "SearchHit", "SearchResult", "Searcher"]

Restrict = Literal["off", "auto"]
TOP_K = 10

_FIRST = 1024  # rows searched for at first, even where somebody asks for a billion items


class Asked(TypedDict, total=False):
    """Which items a search is for.

    Attributes:
        top_k: how many items, `TOP_K` by default; all of them are found wherever so many are left.
        categories: only items within one of these, by their primary path or a further one; none:
            all.
        restrict: “auto” looks within the likely categories first, and further where none is clear
            or they hold too few items. Filters that are asked for go before it.
        where: only items for which this filter holds (see `indexer.filters`); None: all.
        min_score: only items with a view whose cosine similarity reaches this.
        text: words that the items are to have in title, attributes or category, “blue striped”;
            what they find and what looks alike are joined by reciprocal rank. Then scores need not
            fall from hit to hit, and the search is not restricted.
    """

    top_k: int
    categories: Sequence[CategoryPath]
    restrict: Restrict
    where: Filter | None
    min_score: float
    text: str | None


class Searcher:
    """Answers with one model and one index version that belong together; safe between threads.

    Attributes:
        shop: the shop.
        embedder: the network.
        version: the index version.
        items: what finds the items; it follows the catalogue's changes.

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
        self.items = ItemSearch(shop, version)
        exclusive = embedder.objective.exclusive
        self._labels = LiveLabels(shop.catalogue, embedder.bundle, exclusive=exclusive)

    @classmethod
    def open(
        cls, shop: Shop, *, embedder: PhotoEmbedder | None = None, exact: bool = False
    ) -> "Searcher":
        """Open the pair that the shop has published.

        Args:
            shop: the shop; it must stay open.
            embedder: the network; by default the published model.
            exact: scan all views that a search may find, whatever codes the version has.

        Raises:
            ShopError: nothing is built yet.
            BundleError: the model is missing or damaged.
            VersionError: the index is missing or damaged.
            FingerprintMismatchError: they do not belong together.
        """
        current = shop.current()
        if current.index is None:
            raise ShopError(f"{shop.path} has no index yet: run `vsearch build {shop.path}`")
        try:
            version = IndexVersion.open(shop.indexes / current.index)
        except VersionError:
            if shop.current() == current:
                raise
            # Builds have published and pruned between the two looks.
            return cls.open(shop, embedder=embedder, exact=exact)
        version = version.scanned() if exact else version
        return cls(shop, embedder or load_embedder(shop, current.model), version)

    def search(
        self, data: bytes, *, crop: Crop | None = None, **asked: Unpack[Asked]
    ) -> SearchResult:
        """Return what the photo shows and the items that look like it.

        Args:
            data: the photo's file.
            crop: the part of the photo to look at.
            asked: which items; see `Asked`.

        Raises:
            ImageError: the photo cannot be used.
            CategoryError: the shop has no such category.
        """
        self.items.check(asked.get("top_k", TOP_K), asked.get("categories", ()))
        predictions, glance, timings = self._embed(data, crop)
        started = time.perf_counter()
        sent = None if crop else SentPhoto(data, glance)
        result = self.answer(predictions, sent=sent, **asked)
        timings["search"] = 1e3 * (time.perf_counter() - started)
        timings["total"] = sum(timings.values())
        return replace(result, timings=timings)

    def answer(
        self,
        predictions: PhotoPredictions,
        *,
        sent: SentPhoto | None = None,
        top_k: int = TOP_K,
        categories: Sequence[CategoryPath] = (),
        restrict: Restrict = "off",
        where: Filter | None = None,
        min_score: float = -1.0,
        text: str | None = None,
    ) -> SearchResult:
        """Return what a photo shows and the items that look like it, without timings.

        Args:
            predictions: what the network says of the photo, one row.
            sent: the photo, to tell that the catalogue has this very one; None: not told.
            top_k: see `Asked`, as are the others.
            categories: likewise.
            restrict: likewise.
            where: likewise.
            min_score: likewise.
            text: likewise.

        Raises:
            CategoryError: the shop has no such category.
        """
        self.items.check(top_k, categories)
        unfiltered = text is None and not categories and where is None
        if unfiltered and restrict == "off":
            return self.answers(predictions, [sent], top_k, min_score=min_score)[0]
        likely = unfiltered and restrict == "auto"
        restricted = None
        with self.items.moment(categories, where, also=[CATEGORY] if likely else []):
            if text is not None:
                hits = self.items.with_text(
                    predictions.embeddings[0],
                    text,
                    top_k,
                    categories,
                    where=where,
                    min_score=min_score,
                )
            elif likely:
                (hits,), (restricted,) = self.search_likely(
                    predictions.embeddings, predictions.shares, top_k, min_score=min_score
                )
            else:
                (hits,) = self.items.hits(
                    predictions.embeddings, top_k, categories, where=where, min_score=min_score
                )
            same = None if sent is None else same_photo(self.shop, sent, hits)
            shown = self.told(predictions)
        return replace(shown, hits=tuple(hits), restricted=restricted, same_photo=same)

    def answers(
        self,
        predictions: PhotoPredictions,
        sent: Sequence[SentPhoto | None],
        top_k: int = TOP_K,
        *,
        min_score: float = -1.0,
    ) -> list[SearchResult]:
        """Return what `answer` does, of n photos as of one moment, among all items.

        Args:
            predictions: what the network says of the photos.
            sent: each photo, or None; see `answer`.
            top_k: see `Asked`.
            min_score: likewise.
        """
        self.items.check(top_k, ())
        k = max(VIEWS, min(self.items.usual_rows(top_k), _FIRST))
        with self.items.moment():
            first = self.items.nearest(predictions.embeddings, k)
            found = self.items.hits(predictions.embeddings, top_k, min_score=min_score, first=first)
            shown = self.told_together(predictions, first)
            return [
                replace(
                    one,
                    hits=tuple(hits),
                    same_photo=None if own is None else same_photo(self.shop, own, hits),
                )
                for one, hits, own in zip(shown, found, sent, strict=True)
            ]

    def classify(self, data: bytes, *, crop: Crop | None = None) -> SearchResult:
        """Return what the photo shows, without hits.

        Raises:
            ImageError: the photo cannot be used.
        """
        started = time.perf_counter()
        predictions, _, timings = self._embed(data, crop)
        shown = self.told(predictions)
        timings["total"] = 1e3 * (time.perf_counter() - started)
        return replace(shown, timings=timings)

    def foreign(
        self, predictions: PhotoPredictions, nearest: NearestRows | None = None
    ) -> NDArray[np.float32] | None:
        """Return how foreign photos look, (n,) within 0..1, from .5 on unknown; None: not judged.

        A model that turns photos away judges by itself. Else the version has a judge, made for the
        model that it was built with.

        Args:
            predictions: what the network says of n photos.
            nearest: their nearest views, at least `VIEWS`; None: they are searched for.
        """
        judge = self.version.judge
        if predictions.foreign is not None or judge is None:
            return predictions.foreign
        if judge.model_fingerprint != self.embedder.model_fingerprint:
            return None
        if nearest is None:
            nearest = self.items.nearest(predictions.embeddings, VIEWS)
        sure = confidence_of(predictions, exclusive=self.embedder.objective.exclusive)
        scores = nearest.scores[:, :VIEWS]
        return judge.scores(Evidence.of(sure, predictions.familiarity, scores))

    def classes(
        self, predictions: PhotoPredictions, nearest: NearestRows | None = None
    ) -> Iterator[Classes]:
        """Yield what each of the photos shows; see `foreign`."""
        foreign, now = self.foreign(predictions, nearest), self._labels.current()
        yield from classes_of(now.labels, now.predictions(predictions), foreign)

    def _embed(
        self, data: bytes, crop: Crop | None
    ) -> tuple[PhotoPredictions, Image.Image | None, dict[str, float]]:
        """Return what the network says of a photo, a glance of it, and the stages' milliseconds."""
        started = time.perf_counter()
        limit = self.shop.settings.max_pixels
        pixels, glance = load_with_glance(data, self.embedder.spec, crop=crop, max_pixels=limit)
        decoded = time.perf_counter()
        predictions = self.embedder(pixels[None])
        embedded = time.perf_counter()
        timings = {"decode": 1e3 * (decoded - started), "embed": 1e3 * (embedded - decoded)}
        return predictions, glance, timings

    def told(
        self, predictions: PhotoPredictions, nearest: NearestRows | None = None
    ) -> SearchResult:
        """Return what one photo shows, without hits and timings; see `foreign`."""
        return self.told_together(predictions, nearest)[0]

    def told_together(
        self, predictions: PhotoPredictions, nearest: NearestRows | None = None
    ) -> list[SearchResult]:
        """Return what n photos show, without hits and timings; see `foreign`."""
        model, index = self.embedder.model_fingerprint, self.version.name
        return [
            SearchResult(**vars(shown), hits=(), model=model, index=index, timings={})
            for shown in self.classes(predictions, nearest)
        ]

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
        search = partial(self.items.hits, min_score=min_score)
        found, restrictions = [], []
        now = self._labels.current()
        for embedding, own in zip(embeddings, now.shares(shares), strict=True):
            told = likely_categories(now.labels, own)
            filled = tuple(path for path in told.categories if self.items.any_within(path))
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
