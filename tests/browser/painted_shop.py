"""A shop of painted products with a small trained network, for people to look at in a browser."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.build import build
from indexer.importing import import_manifest
from indexer.shop import Shop
from indexer.training import train_shop
from tests.api.conftest import COLOURS, SHAPES, paint
from tests.indexer.tiny_network import TINY
from vsearch.fit_network import NetworkConfig
from vsearch.train import TrainConfig

VERSIONS = 3  # of each shape and colour: variants of one product
ITEMS = len(SHAPES) * len(COLOURS) * VERSIONS + 1  # more than fit on a page of the grid

# What a page must show as it is. Each would set `broken` if it became markup.
HOSTILE_TITLE = '<img src=x onerror="window.broken=1">'
HOSTILE_CATEGORY = "<svg onload=window.broken=1 //"
HOSTILE_VALUE = "<script>window.broken=1</script>"
HOSTILE = "hostile/item?<b>"


def make_painted_shop(folder: Path) -> Path:
    """Make `folder/shop` of 37 items, trained and built; return the folder of its query photos.

    The queries are called `SHAPE-COLOUR.png`; nothing was trained on them.
    """
    items: list[dict[str, object]] = []
    photos: list[dict[str, object]] = []
    for number, (shape, colour, version) in enumerate(product(SHAPES, COLOURS, range(VERSIONS))):
        item_id = f"{shape}-{colour}-{version}"
        items.append(
            {
                "item_id": item_id,
                "title": f"{colour.capitalize()} {shape}, version {version}",
                "category": f"Shapes > {shape.capitalize()}",
                "group_id": f"{shape}-{colour}",
                "colour": colour,
                "price": 5 + 3 * number,
                "image_path": _painted(folder, f"catalogue/{item_id}", shape, colour, number),
            }
        )
        further = _painted(folder, f"train/{item_id}", shape, colour, 500 + number)
        photos.append({"item_id": item_id, "image_path": further, "split": "train"})
        _painted(folder, f"queries/{shape}-{colour}", shape, colour, 900 + number)
    hostile = {"item_id": HOSTILE, "title": HOSTILE_TITLE, "colour": HOSTILE_VALUE, "price": 1}
    path = _painted(folder, "catalogue/hostile", "frame", "red", 1)
    items.append({**items[0], **hostile, "category": HOSTILE_CATEGORY, "image_path": path})
    catalogue, further_photos = folder / "catalogue.csv", folder / "photos.csv"
    _write(catalogue, items)
    _write(further_photos, photos)
    config = TrainConfig(backbone=TINY, dim=16, network=NetworkConfig(epochs=6, batch=8))
    with Shop.create(folder / "shop", name="Painted & framed") as shop:
        import_manifest(shop, catalogue, photos=[further_photos])
        train_shop(shop, config, labels=("category",))
        build(shop)
    return folder / "queries"


def noise(path: Path) -> Path:
    """Write a photo that shows nothing; return its path."""
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def _painted(folder: Path, name: str, shape: str, colour: str, seed: int) -> str:
    paint(folder / f"{name}.png", shape, COLOURS[colour], seed)
    return f"{name}.png"


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
