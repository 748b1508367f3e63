"""What categories are called since the tree was edited: paths of any time lead to those of now.

Edits apply one after another, as they were made. Whatever somebody still calls a category, a
manifest of last year or a model that was trained before, comes out as it is called now, and a path
of now comes out as it is. Edits that are forgotten lead nobody on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from indexer.labels import CATEGORY, label_names
from vsearch.data import Label
from vsearch.taxonomy import CategoryPath, format_path, is_within

EditKind = Literal["rename", "move", "merge", "retire", "split"]
KINDS: tuple[EditKind, ...] = get_args(EditKind)


@dataclass(frozen=True)
class CategoryEdit:
    """One edit of the tree.

    Attributes:
        kind: what was done.
        source: the category, as it was called before.
        target: where it is since; None for a split one, and where a retired one has no successor.
        parts: of a split one, the category of each item that went, by item id; where an edit was
            read from the catalogue the catalogue itself tells them.
        number: in the order of the edits; 0 before it is made.
        forgotten: manifests mean what they say, however the category was called once.
        at: when, in UTC, ISO 8601.
    """

    kind: EditKind
    source: CategoryPath
    target: CategoryPath | None = None
    parts: Mapping[str, CategoryPath] = field(default_factory=dict)
    number: int = 0
    forgotten: bool = False
    at: str = ""

    def path(self, path: CategoryPath) -> CategoryPath | None:
        """Return where items of a category are since; None where it is sold no more."""
        if self.kind == "split" or not is_within(path, self.source):
            return path
        if self.target is None or self.kind == "retire":
            return self.target  # of a retired category all goes to one place
        return (*self.target, *path[len(self.source) :])

    def inverse(self) -> "CategoryEdit":
        """Return the rename or move that takes this one back."""
        if self.target is None or self.kind not in {"rename", "move"}:
            raise ValueError(f"no single edit takes back a {self.kind}")
        return replace(self, source=self.target, target=self.source)

    def label(self, label: Label, columns: Sequence[str]) -> Label | None:
        """Return a model's label as it is since; None where the model must do without it.

        Args:
            label: the label.
            columns: where the model's labels come from.
        """
        path = self.path(label.path)
        if path == label.path:
            return label  # one without a place is within no category
        if path is None or (self.kind == "retire" and label.column == CATEGORY):
            return None
        return (
            category_label(path, columns) if label.column == CATEGORY else replace(label, path=path)
        )

    def to_json(self) -> dict[str, object]:
        """Return what scripts read."""
        return {
            "number": self.number,
            "kind": self.kind,
            "from": format_path(self.source),
            "to": None if self.target is None else format_path(self.target),
            "forgotten": self.forgotten,
            "at": self.at,
        }


def category_label(path: CategoryPath, columns: Sequence[str]) -> Label:
    """Return the label of a category in a model whose labels come from some columns."""
    (name,) = label_names(columns, None, path, {})[CATEGORY]
    return Label(name, path, CATEGORY)


@dataclass(frozen=True)
class EditedPaths:
    """All edits that hold, in order.

    Attributes:
        edits: none of them forgotten.
        part_of: the path that an item went to in a split, by the edit's number and the item's id.
    """

    edits: tuple[CategoryEdit, ...] = ()
    part_of: Callable[[int, str], CategoryPath | None] = lambda _number, _item_id: None

    def path(self, path: CategoryPath) -> CategoryPath | None:
        """Return a category's path as of now; None where it is sold no more."""
        now: CategoryPath | None = path
        for edit in self.edits:
            if now:
                now = edit.path(now)
        return now

    def item_path(self, item_id: str, path: CategoryPath) -> CategoryPath | None:
        """Return where an item lies now that somebody lists in a category; None likewise."""
        now: CategoryPath | None = path
        for edit in self.edits:
            if now and edit.kind == "split":
                now = (edit.source == now and self.part_of(edit.number, item_id)) or now
            elif now:
                now = edit.path(now)
        return now

    def label(self, label: Label, columns: Sequence[str]) -> Label | None:
        """Return a model's label as of now; None where nothing of it is sold any more."""
        now: Label | None = label
        for edit in self.edits:
            now = edit.label(now, columns) if now else None
        return now

    def leads_on(self, path: CategoryPath) -> CategoryEdit | None:
        """Return the first edit because of which a path leads elsewhere; None where it does not."""
        if self.path(path) == path:
            return None
        return next(edit for edit in self.edits if edit.path(path) != path)
