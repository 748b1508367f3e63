"""Views to vectors: those that have no embedding yet get one, then all are read in their order."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import PhotoEmbedder
from indexer.photo_vectors import photo_vectors
from indexer.records import Photo
from indexer.shop import Shop
from indexer.view_rows import ViewRows
from vsearch.errors import ShopError
from vsearch.progress import Progress

_FEW = 20  # photos that may always be rejected
_BLOCK = 4096  # photos looked up in the catalogue at a time


def embed_missing(shop: Shop, embedder: PhotoEmbedder, rows: ViewRows, progress: Progress) -> int:
    """Embed the photos that have no embedding, and commit batch by batch; return how many.

    Those that cannot be used are rejected.

    Args:
        shop: whose photos they are.
        embedder: the network.
        rows: the views of the catalogue.
        progress: told of the stage "embed", in photos.

    Raises:
        ShopError: most photos have gone; then none is rejected.
        BundleError: the network gives no unit vectors.
    """
    photos = _photos(shop, rows.photo_keys[rows.missing()])
    failures: list[tuple[Photo, str]] = []
    embedded = 0
    progress("embed", 0, len(photos))
    for batch, vectors in photo_vectors(shop, embedder, photos, failures):
        hashes = (photo.content_hash for photo in batch)
        shop.catalogue.put_embeddings(
            embedder.embedding_fingerprint, list(zip(hashes, vectors, strict=True))
        )
        embedded += len(batch)
        progress("embed", embedded, len(photos))
    progress("embed", len(photos), len(photos))
    failures.sort(key=lambda failure: failure[0].key)
    _reject(shop, failures, new=len(photos), photos=rows.photos)
    return embedded


def vectors_of(
    shop: Shop, fingerprint: str, rows: ViewRows, progress: Progress
) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors of views in blocks, (n, dim) float32, in their order.

    Args:
        shop: the shop.
        fingerprint: of the embedding; all rows have one.
        rows: the views.
        progress: told of the stage "index", in views.
    """
    progress("index", 0, len(rows))
    for start in range(0, len(rows), _BLOCK):
        numbers = rows.embeddings[start : start + _BLOCK]
        known = shop.catalogue.numbered_embeddings(numbers)
        if len(known) < len(set(numbers.tolist())):
            yield _by_photo(shop, fingerprint, rows.hashes[start : start + _BLOCK])
        else:
            vectors = b"".join([known[number] for number in numbers.tolist()])
            yield np.frombuffer(vectors, "<f4").reshape(len(numbers), -1)
        progress("index", start + len(numbers), len(rows))


def _by_photo(shop: Shop, fingerprint: str, hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return vectors of photos of which another process has written some anew meanwhile."""
    names = [content.tobytes().hex() for content in hashes]
    known = shop.catalogue.embeddings(fingerprint, names)
    return np.stack([known[name] for name in names])


def _photos(shop: Shop, keys: NDArray[np.int64]) -> list[Photo]:
    """Return the photos of these keys, in their order; those that went meanwhile are left out."""
    found: list[Photo] = []
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK].tolist()
        photos = shop.catalogue.photos_by_key(block)
        found += [photos[key] for key in block if key in photos]
    return found


def _reject(shop: Shop, failures: Sequence[tuple[Photo, str]], *, new: int, photos: int) -> None:
    """Reject photos that cannot be used; a disk that is not there must not empty a shop.

    Args:
        shop: the shop.
        failures: the photos, with reasons.
        new: how many photos were to be embedded.
        photos: how many the index was to have.
    """
    # Measured by the whole shop too: after an interrupt the bad photos are all that is left to do.
    most = max(_FEW, new // 2, photos // 10)
    if len(failures) > most or len(failures) == photos:
        raise ShopError(
            f"{len(failures)} of {new} new photos cannot be used, the first because "
            f"{failures[0][1]} — is their disk there? Nothing was rejected: mend it and run "
            "`vsearch build` again"
        )
    for photo, reason in failures:
        shop.catalogue.reject_photo(photo.key, reason)
