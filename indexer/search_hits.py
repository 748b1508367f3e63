"""What a search finds: items, each by its most similar view."""

from dataclasses import dataclass

from indexer.records import Item
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
