"""Time of the network and of exact search, each beside a peer in the same run."""

import time
from collections.abc import Callable

import faiss
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indexer.faiss_index import FaissIndex
from indexer.vector_index import ExactIndex
from tests.benchmarks.machine import machine
from vsearch.models import layers
from vsearch.models.architectures import NetworkSpec
from vsearch.models.classifier import abstract_trunk
from vsearch.models.initialise import initialise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def milliseconds(work: Callable[[], object], repeats: int = 7) -> float:
    """Return the median time of `work` after one unmeasured call."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times))


def test_network_with_either_depthwise_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"\n{machine()}\nEfficientNet-Lite0 with pooling, fp32, 224 px: ms a photo")
    trunk = abstract_trunk(NetworkSpec("efficientnet-lite0"))
    initialise(trunk, seed=0)
    trunk.eval()  # type: ignore[no-untyped-call]
    definition, state = nnx.split(trunk)
    answers = {}
    for form in ("shifted", "native"):
        if form == "native":
            monkeypatch.setattr(layers, "shifted_depthwise", layers.native_depthwise)
        forward = jax.jit(lambda state, pixels: nnx.merge(definition, state)(pixels))
        for batch in (1, 8, 32):
            pixels = jnp.asarray(
                np.random.default_rng(0).integers(0, 255, (batch, 224, 224, 3), np.uint8)
            )
            took = milliseconds(lambda: forward(state, pixels).block_until_ready(), repeats=3)
            print(f"  {form:8} batch {batch:2}: {took / batch:7.1f}")
            answers[form, batch] = np.asarray(forward(state, pixels))
    for batch in (1, 8, 32):
        np.testing.assert_allclose(
            answers["shifted", batch], answers["native", batch], rtol=1e-2, atol=1e-3
        )


@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_exact_search_beside_bare_faiss_and_numpy(rows: int) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(rows, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    bare = faiss.IndexFlatIP(256)
    bare.add(vectors)
    ours, reference = FaissIndex(vectors), ExactIndex(vectors)
    print(f"\n{machine()}\n{rows:,} × 256 float32, ten nearest, one OpenMP thread: ms a call")
    part = [(rows // 2, rows // 2 + rows // 20)]
    for batch in (1, 64):
        queries = vectors[:batch]
        print(
            f"  batch {batch:2}: ours {milliseconds(lambda: ours.search(queries, 10)):7.2f}, "
            f"faiss.IndexFlatIP {milliseconds(lambda: bare.search(queries, 10)):7.2f}, "
            f"NumPy {milliseconds(lambda: reference.search(queries, 10), 3):7.2f}, "
            f"ours in 5 % of the rows {milliseconds(lambda: ours.search(queries, 10, part)):7.2f}"
        )
        scores, found = ours.search(queries, 10)
        expected_scores, expected = reference.search(queries, 10)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(scores, expected_scores)
