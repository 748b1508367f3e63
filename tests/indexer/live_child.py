"""A program of its own for the kill test: changes items for ever and tells what is acknowledged."""

import sys
from itertools import count
from pathlib import Path
from zlib import crc32

from indexer.live import delete, upsert
from indexer.shop import Shop
from tests.indexer.tiny_shop import TinyEmbedder, painted


def change(shop: Shop, name: str) -> None:
    """Add two items and take the second out again, over and over; a line is an acknowledgement."""
    folder = shop.path / name
    folder.mkdir()
    for number in count():
        for item_id in (f"{name}-{number}", f"{name}-{number}-gone"):
            photo = folder / f"{item_id}.png"
            photo.write_bytes(painted(crc32(item_id.encode())))
            row = {"item_id": item_id, "category": "Fruit", "photos": [photo], "size": number}
            report = upsert(shop, [row], embedder=TinyEmbedder(), folder=folder)
            tell(f"+{item_id}" if report.searchable else f"?{item_id}")
        delete(shop, [f"{name}-{number}-gone"])
        tell(f"-{name}-{number}-gone")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with Shop.open(Path(sys.argv[1])) as opened:
        change(opened, sys.argv[2])
