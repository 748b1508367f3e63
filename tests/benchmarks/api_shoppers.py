"""Many shoppers at once, as a process of its own: it sends photos over real sockets and counts.

    python -m tests.benchmarks.api_shoppers PORT PHOTOS --shoppers 32 --seconds 20

It does as little as it can for a request, since it runs on the cores that it measures: requests are
bytes made beforehand, and of an answer it reads the status, the length, and by plain search the
pair that answered and the first score. The processor time that it took is told with the figures.
"""

import argparse
import asyncio
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BOUNDARY = "photo-7d1f"
_PAIR = re.compile(rb'"model":\s?"([^"]+)".*?"index":\s?"([^"]+)"', re.DOTALL)
_SCORE = re.compile(rb'"score":\s?(-?[\d.e-]+)')
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Counted:
    """What the shoppers were answered.

    Attributes:
        statuses: answers by status; 0 stands for a connection that broke.
        pairs: answers by the model and index that gave them.
        ended: when each answer came, seconds since the start.
        ms: how long each took, milliseconds.
        lowest: the lowest first score beside what it should be: (difference, photo).
    """

    statuses: Counter[int] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    ended: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    lowest: tuple[float, str] = (np.inf, "")


@dataclass(frozen=True)
class Asking:
    """A photo as a request, and the first score that its answer should have at least."""

    name: str
    request: bytes
    score: float


def request_of(data: bytes, path: str, port: int) -> bytes:
    """Return the bytes of a form with one photo."""
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    body = head + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


Ended = Callable[[], bool]


class Shopper:
    """Asks one photo after another over one connection."""

    def __init__(self, port: int, asking: Sequence[Asking], counted: Counted) -> None:
        self._port, self._asking, self._counted = port, asking, counted

    async def shop(self, first: int, began: float, ended: Ended) -> None:
        """Ask until it is time to end, from the `first` photo on."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        number = first
        while not ended():
            asked = self._asking[number % len(self._asking)]
            number += 1
            sent = time.perf_counter()
            try:
                writer.write(asked.request)
                head = await reader.readuntil(b"\r\n\r\n")
                found = LENGTH.search(head)
                body = await reader.readexactly(int(found[1]) if found else 0)
            except (OSError, asyncio.IncompleteReadError):
                self._counted.statuses[0] += 1
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                continue
            now = time.perf_counter()
            self._count(asked, int(head[9:12]), body)
            self._counted.ended.append(now - began)
            self._counted.ms.append(1e3 * (now - sent))
        writer.close()

    def _count(self, asked: Asking, status: int, body: bytes) -> None:
        counted = self._counted
        counted.statuses[status] += 1
        if status != 200:
            return
        if pair := _PAIR.search(body):
            counted.pairs[pair[1].decode(), pair[2].decode()] += 1
        if score := _SCORE.search(body):
            counted.lowest = min(counted.lowest, (float(score[1]) - asked.score, asked.name))


async def shop_together(
    port: int, asking: Sequence[Asking], shoppers: int, seconds: float
) -> Counted:
    """Let several shoppers ask for so many seconds, or until the process is told to end."""
    counted, told = Counted(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    began = time.perf_counter()

    def ended() -> bool:
        return told.is_set() or time.perf_counter() >= began + seconds

    step = max(1, len(asking) // shoppers)
    together = (
        Shopper(port, asking, counted).shop(i * step, began, ended) for i in range(shoppers)
    )
    await asyncio.gather(*together)
    return counted


def told(counted: Counted, window: float) -> dict[str, Any]:
    """Return the figures, those of each `window` seconds too."""
    ended, ms = np.array(counted.ended), np.array(counted.ms)
    windows = []
    for number in range(max(1, round(ended.max(initial=0.0) / window))):
        own = ms[(ended >= number * window) & (ended < (number + 1) * window)]
        if len(own):
            windows.append({"requests": len(own), **_percentiles(own)})
    return {
        "requests": len(ms),
        "seconds": float(ended.max(initial=0.0)),
        "per_second": len(ms) / max(float(ended.max(initial=0.0)), 1e-9),
        **(_percentiles(ms) if len(ms) else {}),
        "statuses": dict(counted.statuses),
        "pairs": [[*pair, times] for pair, times in counted.pairs.items()],
        "lowest": list(counted.lowest) if counted.lowest[1] else None,
        "windows": windows,
    }


def _percentiles(ms: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    return {f"p{q}_ms": float(np.percentile(ms, q)) for q in (50, 90, 99)}


def read_asking(folder: Path, path: str, port: int) -> list[Asking]:
    """Return the photos of a folder as requests; scores.json tells their scores by name."""
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return [
        Asking(name, request_of((folder / name).read_bytes(), path, port), score)
        for name, score in scores.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("photos", type=Path, help="a folder of photos with scores.json")
    parser.add_argument("--path", default="/v1/search")
    parser.add_argument("--shoppers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--window", type=float, default=60.0)
    given = parser.parse_args()
    asking = read_asking(given.photos, given.path, given.port)
    busy = time.process_time()
    counted = asyncio.run(shop_together(given.port, asking, given.shoppers, given.seconds))
    busy = time.process_time() - busy
    print(json.dumps({**told(counted, given.window), "own_cpu_seconds": busy}))


if __name__ == "__main__":
    main()
