"""What a search answers: what the photo shows, and items, each by its most similar view."""

from dataclasses import dataclass

from indexer.classes import Classes
from indexer.records import Item
from indexer.restriction import Restriction
from indexer.same_photo import SamePhoto
from vsearch.taxonomy import format_path


@dataclass(frozen=True)
class SearchHit:
    """An item that looks like the photo, by its most similar view.

    Attributes:
        item: the item as the catalogue has it now.
        score: cosine similarity of the view, -1..1.
        photo_key: the view.
    """

    item: Item
    score: float
    photo_key: int

    @property
    def group_id(self) -> str | None:
        """What joins the item with the variants of the same product."""
        return self.item.group_id

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "item_id": self.item.item_id,
            "title": self.item.title,
            "score": self.score,
            "category": format_path(self.item.category),
            "group_id": self.group_id,
        }


@dataclass(frozen=True)
class SearchResult(Classes):
    """The answer to one photo: what it shows, and what looks like it.

    Attributes:
        hits: the most similar items, best first; none where only classes were asked for.
        model: model_fingerprint of the model that answered.
        index: name of the index version that answered.
        timings: milliseconds by stage ("decode", "embed", "search") and in "total".
        restricted: where a search with `restrict="auto"` looked; None for any other.
        same_photo: the item that the catalogue has this very photo of; None where it has not, or
            only a part of the photo was looked at.
    """

    hits: tuple[SearchHit, ...]
    model: str
    index: str
    timings: dict[str, float]
    restricted: Restriction | None = None
    same_photo: SamePhoto | None = None

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            **super().to_json(),
            "hits": [hit.to_json() for hit in self.hits],
            "model": self.model,
            "index": self.index,
            "restricted": self.restricted.to_json() if self.restricted else None,
            "same_photo": self.same_photo.to_json() if self.same_photo else None,
            "timings": self.timings,
        }
