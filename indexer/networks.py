"""The models that take part in a change of models, and how many photos they were shown."""

import numpy as np
from numpy.typing import NDArray

from indexer.pair import load_model
from indexer.shop import Shop
from vsearch.bundle import Bundle
from vsearch.embed import Embedder, Predictions
from vsearch.errors import ShopError


class CountingEmbedder(Embedder):
    """Counts the photos that the network sees.

    Attributes:
        seen: how many so far.
    """

    seen = 0

    def __call__(self, pixels: NDArray[np.uint8]) -> Predictions:
        """Embed and classify photos."""
        self.seen += len(pixels)
        return super().__call__(pixels)


class Networks:
    """The models that take part, each loaded once."""

    def __init__(self) -> None:
        self._loaded: dict[str, CountingEmbedder] = {}

    @property
    def seen(self) -> int:
        """How many photos went through any of them."""
        return sum(one.seen for one in self._loaded.values())

    def take(self, bundle: Bundle) -> CountingEmbedder:
        """Return a model ready to run."""
        name = bundle.model_fingerprint
        return self._loaded.setdefault(name, CountingEmbedder(bundle))

    def load(self, shop: Shop, model: str | None) -> CountingEmbedder:
        """Return one of the shop's models.

        Raises:
            ShopError: there is none.
            BundleError: it is damaged.
        """
        if model is None:
            raise ShopError(f"{shop.path} has no index yet: run `vsearch build {shop.path}` first")
        return self._loaded.get(model) or self.take(load_model(shop, model))
