"""What other processes do to a shop that serves: switches of pairs, and upserts; one process.

    python -m tests.benchmarks.api_changes SHOP PHOTOS PAIRS --switches 20 --upserts 1000

Changes are spread over the time. Every upsert brings an item with a photo that no catalogue has, so
it is embedded, by this process, before it is committed. Switches go back and forth between the two
pairs of PAIRS (JSON); after each it waits until all servers have taken over.
"""

import argparse
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from indexer.live import upsert
from indexer.shop import Current, Shop
from tests.benchmarks.api_shop import new_photo, read_photos
from vsearch.embed import Embedder

PATIENCE = 120.0  # seconds after which a server does not take over at all


class Changes:
    """Changes a shop, one thing at a time."""

    def __init__(
        self,
        shop: Shop,
        pairs: Sequence[Current],
        photos: Sequence[bytes],
        folder: Path,
        servers: Sequence[int] = (),
    ) -> None:
        self._shop, self._pairs, self._photos, self._folder = shop, pairs, photos, folder
        self._servers = servers
        self._networks = {
            str(pair.model): Embedder.load(shop.models / str(pair.model)) for pair in pairs
        }
        self._category = next(iter(shop.catalogue.category_counts()))
        self.switched = self.upserted = 0

    def switch(self) -> None:
        """Let the other pair serve, and wait until it does."""
        self.switched += 1
        pair = self._pairs[self.switched % len(self._pairs)]
        with self._shop.catalogue.transaction():
            self._shop.publish(pair)
        end = time.monotonic() + PATIENCE
        for port in self._servers:
            while serving(port) != pair:
                if time.monotonic() > end:
                    raise RuntimeError(f"the server at {port} does not take {pair} over")
                time.sleep(0.05)

    def upsert(self) -> None:
        """Take an item in."""
        name = f"new-{self.upserted}"
        (self._folder / f"{name}.jpg").write_bytes(new_photo(self._photos, self.upserted))
        row: dict[str, Any] = {
            "item_id": name,
            "category": " > ".join(self._category),
            "photos": f"{name}.jpg",
        }
        network = self._networks[str(self._shop.current().model)]
        report = upsert(self._shop, [row], embedder=network, folder=self._folder)
        self.upserted += report.searchable


def serving(port: int) -> Current:
    """Return the pair that a server answers with."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE) as answer:
        told = json.load(answer)
    return Current(told["model"], told["index"])


def spread(until: float, **changes: tuple[int, Callable[[], None]]) -> Iterable[None]:
    """Make each kind of change so many times, evenly until then; times of `time.monotonic`."""
    began = time.monotonic()
    due = sorted(
        (began + (until - began) * (number + 0.5) / times, name)
        for name, (times, _) in changes.items()
        for number in range(times)
    )
    for when, name in due:
        time.sleep(max(0.0, when - time.monotonic()))
        changes[name][1]()
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("pairs", type=json.loads)
    parser.add_argument("--server", type=int, action="append", default=[], help="a port")
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--upserts", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with Shop.open(given.shop) as shop, tempfile.TemporaryDirectory() as folder:
        pairs = [Current(*pair) for pair in given.pairs]
        photos = read_photos(given.photos)
        changes = Changes(shop, pairs, photos, Path(folder), given.server)
        print("ready", flush=True)
        input()
        began = time.monotonic()
        for _ in spread(
            began + given.seconds,
            switch=(given.switches, changes.switch),
            upsert=(given.upserts, changes.upsert),
        ):
            pass
        told = {"switches": changes.switched, "upserts": changes.upserted}
        print(json.dumps({**told, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()
