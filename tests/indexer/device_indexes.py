"""The index of a GPU on machines without one: JAX on its CPU, and FAISS where JAX has put the rows.

Everything is what runs on a GPU but for the one call that asks it. Where there is a GPU, the same
tests run on it (marker `gpu`).
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.device_choice import Choice
from indexer.device_index import DeviceIndex, DevicePlan
from indexer.device_opening import opened
from indexer.device_placement import Placement
from indexer.device_worker import DeviceWorker
from indexer.faiss_gpu_index import FaissScan, why_absent
from indexer.faiss_index import FaissIndex, load_faiss
from indexer.row_scans import JaxScan, RowScan
from vsearch.device_rows import DeviceRows, Rounding, place
from vsearch.devices import first_gpu
from vsearch.exact_search import Found, PackedMask, Part, Shapes

Vectors = NDArray[np.float32]

SHAPES = Shapes(queries=(1, 16), takes=(64, 512), chunks=(512, 1024))
EAGER = DevicePlan(least_rows=0, spare=8, least_share=10**9)
"""Asks the device for everything, and for so few candidates that some queries look further."""

USUAL = Rounding(2**-11, 1.001)

gpu = pytest.mark.gpu


class StubScan:
    """A scan that notes what it is asked, and answers with what it is given.

    Attributes:
        calls: queries, parts and mask of each call.
    """

    name = "a stub"

    def __init__(
        self,
        answer: Callable[[NDArray[np.float16], Sequence[Part]], list[Found]],
        shapes: Shapes = SHAPES,
        rounding: Rounding = USUAL,
    ) -> None:
        self.shapes, self.rounding = shapes, rounding
        self.calls: list[tuple[NDArray[np.float16], Sequence[Part], object]] = []
        self._answer = answer

    def __call__(
        self,
        queries: NDArray[np.float16],
        parts: Sequence[Part],
        mask: PackedMask | None,
    ) -> list[Found]:
        self.calls.append((queries, parts, mask))
        return self._answer(queries, parts)


def host_knn(address: int, count: int, queries: NDArray[np.float16], take: int) -> Found:
    """Search rows at an address of this process's memory, as `bfKnn` does on a GPU's."""
    numbers = (ctypes.c_uint16 * (count * queries.shape[1])).from_address(address)
    rows = np.frombuffer(numbers, np.float16).reshape(count, -1).astype(np.float32)
    faiss = load_faiss()
    scores, found = faiss.knn(
        queries.astype(np.float32), rows, take, metric=faiss.METRIC_INNER_PRODUCT
    )
    return scores, found


def placed(vectors: Vectors, shapes: Shapes = SHAPES) -> DeviceRows:
    """Return rows where JAX's CPU has them."""
    rows = place(vectors, jax.devices("cpu")[0], shapes)
    assert rows is not None
    return rows


def index_of(
    vectors: Vectors, scan: RowScan | None, plan: DevicePlan = EAGER, **placing: bool
) -> DeviceIndex:
    """Return an index whose rows are where a scan finds them."""

    def bring(_: Callable[[], bool]) -> RowScan:
        assert scan is not None
        return scan

    placement = Placement(bring, len(vectors), at_once=placing.get("at_once", True))
    return DeviceIndex(vectors, FaissIndex(vectors), placement, worker(), plan)


@cache
def worker() -> DeviceWorker:
    """Return the worker of all these tests."""
    return DeviceWorker()


def by_jax(vectors: Vectors) -> DeviceIndex:
    """Return an index that JAX's CPU searches."""
    return index_of(vectors, JaxScan(placed(vectors)) if len(vectors) else None)


def by_faiss(vectors: Vectors) -> DeviceIndex:
    """Return an index that FAISS searches in the memory of JAX's CPU."""
    return index_of(vectors, FaissScan(placed(vectors), host_knn) if len(vectors) else None)


def _on_gpu(vectors: Vectors, wanted: Choice) -> DeviceIndex:
    device = require_gpu()
    scan = opened(vectors, device, wanted, worker(), shapes=SHAPES) if len(vectors) else None
    return index_of(vectors, scan)


def by_jax_on_gpu(vectors: Vectors) -> DeviceIndex:
    """Return an index that JAX searches on a GPU; skip where there is none."""
    return _on_gpu(vectors, "gpu-jax")


def by_faiss_on_gpu(vectors: Vectors) -> DeviceIndex:
    """Return an index that FAISS searches on a GPU; skip where there is none, or no such FAISS."""
    device = require_gpu()
    if absent := why_absent(device):
        pytest.skip(f"FAISS does not search on this GPU: {absent}")
    return _on_gpu(vectors, "gpu-faiss")


def on_gpu(vectors: Vectors) -> DeviceIndex:
    """Return an index that a GPU searches, by what is installed; skip where there is none."""
    return _on_gpu(vectors, "auto")


def require_gpu() -> jax.Device:
    """Return JAX's first GPU; skip the test where there is none."""
    device = first_gpu()
    if device is None:
        pytest.skip("no GPU: JAX finds " + ", ".join(str(d) for d in jax.devices()))
    return device


BACKENDS = [
    by_jax,
    by_faiss,
    pytest.param(by_jax_on_gpu, marks=gpu),
    pytest.param(by_faiss_on_gpu, marks=gpu),
]
