"""Opening what serves so that the first photo is answered as fast as the next."""

from collections.abc import Callable

import numpy as np

from indexer.embedding import PhotoEmbedder, load_embedder
from indexer.search import Searcher
from indexer.shop import Current, Shop
from indexer.versions import IndexVersion
from vsearch.errors import ShopError

LoadNetwork = Callable[[Shop, str | None], PhotoEmbedder]
"""Loads one of a shop's models by its fingerprint, ready to answer without compiling."""


def open_warm(shop: Shop, *, exact: bool = False) -> Searcher:
    """Return the pair that serves, its network compiled for single photos.

    Args:
        shop: the shop; it must stay open.
        exact: scan all views that a search may find, whatever codes the version has.

    Raises:
        ShopError: nothing is built yet.
        FingerprintMismatchError: model and index do not belong together.
    """
    searcher = Searcher.open(shop, exact=exact)
    _warm(searcher.embedder, 1)
    return searcher


def load_warm(shop: Shop, model: str | None) -> PhotoEmbedder:
    """Return a network that is compiled for all of its batch sizes.

    Raises:
        ShopError: the shop has no model.
        BundleError: the model is missing or damaged.
    """
    embedder = load_embedder(shop, model)
    for photos in embedder.batch_sizes:
        _warm(embedder, photos)
    return embedder


def open_version(shop: Shop, current: Current, embedder: PhotoEmbedder) -> Searcher:
    """Return a searcher that has looked into its index once.

    What the first search would have to read and arrange is then there: the mapped vectors, the
    changes since the version was built, the columns.

    Raises:
        ShopError: nothing is built yet.
        VersionError: the index is missing or damaged.
        FingerprintMismatchError: the index is not of this network.
    """
    if current.index is None:
        raise ShopError(f"{shop.path} has no index yet: run `vsearch build {shop.path}`")
    searcher = Searcher(shop, embedder, IndexVersion.open(shop.indexes / current.index))
    if len(searcher.version.vectors):
        searcher.items.hits(np.array(searcher.version.vectors[:1]))
    return searcher


def _warm(embedder: PhotoEmbedder, photos: int) -> None:
    side = embedder.spec.size
    embedder(np.zeros((photos, side, side, 3), np.uint8))
