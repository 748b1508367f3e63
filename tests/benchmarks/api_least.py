"""The least that a server in Python can cost: the same network behind uvicorn and nothing else.

    python -m tests.benchmarks.api_least SHOP --port 8001

It answers the best label of a photo. It checks nothing, reads no form (a photo is what lies between
the first blank line of the body and its last boundary), and knows no keys, limits, log or metrics;
photos are decoded in threads and share passes as the server's do. What it cannot reach, no server
of this kind can.
"""

import argparse
import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from api.shared_network import SharedNetwork
from indexer.shop import Shop
from tests.benchmarks.api_shop import loaded
from tests.benchmarks.api_shoppers import BOUNDARY
from vsearch.buckets import passes_at_once
from vsearch.host_memory import keep_freed
from vsearch.images import load

DECODERS = 2
_END = f"\r\n--{BOUNDARY}".encode()


class Least:
    """An ASGI application that tells the best label of a photo."""

    def __init__(self, shop: Path) -> None:
        self._network = SharedNetwork(loaded(Shop.open(shop)), batches=passes_at_once())
        self._labels = [label.name for label in self._network.bundle.labels]
        self._pool = ThreadPoolExecutor(DECODERS)

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer a request, whatever it asks for."""
        if scope["type"] != "http":
            return
        told = {}
        if body := await _body(receive):
            told = await self._told(body[body.index(b"\r\n\r\n") + 4 : body.rindex(_END)])
        answer = json.dumps(told).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send(
            {"type": "http.response.start", "status": 200, "headers": headers, "trailers": False}
        )
        await send({"type": "http.response.body", "body": answer, "more_body": False})

    async def _told(self, photo: bytes) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(self._pool, load, photo, self._network.spec)
        asked = self._network.submit(pixels)
        seen = (await asyncio.wrap_future(asked)).answer.probabilities[0]
        best = int(seen.argmax())
        return {"label": self._labels[best], "probability": float(seen[best])}


async def _body(receive: ASGIReceiveCallable) -> bytes:
    found = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        found += message["body"]
        if not message["more_body"]:
            return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("--port", type=int, default=8001)
    given = parser.parse_args()
    keep_freed()  # as `vsearch` does
    app = Least(given.shop)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=given.port,
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
