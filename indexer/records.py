"""What a catalogue holds and what is written into it: items, photos, rejects, counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vsearch.taxonomy import CategoryPath

Role = Literal["catalogue", "further"]
Split = Literal["train", "val", "test"]
State = Literal["ok", "rejected"]
Source = Literal["catalogue", "further", "build"]
Value = str | int | float | bool | None

SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Item:
    """Something the shop sells.

    `category` is the primary path, () only while a rejected item has none; `category_id` is its
    stable number, 0 with it. `reason` says why a rejected item cannot be sold by photo.
    """

    key: int
    item_id: str
    title: str
    category: CategoryPath
    category_id: int
    further_paths: tuple[CategoryPath, ...]
    group_id: str | None
    attributes: dict[str, Value]
    state: State
    reason: str | None


@dataclass(frozen=True)
class Photo:
    """A picture of an item; `path` is absolute, `content_hash` the SHA-256 of its bytes in hex."""

    key: int
    item_key: int
    content_hash: str
    path: Path
    role: Role
    split: Split
    position: int
    width: int
    height: int


@dataclass(frozen=True)
class PhotoFile:
    """A checked photo on disk: what one reading of its bytes found.

    `source` is the absolute path or the URL it came from; size in bytes, width and height in
    pixels.
    """

    source: str
    path: Path
    size: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int


@dataclass(frozen=True)
class PhotoRow:
    """A photo to be written; catalogue photos keep the defaults, position is their order."""

    content_hash: str
    path: Path
    width: int
    height: int
    split: Split = "train"
    position: int = 0


@dataclass(frozen=True)
class ItemRow:
    """An item to be written with all its catalogue photos; `reason` makes it a rejected one."""

    item_id: str
    title: str
    category: CategoryPath
    photos: tuple[PhotoRow, ...] = ()
    further_paths: tuple[CategoryPath, ...] = ()
    group_id: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class HeldOut:
    """A val or test photo that stopped being one, because its bytes came in for training.

    `taken_by` is the id of the item that they came in with.
    """

    item_id: str
    content_hash: str
    path: Path
    split: Split
    taken_by: str


@dataclass(frozen=True)
class FurtherOutcome:
    """What became of one further photo; `refusal` says why it was not taken in."""

    change: Literal["added", "changed", "unchanged"]
    refusal: str | None = None
    released: tuple[HeldOut, ...] = ()


@dataclass(frozen=True)
class UpsertCounts:
    """What an upsert did to items.

    `rejected` counts new or still rejected items, `kept` the fine items that a rejected row left
    as they were.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    kept: tuple[str, ...] = ()
    photos_added: int = 0
    released: tuple[HeldOut, ...] = ()


@dataclass(frozen=True)
class Counts:
    """The items of a shop: `items == indexed + waiting + rejected`, always."""

    items: int
    indexed: int
    waiting: int
    rejected: int


@dataclass(frozen=True)
class Reject:
    """Something that was not taken in: which manifest, row, field and value, and why."""

    manifest: str
    row: int
    item_id: str | None
    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = f"{Path(self.manifest).name}, row {self.row}" if self.manifest else "build"
        item = f", item “{self.item_id}”" if self.item_id else ""
        return f"{where}{item}: {self.field} “{self.value}”: {self.reason}"
