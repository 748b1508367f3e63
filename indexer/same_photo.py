"""That the catalogue has the very photo that was searched with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SamePhoto:
    """The item whose catalogue photo or further labelled photo a query repeats.

    Attributes:
        item_id: the item.
        same_file: whether the bytes are the same, or else the picture alone.
    """

    item_id: str
    same_file: bool

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {"item_id": self.item_id, "same_file": self.same_file}
