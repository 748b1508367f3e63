"""The floor that a trained network has to beat: nearest neighbour on tiny thumbnails."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.demo.shop import DemoShop


def thumbnail_baseline(shop: DemoShop, *, side: int = 12, views: str = "all") -> float:
    """Return item R@1 of the shop's test queries by nearest thumbnail of side × side RGB pixels.

    The gallery is what the index would hold: the catalogue photos and, with `views="all"`, the
    further photos of split `train`. Distance is Euclidean over the raw pixels.
    """
    gallery = _rows(shop.catalogue)
    if views == "all":
        gallery += [row for row in _rows(shop.photos) if row["split"] == "train"]
    queries = [row for row in _rows(shop.queries) if row["split"] == "test"]
    known = _thumbnails(shop.folder, gallery, side)
    asked = _thumbnails(shop.folder, queries, side)
    # The squared norm of a query is the same for all of its neighbours and drops out.
    distances = (known**2).sum(axis=1)[None, :] - 2 * asked @ known.T
    nearest = distances.argmin(axis=1)
    right = [gallery[n]["item_id"] == q["item_id"] for n, q in zip(nearest, queries, strict=True)]
    return float(np.mean(right))


def _rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _thumbnails(folder: Path, rows: Sequence[dict[str, str]], side: int) -> NDArray[np.float32]:
    """Return one row of side·side·3 values per photo, float32."""
    result = np.empty((len(rows), side * side * 3), np.float32)
    for number, row in enumerate(rows):
        with Image.open(folder / row["image_path"]) as image:
            image.draft("RGB", (side * 4, side * 4))
            small = image.convert("RGB").resize((side, side), Image.Resampling.BOX)
        result[number] = np.asarray(small, np.float32).ravel()
    return result
