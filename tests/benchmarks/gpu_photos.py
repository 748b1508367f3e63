"""From a photo's bytes to the rows that look like it, stage by stage, on whatever JAX computes on.

The network has random weights: they take as long as trained ones.
"""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from indexer.vector_index import VectorIndex
from vsearch.bundle import Bundle, Label, weights_of
from vsearch.embed import Embedder
from vsearch.images import load
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_classifier
from vsearch.models.initialise import initialise
from vsearch.objectives import DEFAULT, OBJECTIVES

LABELS = (Label("Apple", ("Fruit", "Apple")), Label("Milk", ("Dairy", "Milk")))
_THREADS = 8


def random_embedder(backbone: str, dim: int) -> Embedder:
    """Return a network of this architecture that has learned nothing."""
    spec = NetworkSpec(backbone, dim)
    network = abstract_classifier(spec, len(LABELS), OBJECTIVES[DEFAULT])
    initialise(network, 0)
    weights, calibration = weights_of(network), {"scale": 10.0}
    return Embedder(Bundle(spec, weights, LABELS, ("category",), DEFAULT, calibration))


def photos(count: int, seed: int = 0) -> list[bytes]:
    """Return JPEG files of 800 × 600."""
    rng, files = np.random.default_rng(seed), []
    for _ in range(count):
        coarse = rng.integers(0, 255, (15, 20, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize((800, 600)).save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


def photo_to_rows(
    embedder: Embedder, index: VectorIndex, batch: int, seconds: float
) -> dict[str, float]:
    """Return the median milliseconds of decoding, embedding, searching, and all of a batch."""
    files = photos(batch)
    times: list[tuple[float, ...]] = []
    until = time.perf_counter() + seconds
    decode = partial(load, spec=embedder.spec)
    with ThreadPoolExecutor(_THREADS) as pool:
        while len(times) < 4 or time.perf_counter() < until:
            marks = [time.perf_counter()]
            pixels = np.stack(list(pool.map(decode, files)))
            marks.append(time.perf_counter())
            embeddings = embedder(pixels).embeddings
            marks.append(time.perf_counter())
            index.search(embeddings, 10)
            marks.append(time.perf_counter())
            times.append((*np.diff(marks).tolist(), marks[-1] - marks[0]))
    middle = 1000 * np.median(times[1:], axis=0)  # the first one compiles
    return dict(zip(("decode", "embed", "search", "total"), middle.tolist(), strict=True))
