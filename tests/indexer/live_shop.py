"""A shop that serves, with painted photos to change it by."""

from pathlib import Path

from indexer.build import build
from indexer.live import UpsertReport, upsert
from indexer.records import Item
from indexer.search import Searcher
from tests.indexer.tiny_shop import TinyEmbedder, make_shop, painted
from vsearch.images import content_hash

APPLE, MILK = ("Fruit", "Apple"), ("Dairy", "Milk")
ITEMS = {"gala": (APPLE, [1, 2]), "fuji": (APPLE, [3]), "whole": (MILK, [4])}


class LiveShop:
    """Three items that are indexed; a Searcher that was opened before any change."""

    def __init__(self, root: Path, *, built: bool = True) -> None:
        self.shop = make_shop(root, ITEMS)
        self.folder = root / "source"
        self.embedder = TinyEmbedder()
        if built:
            build(self.shop, embedder=self.embedder)
            self.searcher = Searcher.open(self.shop, embedder=TinyEmbedder())
        self.embedder.photos = 0

    def photo(self, seed: int) -> str:
        """Paint a photo and return its name."""
        (self.folder / f"{seed}.png").write_bytes(painted(seed))
        return f"{seed}.png"

    def row(self, item_id: str, *seeds: int, **cells: object) -> dict[str, object]:
        """Return an item as somebody would hand it over."""
        photos = [self.photo(seed) for seed in seeds]
        return {"item_id": item_id, "category": "Fruit > Apple", "photos": photos, **cells}

    def upsert(self, *rows: dict[str, object]) -> UpsertReport:
        return upsert(self.shop, rows, embedder=self.embedder, folder=self.folder)

    def found(self, seed: int, searcher: Searcher | None = None) -> str | None:
        """Return the item that shows exactly this picture."""
        hits = (searcher or self.searcher).search(painted(seed), top_k=1).hits
        return hits[0].item.item_id if hits and hits[0].score > 1 - 1e-6 else None

    def item(self, item_id: str) -> Item:
        found = self.shop.catalogue.get(item_id)
        assert found is not None
        return found

    def state(self) -> tuple[object, ...]:
        """Return all that a change could touch."""
        catalogue = self.shop.catalogue
        items = [*catalogue.items("ok"), *catalogue.items("rejected")]
        return items, list(catalogue.photos()), catalogue.seq(), catalogue.attribute_types()


def hash_of(seed: int) -> str:
    """Return the content hash of a painted photo."""
    return content_hash(painted(seed))
