"""A shop as a plain dictionary, and the answers that it gives: what a real one is held against."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.shop import Views
from tests.indexer.tiny_shop import TinyEmbedder, painted
from vsearch.images import content_hash, load
from vsearch.taxonomy import CategoryPath, is_within

FRUIT, APPLE, PEAR, MILK = ("Fruit",), ("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk")
PATHS = (APPLE, PEAR, MILK, FRUIT, ("Dairy",), ("Fruit", "Apple", "Gala"))
NETWORKS = {
    "e" * 16: TinyEmbedder(embedding_fingerprint="e" * 16, model_fingerprint="a" * 16),
    "f" * 16: TinyEmbedder(embedding_fingerprint="f" * 16, model_fingerprint="b" * 16),
}
Colour = Literal["red", "green"] | None


@dataclass(frozen=True)
class Told:
    """What an item is; photos by their seeds. Without catalogue photos it is rejected."""

    category: CategoryPath
    further_paths: tuple[CategoryPath, ...]
    colour: Colour
    price: int
    photos: tuple[int, ...]
    further: frozenset[int] = frozenset()

    def views(self, views: Views) -> set[int]:
        """Return the photos that are rows of an index."""
        if not self.photos:
            return set()
        return {*self.photos, *(self.further if views == "all" else ())}

    def within(self, categories: Collection[CategoryPath]) -> bool:
        """Say whether a filter on categories lets the item through."""
        own = (self.category, *self.further_paths)
        return not categories or any(is_within(path, c) for path in own for c in categories)


WHERE: Mapping[str | None, Callable[[Told], bool]] = {
    None: lambda told: True,
    "colour = 'red'": lambda told: told.colour == "red",
    "price < 3 and not colour = 'red'": lambda told: told.price < 3 and told.colour != "red",
    "colour is null or price >= 7": lambda told: told.colour is None or told.price >= 7,
}


@dataclass(frozen=True)
class Asked:
    """A question: a photo's seed, and what may be found."""

    seed: int
    categories: tuple[CategoryPath, ...] = ()
    where: str | None = None
    min_score: float = -1.0
    top_k: int = 10


@dataclass
class PlainShop:
    """Items by id, and by network the photos that it has embedded."""

    items: dict[str, Told] = field(default_factory=dict)
    embedded: dict[str, set[int]] = field(
        default_factory=lambda: {name: set() for name in NETWORKS}
    )

    def all_views(self, views: Views) -> set[int]:
        """Return the photos of all items that are rows of an index."""
        return {seed for told in self.items.values() for seed in told.views(views)}

    def counts(self, network: str | None, views: Views) -> tuple[int, int, int, int]:
        """Return how many items there are, are indexed, wait and are rejected."""
        known = self.embedded[network] if network else set()
        rejected = sum(not told.photos for told in self.items.values())
        # Before the first index everything waits.
        waiting = sum(
            bool(told.photos) and (network is None or not told.views(views) <= known)
            for told in self.items.values()
        )
        return len(self.items), len(self.items) - waiting - rejected, waiting, rejected

    def scores(self, asked: Asked, network: str, views: Views) -> dict[str, float]:
        """Return the score of every item that may be found, by its best view."""
        query, known = vector(network, asked.seed), self.embedded[network]
        found: dict[str, float] = {}
        for item_id, told in self.items.items():
            scores = [cosine(query, vector(network, seed)) for seed in told.views(views) & known]
            fits = told.within(asked.categories) and WHERE[asked.where](told)
            if fits and scores and max(scores) >= asked.min_score:
                found[item_id] = max(scores)
        return found

    def words(self) -> Iterator[tuple[str, set[str]]]:
        """Yield some words, and the items in state ok that have them."""
        for word in ("red", "milk"):
            yield (
                word,
                {
                    item_id
                    for item_id, told in self.items.items()
                    if told.photos and word in (told.colour, *map(str.lower, told.category))
                },
            )


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the similarity as it is promised: a float64 product, rounded."""
    product = np.float32(np.vecdot(one.astype(np.float64), other.astype(np.float64)))
    return min(float(product), 1.0)


@cache
def vector(network: str, seed: int) -> NDArray[np.float32]:
    """Return a photo's embedding."""
    embedder = NETWORKS[network]
    embedding: NDArray[np.float32] = embedder(load(painted(seed), embedder.spec)[None]).embeddings[
        0
    ]
    return embedding


@cache
def hash_of(seed: int) -> str:
    """Return a photo's content hash."""
    return content_hash(painted(seed))
