"""From one pair of model and index to the next, without losing what was acknowledged meanwhile.

A live change is embedded with the network that serves. Where a build brings another network, what
was changed while it ran would be found no more until the next build; so it is embedded with the new
one first. A live change looks at CURRENT inside its transaction, and CURRENT is replaced inside one
here: whichever comes first, the other sees it.
"""

from collections.abc import Sequence
from dataclasses import asdict

from indexer.embedding import PhotoEmbedder
from indexer.photo_vectors import photo_vectors
from indexer.records import Photo
from indexer.shop import Current, Shop
from indexer.version_files import read_manifest
from indexer.versions import IndexVersion
from vsearch.errors import ShopError

_BLOCK = 4096  # items looked up at a time


def hand_over(
    shop: Shop, embedder: PhotoEmbedder, version: IndexVersion, *, chosen_over: str | None = None
) -> int:
    """Let a version serve from now on, together with the model that made it.

    Args:
        shop: the caller holds its build lock.
        embedder: the model.
        version: the version, verified.
        chosen_over: the newest trained model, if a person has chosen this one instead.

    Returns:
        How many photos had to be embedded for it.
    """
    late = _LateViews(shop, embedder, version)
    embedded = 0
    while True:
        embedded += late.embed(late.next())
        with shop.catalogue.transaction():
            if not (newer := late.next()):
                current = Current(embedder.model_fingerprint, version.name, chosen_over)
                if asdict(serving(shop)) != asdict(current):
                    shop.publish(current)
                return embedded
        embedded += late.embed(newer)


def serving(shop: Shop) -> Current:
    """Return the pair that serves; none where CURRENT is damaged, for a build replaces it."""
    try:
        return shop.current()
    except ShopError:
        return Current(None, None)


class _LateViews:
    """The views that the network before has embedded since the version was begun."""

    def __init__(self, shop: Shop, embedder: PhotoEmbedder, version: IndexVersion) -> None:
        self._shop = shop
        self._embedder = embedder
        self._views = version.manifest.views
        self._sequence = version.manifest.sequence
        self._before = _serving_fingerprint(shop)

    def next(self) -> list[Photo]:
        """Return photos, as they are in the changes that were not looked at yet."""
        if self._before in {None, self._embedder.embedding_fingerprint}:
            return []
        self._sequence, changed = self._shop.catalogue.changed_since(self._sequence)
        found: dict[int, Photo] = {}
        for start in range(0, len(changed), _BLOCK):
            found |= self._only_before(changed[start : start + _BLOCK])
        return list({photo.content_hash: photo for photo in found.values()}.values())

    def embed(self, photos: Sequence[Photo]) -> int:
        """Embed photos; one that cannot be used any more waits for the next build to reject it."""
        embedded = 0
        for batch, vectors in photo_vectors(self._shop, self._embedder, photos, []):
            hashes = (photo.content_hash for photo in batch)
            rows = list(zip(hashes, vectors, strict=True))
            self._shop.catalogue.put_embeddings(self._embedder.embedding_fingerprint, rows)
            embedded += len(batch)
        return embedded

    def _only_before(self, keys: Sequence[int]) -> dict[int, Photo]:
        had = self._embedded(keys, str(self._before))
        has = self._embedded(keys, self._embedder.embedding_fingerprint)
        return self._shop.catalogue.photos_by_key(sorted(had - has))

    def _embedded(self, keys: Sequence[int], fingerprint: str) -> set[int]:
        items = self._shop.catalogue.embedded_views(keys, self._views, fingerprint)
        return {
            key
            for views in items.values()
            for key, view in views.items()
            if view.vector is not None
        }


def _serving_fingerprint(shop: Shop) -> str | None:
    index = serving(shop).index
    try:
        return read_manifest(shop.indexes / index).embedding_fingerprint if index else None
    except ShopError:
        return None  # damaged: nothing can be found in it either
