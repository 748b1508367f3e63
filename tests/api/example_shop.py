"""A small trained shop that has what the examples of the API's description speak of."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.build import build
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from tests.api.conftest import paint
from tests.indexer.tiny_network import TINY, offer_tiny
from vsearch.fit_network import NetworkConfig
from vsearch.train import TrainConfig

ITEMS = (
    ("Granny-Smith", "Fruit > Apple", "green", 2.5, "Italy", (110, 180, 50), "box"),
    ("Golden-Delicious", "Fruit > Apple", "yellow", 3.0, "France", (220, 200, 70), "frame"),
    ("Conference", "Fruit > Pear", "green", 4.0, "Italy", (150, 160, 60), "half"),
    ("A/1", "Dairy > Milk", "blue", 1.5, "France", (240, 240, 250), "stripes"),
    ("striped blue shirt", "Clothes", "blue", 30.0, "Italy", (40, 60, 200), "stripes"),
)
APPLES = 30
KEYS = ("item_id", "category", "colour", "price", "country")


def make_example_shop(folder: Path) -> Path:
    """Make, train and build the shop in a folder that exists; return where it is."""
    # More than requests delete: categories that are asked for must not go with their last item.
    rows: list[dict[str, object]] = []
    for number in range(APPLES):
        path = f"apple-{number}.png"
        paint(folder / path, "half", (100 + 4 * number, 180, 50), 500 + number)
        told = {"item_id": f"apple-{number}", "title": "An apple", "colour": "green"}
        rows.append({**told, "category": "Fruit > Apple", "price": 2, "photos": [path]})
    for number, (*values, rgb, shape) in enumerate(ITEMS):
        paths = [f"{number}-{view}.png" for view in range(3)]
        for view, path in enumerate(paths):
            paint(folder / path, shape, rgb, 10 * number + view)
        title = str(values[0]).replace("-", " ")
        rows.append({**dict(zip(KEYS, values, strict=True)), "title": title, "photos": paths})
    manifest = folder / "items.jsonl"
    manifest.write_text("\n".join(json.dumps(row) for row in rows))
    with tiny_offered(), Shop.create(folder / "shop", name="Corner shop") as shop:
        config = TrainConfig(backbone=TINY, dim=16, network=NetworkConfig(epochs=1, batch=8))
        import_manifest(shop, manifest)
        train_shop(shop, config, labels=("item_id",))
        build(shop)
    return folder / "shop"


@contextmanager
def tiny_offered() -> Iterator[None]:
    """Offer the tiny network, which benchmarks do not know by themselves."""
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        yield
