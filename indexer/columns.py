"""Which column of a manifest means what, for our own names and those of common shop exports.

Names are compared in one form, `column_name`: lower case, words joined by underscores, without
the `g:` of Google's feeds; `Image Src` and `image_src` are the same column.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from indexer.attributes import plain
from vsearch.errors import ManifestError
from vsearch.taxonomy import CategoryPath, format_path, parse_path

# The first of these that a manifest has is taken. Google Merchant: id, image_link,
# additional_image_link, product_type, google_product_category, item_group_id. Shopify: Handle,
# Image Src, Image Position, Type, Product Category, Variant Price, Variant Image.
_ID = ("item_id", "id", "handle", "sku")
_TITLE = ("title", "name", "product_name")
_PHOTO = ("image_path", "image_link", "image_src", "image_url", "image", "photo")
_MORE_PHOTOS = ("photos", "additional_image_link", "additional_images", "variant_image")
PHOTO_COLUMNS = frozenset((*_PHOTO, *_MORE_PHOTOS))
_GROUP = ("group_id", "item_group_id")
_CATEGORY = ("category", "product_type", "product_category", "google_product_category")
_SHOPIFY_CATEGORY = ("type", "product_category")
PRICES = ("price", "variant_price", "sale_price", "variant_compare_at_price")

# How a message tells of a column that is missing.
MEANINGS = {
    "item_id": f"item's id, one of {', '.join(_ID)}",
    "photo": f"photo, one of {', '.join(_PHOTO)}",
    "category": f"category, one of {', '.join(_CATEGORY)}, and no others were named",
}

MAX_ID = 200  # characters
MAX_CATEGORY = 750  # characters, Google's limit for product_type


@dataclass(frozen=True)
class Columns:
    """The columns of a manifest by meaning; each as `column_name` writes it.

    Attributes:
        names: all columns of the manifest.
        item_id, title, photo, group: the column of that meaning, None where there is none.
        more_photos: columns that may hold further catalogue photos, or, without `photo`, all.
        category: the columns that make up the path, root first; empty where there are none.
        shopify: rows of one `Handle` are one item, the later ones add photos.
    """

    names: tuple[str, ...]
    item_id: str | None
    title: str | None
    photo: str | None
    group: str | None
    more_photos: tuple[str, ...]
    category: tuple[str, ...]
    shopify: bool

    @classmethod
    def of(
        cls, names: Iterable[str], filled: Collection[str], category: Sequence[str] = ()
    ) -> Self:
        """Find out what the columns mean.

        Args:
            names: the manifest's columns.
            filled: those that hold a value in at least one row.
            category: the columns that make up the path; empty: the usual names are looked for,
                and the first that is filled is taken for the whole manifest.

        Raises:
            ManifestError: one of `category` is not there.
        """
        names = tuple(names)
        shopify = "handle" in names and not {"item_id", "id"} & set(names)
        wanted = tuple(column_name(name) for name in category)
        if missing := [name for name in wanted if name not in names]:
            raise ManifestError(
                f"there is no column “{missing[0]}” to take the category from; "
                f"the columns are {', '.join(names)}"
            )
        candidates = [n for n in (_SHOPIFY_CATEGORY if shopify else _CATEGORY) if n in names]
        found = next((n for n in candidates if n in filled), next(iter(candidates), None))
        return cls(
            names=names,
            item_id=_first(_ID, names),
            title=_first(_TITLE, names),
            photo=_first(_PHOTO, names),
            group=_first(_GROUP, names),
            more_photos=tuple(name for name in _MORE_PHOTOS if name in names),
            category=wanted or ((found,) if found else ()),
            shopify=shopify,
        )

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that become attributes: all without a meaning of their own.

        A column of the category path stays an attribute too, so that one level can be asked for;
        only `category` always means the path.
        """
        own = {self.item_id, self.title, self.photo, self.group, *self.more_photos}
        own |= {"category", "further_categories", "split"}
        own |= {"image_position"} if self.shopify else set()
        return tuple(name for name in self.names if name not in own)

    def attribute(self, column: str) -> str:
        """Return the name of the attribute that a column becomes."""
        return "price" if self.shopify and column == "variant_price" else column


def _first(candidates: Sequence[str], names: Collection[str]) -> str | None:
    return next((name for name in candidates if name in names), None)


def column_name(name: str) -> str:
    """Return the one form of a column's name: `Image Src` → `image_src`, `g:id` → `id`."""
    return "_".join(re.findall(r"\w+", name.casefold().removeprefix("g:")))


def read_id(cell: object) -> str:
    """Return an item's id.

    Raises:
        ValueError: empty, too long, or with control characters; the message is the reason.
    """
    value = plain(cell)
    if value is None:
        raise ValueError("the row has no id")
    if isinstance(value, bool | float):
        raise ValueError("an id must be a text or a whole number")
    text = str(value)
    if len(text) > MAX_ID:
        raise ValueError(f"the id has {len(text)} characters, at most {MAX_ID} are allowed")
    if has_control(text):
        raise ValueError("the id holds control characters")
    return text


def read_category(cells: Sequence[object]) -> CategoryPath:
    """Return the path that the cells of the category columns make up, root first.

    A cell is a path of its own (`A > B`, or a list of names); cells at the end may be empty.

    Raises:
        ValueError: no category, one with a gap, too long, or with control characters.
    """
    paths = [_path(cell) for cell in cells]
    while paths and not paths[-1]:
        paths.pop()
    if not paths:
        raise ValueError("the row has no category")
    if not all(paths):
        raise ValueError("a level of the category is empty although a deeper one is not")
    path = tuple(name for part in paths for name in part)
    text = format_path(path)
    if len(text) > MAX_CATEGORY:
        raise ValueError(
            f"the category has {len(text)} characters, at most {MAX_CATEGORY} are allowed"
        )
    if has_control(text):
        raise ValueError("the category holds control characters")
    return path


def _path(cell: object) -> CategoryPath:
    if isinstance(cell, list | tuple):
        names = (" ".join(_text(name).split()) for name in cell)
        return tuple(name for name in names if name)
    return parse_path(_text(cell))


def read_list(cell: object, separator: str) -> list[str]:
    """Return the parts of a cell that lists several things, as a list or with a separator."""
    parts = cell if isinstance(cell, list | tuple) else _text(cell).split(separator)
    return [text for part in parts if (text := _text(part))]


def _text(cell: object) -> str:
    value = plain(cell)
    return "" if value is None else str(value)


def folded(text: str) -> str:
    """Return a text on one line: white space folded, control characters gone."""
    return " ".join("".join(" " if has_control(c) else c for c in text).split())


def has_control(text: str) -> bool:
    """Say whether a text holds control characters, line separators or half characters."""
    return any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text)
