"""Photos that look a little like a catalogue photo, and manifests of them."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.indexer.tiny_shop import SIDE


def blurred(seed: int, noise: int) -> bytes:
    """Return a photo that lies between a catalogue photo (`seed`) and noise."""
    own = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    other = np.random.default_rng(10**6 + noise).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray((0.35 * own + 0.65 * other).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def write_queries(
    folder: Path, rows: Sequence[Mapping[str, str]], photos: Mapping[str, bytes]
) -> Path:
    """Write photos and the manifest that tells what is true of them."""
    folder.mkdir(exist_ok=True)
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    manifest = folder / "queries.csv"
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return manifest
