"""What an edit of the category tree did, as commands tell it."""

from dataclasses import dataclass, field

from indexer.category_edits_paths import CategoryEdit
from vsearch.taxonomy import CategoryPath, format_path


@dataclass
class EditReport:
    """What an edit did.

    Attributes:
        edit: the edit; where it was undone, what was undone.
        undone: whether it was.
        items: items that are in another category now.
        removed: items that were taken out with their category.
        parts: of a split category, how many items went where.
        models: the model_fingerprint of each model that followed, by that before.
        model: that of the model that serves now.
        version: the index version that serves now.
        notes: what a person should know.
        seconds: how long it took.
    """

    edit: CategoryEdit
    undone: bool = False
    items: int = 0
    removed: int = 0
    parts: dict[CategoryPath, int] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    version: str | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            **self.edit.to_json(),
            "undone": self.undone,
            "items": self.items,
            "removed": self.removed,
            "parts": {format_path(path): count for path, count in self.parts.items()},
            "models": self.models,
            "model": self.model,
            "version": self.version,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }
