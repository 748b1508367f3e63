"""How good a shop's classifier and search are, measured on photos that they have never seen.

Every query goes the way of a shopper's photo: the same decoding, network, index and grouping.
"""

import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Answers
from indexer.embedding import PhotoEmbedder, PhotoPredictions, Pixels, predict
from indexer.figures import Figures, figures_of
from indexer.labels import CATEGORY
from indexer.level_figures import LevelFigures, level_figures
from indexer.manifest import QueryPhoto, read_queries
from indexer.records import Reject
from indexer.restricted_figures import RestrictedFigures, restricted_figures
from indexer.retrieval_figures import RECALL_AT
from indexer.search import Searcher, SearchHit
from indexer.shop import Shop
from indexer.truths import Truth, own_kind, truths
from indexer.unknown_figures import UnknownFigures, unknown_figures
from vsearch.errors import ShopError
from vsearch.images import ImageError, content_hash, load, read_photo
from vsearch.progress import Progress, silent

FOREIGN_QUERIES = "queries of what is not sold here"


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured, and on what.

    Attributes:
        queries: photos that were asked with and that figures are of: those of what the shop sells,
            or all where the model itself turns photos away.
        foreign: photos that were asked with, and show something that the shop does not sell.
        refused: photos left out because they are in the index or were there to train on, those
            that were said to be foreign among them.
        unknown_items: queries of what the shop sells that name an item it does not have: always a
            miss, unless it is a photo to be turned away.
        rejects: rows and photos that cannot be used, with reasons.
        objective: the model's kind of classification; it decides what the figures are.
        figures: how good the answers were.
        levels: how honest the probabilities are, at the labels and at each level of the tree.
        unknown: how well foreign photos are told; None where nothing judges that.
        restricted: how a search within the likely categories does; None where there are none.
        model: model_fingerprint of what was measured.
        index: name of the index version that was measured.
        split: which queries were taken.
        seconds: how long it took.
    """

    queries: int
    foreign: int
    refused: int
    unknown_items: int
    rejects: tuple[Reject, ...]
    objective: str
    figures: Figures
    levels: tuple[LevelFigures, ...]
    unknown: UnknownFigures | None
    restricted: RestrictedFigures | None
    model: str
    index: str
    split: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what `vsearch evaluate --json` prints."""
        return {
            "queries": self.queries,
            "foreign": self.foreign,
            "refused": self.refused,
            "unknown_items": self.unknown_items,
            "rejected": len(self.rejects),
            "objective": self.objective,
            **self.figures.to_json(),
            "levels": [level.to_json() for level in self.levels],
            "unknown": self.unknown.to_json() if self.unknown else None,
            "restricted": self.restricted.to_json() if self.restricted else None,
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
    foreign: list[NDArray[np.float32] | None] = field(default_factory=list)
    refused: list[QueryPhoto] = field(default_factory=list)
    unusable: list[tuple[QueryPhoto, str]] = field(default_factory=list)

    def answers(self) -> Answers:
        """Join what came back."""
        return Answers.of(self.hits, self.predictions, self.foreign)

    def judged(self) -> NDArray[np.float32] | None:
        """Return how foreign the photos look, (n,); None where nothing judged them."""
        scores = [batch for batch in self.foreign if batch is not None]
        return np.concatenate(scores) if scores else None


@dataclass(frozen=True)
class Evaluation:
    """All that an evaluation knows: what a report is drawn from.

    Attributes:
        report: the figures.
        searcher: what was asked.
        queries: the photos that show what the shop sells, n of them.
        known: what is true of each.
        answers: what came back for each.
    """

    report: EvaluationReport
    searcher: Searcher
    queries: Sequence[QueryPhoto]
    known: Sequence[Truth]
    answers: Answers


def evaluate(
    shop: Shop,
    queries: Path,
    *,
    split: str = "test",
    where: Mapping[str, str] | None = None,
    unknown: Sequence[Path] = (),
    progress: Progress = silent,
    embedder: PhotoEmbedder | None = None,
) -> EvaluationReport:
    """Search and classify with every query, and compare with what the manifest says of it.

    See `measure`, which also returns what the figures were made of.
    """
    return measure(
        shop,
        queries,
        split=split,
        where=where,
        unknown=unknown,
        progress=progress,
        embedder=embedder,
    ).report


def measure(
    shop: Shop,
    queries: Path,
    *,
    split: str = "test",
    where: Mapping[str, str] | None = None,
    unknown: Sequence[Path] = (),
    progress: Progress = silent,
    embedder: PhotoEmbedder | None = None,
) -> Evaluation:
    """Search and classify with every query, and compare with what the manifest says of it.

    Nothing of a query is kept in the shop.

    Args:
        shop: a shop with a published model and index.
        queries: a manifest of photos with their item_id or category.
        split: only the queries of this split.
        where: only queries whose columns have these values.
        unknown: manifests or folders of photos of what the shop does not sell; of a manifest that
            has splits, those of `split`.
        progress: told of the stage "evaluate", in photos.
        embedder: the network; by default the published model.

    Raises:
        ShopError: nothing is built, no query is left to ask, or `unknown` names no photo.
        ManifestError: the manifest cannot be read.
    """
    started = time.monotonic()
    searcher = Searcher.open(shop, embedder=embedder)
    photos, rejects = read_queries(shop, queries, split, where)
    others = [(manifest, *_read_foreign(shop, manifest, split)) for manifest in unknown]
    asked = _ask(searcher, photos, progress)
    rejects += _unusable(queries, asked)
    if not asked.queries:
        raise ShopError(_nothing_left(queries, split, len(asked.refused), rejects))
    # A model whose label comes from no column is still measured on how well it finds categories.
    columns = searcher.embedder.bundle.label_columns or (CATEGORY,)
    known = truths(shop, asked.queries, columns)
    answers = asked.answers()
    own = own_kind(shop, known, columns)
    foreign = {FOREIGN_QUERIES: _scores(answers, ~own)}
    for manifest, shown, unread in others:
        strange = _ask(searcher, shown, progress, foreign=True)
        foreign[_name_of(manifest, foreign)] = strange.judged()
        rejects += [*unread, *_unusable(manifest, strange)]
        asked.refused += strange.refused
    told = _scores(answers, own)
    if not searcher.embedder.objective.rejects:  # such a model's figures are of both kinds
        rows = np.flatnonzero(own)
        asked.queries = [asked.queries[row] for row in rows]
        known, answers = [known[row] for row in rows], answers.of_rows(rows)
    report = EvaluationReport(
        queries=len(asked.queries),
        foreign=int((~own).sum()),
        refused=len(asked.refused),
        unknown_items=_unknown_items(shop, asked.queries),
        rejects=tuple(rejects),
        objective=searcher.embedder.objective.name,
        figures=figures_of(searcher, known, answers, columns),
        levels=level_figures(searcher.embedder, known, answers),
        unknown=unknown_figures(told, foreign),
        restricted=restricted_figures(searcher, known, answers),
        model=searcher.embedder.model_fingerprint,
        index=searcher.version.name,
        split=split,
        seconds=round(time.monotonic() - started, 3),
    )
    return Evaluation(report, searcher, asked.queries, known, answers)


def _ask(
    searcher: Searcher, queries: Sequence[QueryPhoto], progress: Progress, *, foreign: bool = False
) -> _Asked:
    """Search and classify with all queries, in batches; those that cannot serve are left out.

    Foreign ones need no truth, and are only judged.
    """
    shop, embedder, asked = searcher.shop, searcher.embedder, _Asked()
    seen = searcher.version.hashes()
    seen |= {photo.content_hash for _, photo in shop.catalogue.photos(splits=("train",))}

    def read(query: QueryPhoto) -> Pixels | None:
        if not foreign and query.item_id is None and query.category is None:
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

    stage = "unknown" if foreign else "evaluate"
    progress(stage, 0, len(queries))
    for batch, predictions in predict(embedder, queries, read):
        asked.queries += batch
        asked.foreign.append(searcher.foreign(predictions))
        if not foreign:
            asked.predictions.append(predictions)
            asked.hits += searcher.items.hits(predictions.embeddings, max(RECALL_AT))
        progress(stage, len(asked.queries), len(queries))
    progress(stage, len(queries), len(queries))
    return asked


def _read_foreign(shop: Shop, manifest: Path, split: str) -> tuple[list[QueryPhoto], list[Reject]]:
    """Return photos of what is not sold; none at all is told before the others are asked."""
    photos, rejects = read_queries(shop, manifest, split, foreign=True)
    if not photos:
        raise ShopError(_nothing_left(manifest, split, 0, rejects))
    return photos, rejects


def _name_of(manifest: Path, taken: Container[str]) -> str:
    """Return the name of a curve: the folder's, or the manifest's with that of its folder."""
    where = manifest.absolute()
    name = where.name if where.is_dir() else f"{where.parent.name}/{where.stem}"
    return name if name not in taken else str(manifest)


def _scores(answers: Answers, rows: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    return None if answers.foreign is None else answers.foreign[rows]


def _unusable(manifest: Path, asked: _Asked) -> list[Reject]:
    return [
        Reject(str(manifest), 0, query.item_id, "photo", str(query.path), reason)
        for query, reason in sorted(asked.unusable, key=lambda pair: pair[0].path)
    ]


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
