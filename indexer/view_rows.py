"""The rows of an index as arrays: which views it is made of, in their order, without the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.category_rows import CategoryRows
from vsearch.taxonomy import CategoryPath


@dataclass(frozen=True)
class ViewRows:
    """Views in the order of an index: by (category_id, item_key, position, photo_key).

    Attributes:
        category_ids: shape (rows,), int64: the category of each view's item.
        item_keys: shape (rows,), int64.
        photo_keys: shape (rows,), int64.
        hashes: shape (rows, 32), uint8: the SHA-256 of each photo.
        embeddings: shape (rows,), int64: the number by which the catalogue has each embedding, -1
            where it has none.
        paths: the path of each category, by number.
    """

    category_ids: NDArray[np.int64]
    item_keys: NDArray[np.int64]
    photo_keys: NDArray[np.int64]
    hashes: NDArray[np.uint8]
    embeddings: NDArray[np.int64]
    paths: Mapping[int, CategoryPath]

    def __len__(self) -> int:
        return len(self.photo_keys)

    @property
    def items(self) -> int:
        """How many items have views."""
        return len(np.unique(self.item_keys))

    @cached_property
    def photos(self) -> int:
        """How many photos of different content there are."""
        return len(np.unique(self.hashes.view("V32")))

    def missing(self) -> NDArray[np.int64]:
        """Return the first row of each photo that has no embedding, ascending: shape (photos,)."""
        rows = np.flatnonzero(self.embeddings < 0)
        _, first = np.unique(self.hashes[rows].view("V32"), return_index=True)
        return np.sort(rows[first]).astype(np.int64, copy=False)

    def categories(self) -> list[CategoryRows]:
        """Return the range of rows of each category."""
        edges = np.flatnonzero(np.diff(self.category_ids)) + 1
        starts = [0, *edges.tolist()] if len(self) else []
        stops = [*edges.tolist(), len(self)] if len(self) else []
        numbers = self.category_ids[starts].tolist()
        return [
            CategoryRows(number, self.paths[number], start, stop)
            for number, start, stop in zip(numbers, starts, stops, strict=True)
        ]
