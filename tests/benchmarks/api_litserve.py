"""The same network behind LitServe, as its documentation has it: decode, batch, predict, encode.

    python -m tests.benchmarks.api_litserve SHOP --batch 2 --wait-ms 0 --port 8001

It answers what `/v1/classify` does, the labels of a photo, and searches nothing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from starlette.requests import Request

from indexer.classes import classes_of
from indexer.embedding import Pixels
from indexer.shop import Shop
from tests.benchmarks.api_shop import loaded
from vsearch.host_memory import keep_freed
from vsearch.images import load


class Classify(litserve.LitAPI):  # type: ignore[misc]  # it has no types
    """Classifies photos with a shop's network."""

    def __init__(self, shop: Path, **batching: float) -> None:
        super().__init__(api_path="/v1/classify", **batching)
        self._folder = shop

    def setup(self, device: str) -> None:
        keep_freed()  # as `vsearch` does, in the process of the network
        self._embedder = loaded(Shop.open(self._folder))

    def decode_request(self, request: Request) -> Pixels:
        form: Any = request  # it tells by the type what it hands over: of a form, its fields
        return load(form["photo"].file.read(), self._embedder.spec)

    def batch(self, inputs: Sequence[Pixels]) -> Pixels:
        return np.stack(inputs)

    def predict(self, x: Pixels) -> list[dict[str, object]]:
        pixels = x if x.ndim == 4 else x[None]
        labels = self._embedder.bundle.labels
        return [told.to_json() for told in classes_of(labels, self._embedder(pixels))]

    def unbatch(self, output: list[dict[str, object]]) -> list[dict[str, object]]:
        return output

    def encode_response(self, output: Any) -> dict[str, object]:
        told: dict[str, object] = output[0] if isinstance(output, list) else output
        return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--wait-ms", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=8001)
    given = parser.parse_args()
    api = Classify(given.shop, max_batch_size=given.batch, batch_timeout=given.wait_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", timeout=60)
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
