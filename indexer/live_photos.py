"""The photos of a live change: embedded by the network that serves before they are committed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoEmbedder, load_embedder
from indexer.intake import Files, Photos
from indexer.photo_reader import PhotoReader
from indexer.photo_vectors import photo_vectors
from indexer.records import PhotoFile
from indexer.shop import Current, Shop, Views
from indexer.version_files import read_manifest
from vsearch.errors import FingerprintMismatchError, ShopError, VersionError


class ModelChangedError(FingerprintMismatchError):
    """Another network serves than the one that has embedded."""


class EmbeddingsGoneError(ShopError):
    """Cached embeddings of photos that no item had were removed before an item came to have any."""


@dataclass(frozen=True)
class Serving:
    """What decides whether a photo is found at once.

    Attributes:
        current: the pair that serves.
        embedding_fingerprint: of the network that serves.
        views: which photos the index has as rows.
        sequence: the change sequence that the index has taken in.
    """

    current: Current
    embedding_fingerprint: str
    views: Views
    sequence: int

    @classmethod
    def of(cls, shop: Shop) -> "Serving | None":
        """Look up what serves; None before the first build.

        Raises:
            ShopError: CURRENT is damaged.
            VersionError: the index is.
        """
        current = shop.current()
        if current.index is None:
            return None
        try:
            told = read_manifest(shop.indexes / current.index)
        except VersionError:
            if shop.current() == current:
                raise
            return cls.of(shop)  # another one was published between the two looks
        return cls(current, told.embedding_fingerprint, told.views, told.sequence)


class LivePhotos(Photos):
    """Reads photos and embeds those that are new to the network that serves.

    A row that is wrong changes nothing: whoever sent it is told at once. While nothing serves, what
    comes in waits for the first build.

    Args:
        shop: whose photos they are.
        reader: reads and checks them.
        folder: where their paths start from.
        embedder: the network that serves; None: it is loaded once there is something to embed.
        further: they are further photos, which are rows of some indexes only.
    """

    live = True

    def __init__(
        self,
        shop: Shop,
        reader: PhotoReader,
        folder: Path,
        embedder: PhotoEmbedder | None,
        *,
        further: bool = False,
    ) -> None:
        super().__init__(reader, folder)
        self._shop = shop
        self._given = embedder
        self._further = further
        self._loaded: PhotoEmbedder | None = None
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._cached: set[str] = set()  # photos that need no vector, for the catalogue has one
        self.serving = Serving.of(shop)
        self.embedded = 0

    def files(self, references: Sequence[str], views: Collection[str]) -> Files:
        """Read photos, and embed those that are views of the index; see `Photos.files`.

        Raises:
            ModelChangedError: the network that was given is not the one that serves.
        """
        files = super().files(references, views)
        self.serving = Serving.of(self._shop)
        self._vectors.clear()
        self._cached.clear()
        if self.serving is None or (self._further and self.serving.views != "all"):
            return files
        asked = (files[reference] for reference in dict.fromkeys(views))
        photos = {file.content_hash: file for file in asked if isinstance(file, PhotoFile)}
        missing = self._shop.catalogue.missing_embeddings(
            self.serving.embedding_fingerprint, list(photos)
        )
        self._cached = photos.keys() - set(missing)
        unusable = self._embed(self.serving, [photos[content] for content in missing])
        return {
            reference: unusable.get(file.content_hash, file)
            if isinstance(file, PhotoFile)
            else file
            for reference, file in files.items()
        }

    def written(self, hashes: Collection[str], before: int) -> None:
        """Write the embeddings beside the photos; see `Photos.written`.

        Raises:
            ModelChangedError: what serves has changed since the photos were embedded.
            EmbeddingsGoneError: what was cached is no more.
        """
        if self.serving is None:
            if Serving.of(self._shop) is not None:
                raise ModelChangedError("a first index was built in the meantime: try again")
            return
        self.serving = self._still(self.serving)
        catalogue, fingerprint = self._shop.catalogue, self.serving.embedding_fingerprint
        if catalogue.missing_embeddings(fingerprint, [*(self._cached & set(hashes))]):
            raise EmbeddingsGoneError("the catalogue was cleaned in the meantime: try again")
        rows = [(content, self._vectors[content]) for content in hashes & self._vectors.keys()]
        catalogue.put_embeddings(fingerprint, rows)
        catalogue.tell_embedded(hashes, built=self.serving.sequence, before=before)
        self.embedded += len(rows)
        self._vectors.clear()

    def _embed(self, serving: Serving, photos: Sequence[PhotoFile]) -> dict[str, str]:
        """Embed photos; return those that cannot be used by content hash, with the reason."""
        failures: list[tuple[PhotoFile, str]] = []
        if photos:
            embedder = self._embedder(serving)
            for batch, vectors in photo_vectors(self._shop, embedder, photos, failures):
                hashes = (photo.content_hash for photo in batch)
                self._vectors |= zip(hashes, vectors, strict=True)
        return {photo.content_hash: reason for photo, reason in failures}

    def _embedder(self, serving: Serving) -> PhotoEmbedder:
        fingerprint = serving.embedding_fingerprint
        if self._given is not None:
            if self._given.embedding_fingerprint != fingerprint:
                raise ModelChangedError(
                    f"the network at hand makes embeddings {self._given.embedding_fingerprint}, "
                    f"the index that serves holds {fingerprint}: open the shop's model again"
                )
            return self._given
        if self._loaded is None or self._loaded.embedding_fingerprint != fingerprint:
            self._loaded = load_embedder(self._shop, serving.current.model)
        return self._loaded

    def _still(self, serving: Serving) -> Serving:
        """Return what serves now, if it is another index of the same network at most."""
        if self._shop.current() == serving.current:
            return serving
        now = Serving.of(self._shop)
        kept = replace(now, current=serving.current, sequence=serving.sequence) if now else None
        if now is None or kept != serving:
            raise ModelChangedError("another model was published in the meantime: try again")
        return now
