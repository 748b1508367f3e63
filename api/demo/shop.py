"""Writes the generated shop: photos of every item, and the three manifests."""

import csv
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from api.demo.catalogue import Product, assortment
from api.demo.scene import catalogue_photo, customer_photo
from vsearch.errors import ShopError
from vsearch.progress import Progress, silent, track

GENERATOR = 1  # raise whenever the same seed would give other photos
MARKER = "generated.json"
_TRAIN, _VAL_EVERY = 2, 3
_ITEM_COLUMNS = (
    "item_id",
    "image_path",
    "category",
    "title",
    "price",
    "colour",
    "material",
    "brand",
    "group_id",
    "in_stock",
)
_PHOTO_COLUMNS = ("item_id", "image_path", "split")
_QUERY_COLUMNS = ("query_id", "image_path", "split", "item_id", "category")


@dataclass(frozen=True)
class DemoShop:
    """Where a generated shop lies.

    Attributes:
        folder: holds everything.
        catalogue: manifest of the items with one catalogue photo each.
        photos: manifest of further labelled photos, split `train` or `val`.
        queries: manifest of held-out photos, split `test` (and the same `val` photos again).
        items: how many items there are.
        categories: how many categories they are in.
    """

    folder: Path
    catalogue: Path
    photos: Path
    queries: Path
    items: int
    categories: int


def generate(
    folder: Path,
    *,
    items: int = 480,
    seed: int = 7,
    progress: Progress = silent,
    processes: int | None = None,
) -> DemoShop:
    """Write a generated shop into `folder`, or reuse the one that is there.

    The same `items` and `seed` give the same bytes, however many processes draw.

    Raises:
        ShopError: `items` is below 1, or the folder holds something else.
    """
    if items < 1:
        raise ShopError(f"a shop needs at least 1 item, not {items}")
    wanted = {"generator": GENERATOR, "items": items, "seed": seed}
    products = assortment(items, seed)
    shop = _shop(folder, products)
    if _finished(folder, wanted):
        return shop
    _clear(folder)
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    _photograph(partial, products, seed, progress, processes)
    _write_manifests(partial, products)
    (partial / MARKER).write_text(json.dumps(wanted) + "\n", encoding="utf-8")
    partial.replace(folder)
    return shop


def _shop(folder: Path, products: Sequence[Product]) -> DemoShop:
    paths = (folder / name for name in ("catalogue.csv", "photos.csv", "queries.csv"))
    catalogue, photos, queries = paths
    categories = {product.category.path for product in products}
    return DemoShop(folder, catalogue, photos, queries, len(products), len(categories))


def _finished(folder: Path, wanted: dict[str, int]) -> bool:
    try:
        found = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == wanted)


def _clear(folder: Path) -> None:
    """Remove an outdated generated shop; never anything else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ShopError(f"{folder} is a file; name a folder for the generated shop")
    if any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise ShopError(
            f"{folder} is not empty and holds no generated shop ({MARKER} is missing): "
            "name an empty or a new folder"
        )
    shutil.rmtree(folder)


def _splits(number: int) -> list[str]:
    """Return the splits of an item's customers' photos, in their order."""
    return ["train"] * _TRAIN + ["test"] + ["val"] * (number % _VAL_EVERY == 0)


def _image_path(product: Product, split: str, position: int) -> str:
    """Return where a photo lies, relative to the manifests; photos of a split stay together."""
    return f"images/{split}/{product.item_id}-{position}.jpg"


def photograph(product: Product, number: int, seed: int, folder: Path) -> None:
    """Write all photos of the shop's item `number` (from 0) below `folder`.

    Each photo has its own random stream, so neither order nor processes change a byte.
    """
    for position, split in enumerate(["catalogue", *_splits(number)]):
        rng = np.random.default_rng([seed, 2, number, position])
        take = catalogue_photo if split == "catalogue" else customer_photo
        data = take(product.design, product.category, rng)
        (folder / _image_path(product, split, position)).write_bytes(data)


def _photograph(
    folder: Path, products: Sequence[Product], seed: int, progress: Progress, processes: int | None
) -> None:
    for split in ("catalogue", *sorted(set(_splits(0)))):
        (folder / "images" / split).mkdir(parents=True)
    items = _in_processes(folder, products, seed, processes or os.cpu_count() or 1)
    for _ in track(items, len(products), "photograph", progress):
        pass


def _in_processes(
    folder: Path, products: Sequence[Product], seed: int, processes: int
) -> Iterator[None]:
    numbers = range(len(products))
    if processes == 1:
        for product, number in zip(products, numbers, strict=True):
            photograph(product, number, seed, folder)
            yield
        return
    # Spawned, not forked: the caller may have threads (JAX does), which a fork would break.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        count = len(products)
        yield from pool.map(
            photograph, products, numbers, [seed] * count, [folder] * count, chunksize=4
        )


def _write_manifests(folder: Path, products: Sequence[Product]) -> None:
    items, photos, queries = [], [], []
    for number, product in enumerate(products):
        items.append(_item_row(product))
        for position, split in enumerate(_splits(number), start=1):
            path = _image_path(product, split, position)
            if split != "test":
                photos.append((product.item_id, path, split))
            if split != "train":
                query_id = f"{product.item_id}-{position}"
                queries.append((query_id, path, split, product.item_id, product.category.path))
    _write_csv(folder / "catalogue.csv", _ITEM_COLUMNS, items)
    _write_csv(folder / "photos.csv", _PHOTO_COLUMNS, photos)
    _write_csv(folder / "queries.csv", _QUERY_COLUMNS, queries)


def _item_row(product: Product) -> tuple[str, ...]:
    return (
        product.item_id,
        _image_path(product, "catalogue", 0),
        product.category.path,
        product.title,
        product.price,
        product.design.colour.name,
        product.design.material,
        product.brand,
        product.group_id,
        "true" if product.in_stock else "false",
    )


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
