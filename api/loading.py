"""Opening a shop for searching so that the first photo is answered as fast as the next."""

import numpy as np

from indexer.search import Searcher
from indexer.shop import Shop


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
    side = searcher.embedder.spec.size
    searcher.embedder(np.zeros((1, side, side, 3), np.uint8))
    return searcher
