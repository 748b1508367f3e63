"""How good a shop's classifier and search are, measured on photos that they have never seen.

Every query goes the way of a shopper's photo: the same decoding, network, index and grouping.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.answers import Answers
from indexer.embedding import PhotoEmbedder, PhotoPredictions, Pixels, predict
from indexer.figures import Figures, figures_of
from indexer.labels import CATEGORY
from indexer.manifest import QueryPhoto, read_queries
from indexer.records import Reject
from indexer.retrieval_figures import RECALL_AT
from indexer.search import Searcher, SearchHit
from indexer.shop import Shop
from indexer.truths import truths
from vsearch.errors import ShopError
from vsearch.images import ImageError, content_hash, load, read_photo
from vsearch.progress import Progress, silent


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured, and on what.

    Attributes:
        queries: photos that were asked with.
        refused: photos left out because they are in the index or were there to train on.
        unknown_items: queries that name an item the shop does not have: always a miss, or a photo
            to be turned away where the model does that.
        rejects: rows and photos that cannot be used, with reasons.
        objective: the model's kind of classification; it decides what the figures are.
        figures: how good the answers were.
        model: model_fingerprint of what was measured.
        index: name of the index version that was measured.
        split: which queries were taken.
        seconds: how long it took.
    """

    queries: int
    refused: int
    unknown_items: int
    rejects: tuple[Reject, ...]
    objective: str
    figures: Figures
    model: str
    index: str
    split: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what `vsearch evaluate --json` prints."""
        return {
            "queries": self.queries,
            "refused": self.refused,
            "unknown_items": self.unknown_items,
            "rejected": len(self.rejects),
            "objective": self.objective,
            **self.figures.to_json(),
            "model": self.model,
            "index": self.index,
            "split": self.split,
            "seconds": self.seconds,
            "rejects": [str(reject) for reject in self.rejects],
        }


@dataclass
class _Asked:
    """The queries that were asked, and what came back, in the same order; and those left out."""

    queries: list[QueryPhoto] = field(default_factory=list)
    hits: list[list[SearchHit]] = field(default_factory=list)
    predictions: list[PhotoPredictions] = field(default_factory=list)
    refused: list[QueryPhoto] = field(default_factory=list)
    unusable: list[tuple[QueryPhoto, str]] = field(default_factory=list)


def evaluate(
    shop: Shop,
    queries: Path,
    *,
    split: str = "test",
    where: Mapping[str, str] | None = None,
    progress: Progress = silent,
    embedder: PhotoEmbedder | None = None,
) -> EvaluationReport:
    """Search and classify with every query, and compare with what the manifest says of it.

    Nothing of a query is kept in the shop.

    Args:
        shop: a shop with a published model and index.
        queries: a manifest of photos with their item_id or category.
        split: only the queries of this split.
        where: only queries whose columns have these values.
        progress: told of the stage "evaluate", in photos.
        embedder: the network; by default the published model.

    Raises:
        ShopError: nothing is built, or no query is left to ask.
        ManifestError: the manifest cannot be read.
    """
    started = time.monotonic()
    searcher = Searcher.open(shop, embedder=embedder)
    photos, rejects = read_queries(shop, queries, split, where)
    asked = _ask(searcher, photos, progress)
    rejects += [
        Reject(str(queries), 0, query.item_id, "photo", str(query.path), reason)
        for query, reason in sorted(asked.unusable, key=lambda pair: pair[0].path)
    ]
    if not asked.queries:
        raise ShopError(_nothing_left(queries, split, len(asked.refused), rejects))
    # A model whose label comes from no column is still measured on how well it finds categories.
    columns = searcher.embedder.bundle.label_columns or (CATEGORY,)
    known = truths(shop, asked.queries, columns)
    answers = Answers.of(asked.hits, asked.predictions)
    return EvaluationReport(
        queries=len(asked.queries),
        refused=len(asked.refused),
        unknown_items=_unknown_items(shop, asked.queries),
        rejects=tuple(rejects),
        objective=searcher.embedder.objective.name,
        figures=figures_of(searcher, known, answers, columns),
        model=searcher.embedder.model_fingerprint,
        index=searcher.version.name,
        split=split,
        seconds=round(time.monotonic() - started, 3),
    )


def _ask(searcher: Searcher, queries: Sequence[QueryPhoto], progress: Progress) -> _Asked:
    """Search and classify with all queries, in batches; those that cannot serve are left out."""
    shop, embedder, asked = searcher.shop, searcher.embedder, _Asked()
    seen = searcher.version.hashes()
    seen |= {photo.content_hash for _, photo in shop.catalogue.photos(splits=("train",))}

    def read(query: QueryPhoto) -> Pixels | None:
        if query.item_id is None and query.category is None:
            asked.unusable.append((query, "the row names neither item nor category"))
            return None
        try:
            data = read_photo(query.path, max_bytes=shop.settings.max_bytes)
            if content_hash(data) not in seen:
                return load(data, embedder.spec, max_pixels=shop.settings.max_pixels)
            asked.refused.append(query)
        except ImageError as error:
            asked.unusable.append((query, str(error)))
        return None

    progress("evaluate", 0, len(queries))
    for batch, predictions in predict(embedder, queries, read):
        asked.queries += batch
        asked.predictions.append(predictions)
        asked.hits += searcher.search_embeddings(predictions.embeddings, max(RECALL_AT))
        progress("evaluate", len(asked.queries), len(queries))
    progress("evaluate", len(queries), len(queries))
    return asked


def _unknown_items(shop: Shop, queries: Sequence[QueryPhoto]) -> int:
    named = [query.item_id for query in queries if query.item_id is not None]
    known = shop.catalogue.item_keys(set(named))
    return sum(item_id not in known for item_id in named)


def _nothing_left(queries: Path, split: str, refused: int, rejects: Sequence[Reject]) -> str:
    first = f" (the first: {rejects[0]})" if rejects else ""
    return (
        f"no query of split {split} is left in {queries}: {refused} refused because they are in "
        f"the index or among the training photos, {len(rejects)} rejected{first}"
    )
