"""A shop of paint on disk: two items of each of three colours, with photos of every split."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.importing import import_manifest
from indexer.shop import Shop

COLOURS = {"Red": (210, 40, 40), "Green": (40, 190, 60), "Blue": (40, 60, 210)}
FOREIGN = (250, 240, 20)
SPLITS = (*4 * ("train",), *4 * ("val",), "test")


def write_photo(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    """Write a noisy picture in one colour."""
    rng = np.random.default_rng((seed, *colour))
    pixels = np.array(colour) + rng.normal(0, 30, (48, 48, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    """Write a manifest."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def item_rows(folder: Path) -> list[dict[str, str]]:
    """Paint the catalogue photos and return their rows.

    Every item has a colour; warm says whether it is red; tones lists one or two of three.
    """
    rows = []
    for number, colour in enumerate(("Red", "Red", "Green", "Green", "Blue", "Blue")):
        item_id = f"{colour}-{number}"
        write_photo(folder / f"{item_id}.png", COLOURS[colour], number)
        tones = {"Red": "warm | strong", "Green": "strong", "Blue": "cold|strong"}[colour]
        row = {"item_id": item_id, "image_path": f"{item_id}.png", "colour": colour}
        row |= {"warm": "yes" if colour == "Red" else "no", "tones": tones}
        rows.append(row | {"category": f"Paint > {colour}"})
    return rows


def further_rows(folder: Path, items: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Paint further photos of all items, of all splits, and return their rows."""
    rows = []
    for number, item in enumerate(items):
        for index, split in enumerate(SPLITS):
            place = SPLITS[:index].count(split)
            name = f"{split}/{item['item_id']}-{place}.png"
            write_photo(folder / name, COLOURS[item["colour"]], 100 * (index + 1) + number)
            rows.append({"item_id": item["item_id"], "image_path": name, "split": split})
    return rows


def foreign_rows(folder: Path) -> list[dict[str, str]]:
    """Paint four photos of something that the shop does not sell and return their rows."""
    rows = []
    for number in range(4):
        name = f"foreign/{number}.png"
        write_photo(folder / name, FOREIGN, number)
        rows.append({"image_path": name, "category": "Toys > Ball", "split": "test"})
    return rows


def make_colour_shop(folder: Path) -> Shop:
    """Paint the shop and import it."""
    items = item_rows(folder)
    catalogue = write_rows(folder / "catalogue.csv", items)
    photos = write_rows(folder / "photos.csv", further_rows(folder, items))
    shop = Shop.create(folder / "shop")
    assert import_manifest(shop, catalogue, photos=[photos]).rejected == 0
    return shop
