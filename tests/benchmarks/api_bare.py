"""What the network does without a server around it: photos per second, as a process of its own.

    python -m tests.benchmarks.api_bare SHOP PHOTOS --seconds 10

Three figures: pixels that are ready (the forward pass alone), photos' files decoded in threads
ahead of it as `vsearch build` does, and one file after another as a lone shopper's are, with the
search in the same thread. It measures when a line comes in on stdin.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from indexer.embedding import BULK, predict
from indexer.search import Searcher
from indexer.shop import Shop
from tests.benchmarks.api_shop import loaded, read_photos
from vsearch.images import load


class Bare:
    """The network of a shop, and photos for it."""

    def __init__(self, shop: Shop, photos: Sequence[bytes]) -> None:
        self._photos = photos
        self._embedder = loaded(shop)
        self._searcher = Searcher.open(shop, embedder=self._embedder)
        self._pixels = np.stack([self._load(data) for data in photos])

    def _load(self, data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return load(data, self._embedder.spec)

    def pixels(self, until: float) -> int:
        """Let pixels through the network."""
        starts = range(0, max(1, len(self._pixels) - BULK + 1), BULK)
        return _count(until, cycle(starts), lambda i: self._embedder(self._pixels[i : i + BULK]))

    def files(self, until: float) -> int:
        """Let files through the network, decoded ahead of it."""
        seen = 0
        for batch, _ in predict(self._embedder, cycle(self._photos), self._load):
            seen += len(batch)
            if time.perf_counter() > until:
                break
        return seen

    def alone(self, until: float) -> list[float]:
        """Return the milliseconds of single searches, one after another, all in one thread."""
        ms = []
        for data in cycle(self._photos):
            began = time.perf_counter()
            if began > until:
                break
            self._searcher.search(data)
            ms.append(1e3 * (time.perf_counter() - began))
        return ms


def _count(until: float, jobs: Any, do: Callable[[int], Any]) -> int:
    done = 0
    for job in jobs:
        done += len(do(job).embeddings)
        if time.perf_counter() > until:
            break
    return done


def figures(bare: Bare, seconds: float) -> dict[str, float]:
    """Measure all three for so many seconds each."""
    told: dict[str, float] = {}
    for name, measure in (("pixels", bare.pixels), ("files", bare.files)):
        began, busy = time.perf_counter(), time.process_time()
        photos = measure(began + seconds)
        told[f"{name}_per_second"] = photos / (time.perf_counter() - began)
        told[f"{name}_cpu_ms"] = 1e3 * (time.process_time() - busy) / photos
    alone = bare.alone(time.perf_counter() + seconds)
    return told | {"alone_p50_ms": float(np.median(alone))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with Shop.open(given.shop) as shop:
        bare = Bare(shop, read_photos(given.photos))
        figures(bare, 0.5)
        print("ready", flush=True)
        for _ in sys.stdin:
            print(json.dumps(figures(bare, given.seconds)), flush=True)


if __name__ == "__main__":
    main()
