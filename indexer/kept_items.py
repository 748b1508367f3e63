"""What answers tell of items, kept in memory for as long as the catalogue does not change.

A shop's shoppers look at the same items again and again: to read and parse ten of them, with their
photos, took a third of a search.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from indexer.catalogue import Catalogue
from indexer.records import Item, Photo

MOST = 8192  # of each kind; an item takes a few KB

Told = TypeVar("Told")


class KeptItems:
    """Reads items and photos as the catalogue has them at a moment; safe between threads.

    Whatever is kept is of the catalogue's last change, which every question looks at.

    Args:
        catalogue: it must stay open.
        most: entries of each kind that are kept.
    """

    def __init__(self, catalogue: Catalogue, most: int = MOST) -> None:
        self._catalogue = catalogue
        self._items = _Kept(catalogue.get_many, most)
        self._photos = _Kept(catalogue.photos_by_key, most)
        self._shown_hashes = _Kept(catalogue.shown_hashes, most)

    def items(self, keys: Collection[int]) -> dict[int, Item]:
        """Return items by key; see `Catalogue.get_many`."""
        return self._read(self._items, keys)

    def photos(self, keys: Collection[int]) -> dict[int, Photo]:
        """Return photos by key; see `Catalogue.photos_by_key`."""
        return self._read(self._photos, keys)

    def shown_hashes(self, keys: Collection[int]) -> dict[int, list[str]]:
        """Return the content hashes of the photos that may be shown, by item; see `Catalogue`."""
        return self._read(self._shown_hashes, keys)

    def _read(self, kept: "_Kept[Told]", keys: Collection[int]) -> dict[int, Told]:
        with self._catalogue.some_moment() as committed:
            if not committed:  # what a transaction has not committed yet may never be
                return dict(kept.read(list(keys)))
            return kept.get(keys, self._catalogue.seq())


class _Kept(Generic[Told]):
    """One kind of what is kept: by key, None for keys that have nothing."""

    def __init__(self, read: Callable[[Sequence[int]], Mapping[int, Told]], most: int) -> None:
        self.read = read
        self._most = most
        # Replaced as one, so that who still reads at an older moment writes into what is let go.
        self._known: tuple[int, dict[int, Told | None]] = (-1, {})

    def get(self, keys: Collection[int], sequence: int) -> dict[int, Told]:
        """Return what the keys have at a moment that is open, and keep it.

        Args:
            keys: the keys.
            sequence: the catalogue's last change at that moment.
        """
        known = self._at(sequence)
        if new := [key for key in keys if key not in known]:
            known.update({**dict.fromkeys(new), **self.read(new)})
        return {key: told for key in keys if (told := known[key]) is not None}

    def _at(self, sequence: int) -> dict[int, Told | None]:
        kept_sequence, known = self._known
        if kept_sequence == sequence and len(known) <= self._most:
            return known
        known = {}
        if sequence >= kept_sequence:
            self._known = sequence, known
        return known
