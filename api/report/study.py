"""An evaluation as the page's sections ask for it: how each query fared, what labels look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from api.photos import catalogue_photo
from api.report.thumbnails import Load
from indexer.evaluate import Evaluation
from indexer.labels import CATEGORY, all_of, labels_of
from indexer.records import Item
from indexer.retrieval_figures import found_among
from indexer.search import SearchHit
from indexer.shop import Shop
from indexer.truths import sold_here
from vsearch.images import decode, read_photo
from vsearch.taxonomy import format_path

SHOWN_SIDE = 256  # pixels that pictures are made of at least, where a JPEG can be decoded smaller


@dataclass(frozen=True)
class Outcome:
    """How one query fared.

    Attributes:
        number: its place among the queries.
        path: the photo.
        item_id: the item it shows, None where the manifest does not say.
        label: its true label, None where it has none; the first of several.
        guess: the most probable label.
        sure: how probable that is, 0..1.
        label_right: whether the guess is one of its labels; None where it has none.
        rank: at which place, from 1, what was sought came; None: not among those looked at.
        hits: the items found, best first.
        right_hits: whether each of them is what was sought.
    """

    number: int
    path: Path
    item_id: str | None
    label: str | None
    guess: str
    sure: float
    label_right: bool | None
    rank: int | None
    hits: Sequence[SearchHit]
    right_hits: Sequence[bool]

    @property
    def found(self) -> bool:
        """Whether the first hit is what was sought."""
        return self.rank == 1


@dataclass(frozen=True)
class Face:
    """What a label looks like and is called: by an item of it, where the shop has one."""

    title: str
    category: str
    item: Item | None


class Study:
    """An evaluation with what the sections look up in it.

    Args:
        evaluation: what was asked, and what came back.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.shop: Shop = evaluation.searcher.shop
        self.bundle = evaluation.searcher.embedder.bundle
        self.columns: tuple[str, ...] = tuple(self.bundle.label_columns) or (CATEGORY,)
        self.exclusive = evaluation.searcher.embedder.objective.exclusive

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """What `vsearch evaluate --json` prints."""
        return self.evaluation.report.to_json()

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """How every query fared, in order."""
        one = self.evaluation
        found = found_among(one.known, one.answers.hits)
        ranks = np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0).tolist()
        columns = one.answers.probabilities.argmax(axis=1).tolist()
        sure = one.answers.probabilities.max(axis=1).tolist()
        names = [label.name for label in self.bundle.labels]
        return [
            Outcome(
                number,
                query.path,
                truth.item_id,
                truth.names[0] if truth.names else None,
                names[column],
                min(probability, 1.0),
                names[column] in truth.names if truth.names else None,
                rank or None,
                hits,
                right,
            )
            for number, (query, truth, rank, column, probability, hits, right) in enumerate(
                zip(
                    one.queries,
                    one.known,
                    ranks,
                    columns,
                    sure,
                    one.answers.hits,
                    found.tolist(),
                    strict=True,
                )
            )
        ]

    @cached_property
    def sought(self) -> list[Outcome]:
        """The queries that the search should have found something for."""
        if not self.evaluation.searcher.embedder.objective.rejects:
            return self.outcomes
        own = sold_here(self.shop, self.evaluation.known)
        return [one for one in self.outcomes if own[one.number]]

    @cached_property
    def items(self) -> dict[str, Item]:
        """The items that queries show, by id; those that the shop does not have are absent."""
        named = {truth.item_id for truth in self.evaluation.known if truth.item_id}
        keys = self.shop.catalogue.item_keys(named)
        found = self.shop.catalogue.get_many(list(keys.values())).values()
        return {item.item_id: item for item in found}

    @cached_property
    def faces(self) -> dict[str, Face]:
        """What each label looks like: its first item, and its own name where it has several."""
        items: dict[str, list[Item]] = {}
        for item in self.shop.catalogue.items("ok"):
            for name in all_of(labels_of(item, self.columns)):
                items.setdefault(name, [])[1:] = [item]  # the first and any other
        return {
            name: Face(own[0].title or name, format_path(own[0].category), own[0])
            if self.columns == ("item_id",)
            else Face(name, "", own[0])
            for name, own in items.items()
        }

    def face(self, label: str) -> Face:
        """Return what a label looks like; one that no item has has its name alone."""
        return self.faces.get(label, Face(label, "", None))

    def title_of(self, outcome: Outcome) -> str:
        """Return what a query shows, in words."""
        item = self.items.get(outcome.item_id or "")
        if item is not None:
            return item.title or item.item_id
        truth = self.evaluation.known[outcome.number]
        return outcome.item_id or (format_path(truth.category) if truth.category else "unknown")

    def query_photo(self, path: Path) -> Load:
        """Return what reads a query's photo."""
        settings = self.shop.settings

        def load() -> Image.Image:
            data = read_photo(path, max_bytes=settings.max_bytes)
            return decode(data, max_pixels=settings.max_pixels, shorter_side=SHOWN_SIDE)

        return load

    def item_photo(self, item: Item) -> Load:
        """Return what reads an item's catalogue photo; further photos are never shown as a hit."""

        def load() -> Image.Image:
            data = catalogue_photo(self.shop, item)
            limit = self.shop.settings.max_pixels
            return decode(data, max_pixels=limit, shorter_side=SHOWN_SIDE)

        return load
