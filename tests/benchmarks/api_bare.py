"""What the network does without a server around it: photos per second, as a process of its own.

    python -m tests.benchmarks.api_bare SHOP PHOTOS --seconds 10

Three figures: pixels that are ready (the forward pass alone), photos' files decoded in threads
ahead of it as `vsearch build` does, and a lone shopper's photos: each is decoded, embedded and
searched with in one thread, and sent to a server in turn, so that a busy machine is busy for both.
It measures when the server's port comes in on stdin.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from indexer.embedding import BULK, predict
from indexer.search import Searcher
from indexer.shop import Shop
from tests.benchmarks.api_shop import loaded, read_photos
from tests.benchmarks.api_shoppers import LENGTH, request_of
from vsearch.host_memory import keep_freed
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

    def alone(self, until: float, port: int) -> tuple[list[float], list[float]]:
        """Return the milliseconds of single searches in this thread, and of the server's."""
        own: list[float] = []
        served: list[float] = []
        with socket.create_connection(("127.0.0.1", port)) as server:
            for data in cycle(self._photos):
                if time.perf_counter() > until:
                    return own, served
                request = request_of(data, "/v1/search", port)
                own.append(_ms(partial(self._searcher.search, data)))
                served.append(_ms(partial(_answer, server, request)))
        return own, served


def _count(until: float, jobs: Any, do: Callable[[int], Any]) -> int:
    done = 0
    for job in jobs:
        done += len(do(job).embeddings)
        if time.perf_counter() > until:
            break
    return done


def _ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return 1e3 * (time.perf_counter() - began)


def _answer(server: socket.socket, request: bytes) -> bytes:
    """Return the body that a server answers with."""
    server.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(server)
    head, _, body = received.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(f"the server answers {head[:200]!r}")
    while len(body) < int(length[1]):
        body += _more(server)
    return body


def _more(server: socket.socket) -> bytes:
    if part := server.recv(1 << 16):
        return part
    raise RuntimeError("the server has closed the connection")


def figures(bare: Bare, seconds: float, port: int) -> dict[str, float]:
    """Measure all three for so many seconds each, the last beside a server."""
    told: dict[str, float] = {}
    for name, measure in (("pixels", bare.pixels), ("files", bare.files)):
        began, busy = time.perf_counter(), time.process_time()
        photos = measure(began + seconds)
        told[f"{name}_per_second"] = photos / (time.perf_counter() - began)
        told[f"{name}_cpu_ms"] = 1e3 * (time.process_time() - busy) / photos
    alone, served = bare.alone(time.perf_counter() + seconds, port)
    return told | {
        "alone_p50_ms": float(np.median(alone)),
        "served_p50_ms": float(np.median(served)),
        "overhead_p50_ms": float(np.median(np.subtract(served, alone))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    keep_freed()  # as `vsearch` does
    with Shop.open(given.shop) as shop:
        bare = Bare(shop, read_photos(given.photos))
        print("ready", flush=True)
        for port in sys.stdin:
            print(json.dumps(figures(bare, given.seconds, int(port))), flush=True)


if __name__ == "__main__":
    main()
