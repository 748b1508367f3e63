"""What FAISS is told to search on a GPU, down to the addresses; only the call itself is ours here.

The parameters are those of FAISS's `GpuDistanceParams` (gpu/GpuDistance.h of FAISS 1.15).
"""

import ctypes
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import faiss_gpu_index
from indexer.faiss_gpu_index import FaissScan, device_knn, open_scan, why_absent
from indexer.faiss_index import FaissError, load_faiss
from tests.indexer.device_indexes import SHAPES, gpu, host_knn, placed, require_gpu
from tests.indexer.test_vector_index import unit_vectors
from vsearch.device_rows import place
from vsearch.exact_search import PackedMask

VECTORS = unit_vectors(0, 700, 24)
QUERIES = unit_vectors(1, 3, 24).astype(np.float16)


class FakeFaiss:
    """FAISS as a wheel for GPUs has it, searching this process's memory."""

    METRIC_INNER_PRODUCT, DistanceDataType_F16, IndicesDataType_I64 = 0, 2, 1
    GpuDistanceParams = SimpleNamespace

    def __init__(self, gpus: int = 1) -> None:
        self.calls: list[SimpleNamespace] = []
        self.temporary: list[int] = []
        self._gpus = gpus

    def get_num_gpus(self) -> int:
        return self._gpus

    def StandardGpuResources(self) -> SimpleNamespace:  # noqa: N802  FAISS's name
        return SimpleNamespace(setTempMemory=self.temporary.append)

    def cast_integer_to_void_ptr(self, address: int) -> int:
        return address

    def swig_ptr(self, array: NDArray[Any]) -> int:
        assert array.flags.c_contiguous
        return array.ctypes.data

    def bfKnn(self, resources: SimpleNamespace, call: SimpleNamespace) -> None:  # noqa: N802
        assert resources.setTempMemory.__self__ is self.temporary
        self.calls.append(call)
        assert call.vectorType == call.queryType == self.DistanceDataType_F16
        assert (call.metric, call.outIndicesType) == (0, 1)
        assert 1 <= call.k <= min(2048, call.numVectors)
        numbers = (ctypes.c_uint16 * (call.numQueries * call.dims)).from_address(call.queries)
        queries = np.frombuffer(numbers, np.float16).reshape(call.numQueries, call.dims)
        found = host_knn(call.vectors, call.numVectors, queries, call.k)
        for address, kind, told in (
            (call.outDistances, ctypes.c_float, found[0]),
            (call.outIndices, ctypes.c_int64, found[1]),
        ):
            out = (kind * (call.numQueries * call.k)).from_address(address)
            np.frombuffer(out, told.dtype)[:] = told.ravel()


def test_a_range_is_an_address_and_a_length_on_the_device() -> None:
    faiss, rows = FakeFaiss(), placed(VECTORS)
    scan = FaissScan(rows, device_knn(faiss, faiss.StandardGpuResources(), 3))
    parts = [(0, 700, 9), (100, 164, 64), (699, 700, 1)]
    found = scan(np.asfortranarray(QUERIES), parts, None)
    told = [(call.vectors - rows.pointer, call.numVectors, call.k) for call in faiss.calls]
    assert told == [(0, 700, 9), (100 * 24 * 2, 64, 64), (699 * 24 * 2, 1, 1)]
    assert {(call.dims, call.numQueries, call.device) for call in faiss.calls} == {(24, 3, 3)}
    for part, ours, jax_found in zip(parts, found, rows.search(QUERIES, parts), strict=True):
        np.testing.assert_allclose(ours[0], jax_found[0], atol=1e-6, err_msg=str(part))
        assert (ours[1] >= part[0]).all()
        assert (ours[1] < part[1]).all()
        assert ours[1].dtype == np.int64


def test_a_mask_is_never_given_to_faiss() -> None:
    faiss, rows = FakeFaiss(), placed(VECTORS)
    scan = FaissScan(rows, device_knn(faiss, faiss.StandardGpuResources(), 0))
    mask = np.arange(700) % 5 == 0
    ((scores, found),) = scan(QUERIES, [(0, 700, 20)], PackedMask.of(mask))
    assert mask[found].all()
    assert np.isfinite(scores).all()
    assert faiss.calls == []


@pytest.mark.parametrize(
    "part", [(0, 701, 5), (5, 5, 1), (-1, 5, 1), (0, 5, 6), (0, 5, 0), (0, 700, 33)]
)
def test_nothing_is_asked_of_faiss_that_would_end_the_process(
    part: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    faiss = FakeFaiss()
    scan = FaissScan(placed(VECTORS), device_knn(faiss, faiss.StandardGpuResources(), 0))
    monkeypatch.setattr(faiss_gpu_index, "MOST", 32)
    with pytest.raises(ValueError, match="no part of 700 rows"):
        scan(QUERIES, [part], None)
    assert faiss.calls == []


@pytest.fixture
def device() -> SimpleNamespace:
    return SimpleNamespace(platform="gpu", local_hardware_id=0, device_kind="a GPU")


def test_why_faiss_does_not_search_on_a_gpu(monkeypatch: pytest.MonkeyPatch, device: Any) -> None:
    if hasattr(load_faiss(), "StandardGpuResources"):
        pytest.skip("a FAISS wheel for GPUs is installed")
    assert "one for CPUs" in str(why_absent(device))
    monkeypatch.setattr(faiss_gpu_index, "load_faiss", FakeFaiss)
    assert why_absent(device) is None
    device.local_hardware_id = 1
    assert "finds no GPU where the rows lie" in str(why_absent(device))
    assert "finds no GPU" in str(why_absent(jax.devices("cpu")[0]))

    def absent() -> None:
        raise FaissError("FAISS cannot be loaded")

    monkeypatch.setattr(faiss_gpu_index, "load_faiss", absent)
    assert why_absent(device) == "FAISS cannot be loaded"


def test_faiss_is_opened_with_the_memory_that_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    faiss, rows = FakeFaiss(), placed(VECTORS)
    monkeypatch.setattr(faiss_gpu_index, "load_faiss", lambda: faiss)
    with pytest.raises(FaissError, match="finds no GPU"):
        open_scan(rows)
    monkeypatch.setattr(faiss_gpu_index, "why_absent", lambda _: None)
    with pytest.raises(FaissError, match="no memory to spare"):
        open_scan(rows, 0)
    assert faiss.temporary == []
    scan = open_scan(rows, 12345)
    assert faiss.temporary == [12345]
    assert scan.name == f"FAISS on {rows.device.device_kind}"
    ((scores, _),) = scan(QUERIES, [(0, 700, 3)], None)
    assert scores.shape == (3, 3)


@gpu
def test_on_a_gpu_faiss_reads_the_rows_where_jax_has_put_them() -> None:
    device = require_gpu()
    if absent := why_absent(device):
        pytest.skip(f"FAISS does not search on this GPU: {absent}")
    rows = place(VECTORS, device, SHAPES)
    assert rows is not None
    parts = [(0, 700, 9), (100, 164, 64), (699, 700, 1)]
    found = open_scan(rows)(QUERIES, parts, None)
    for ours, theirs in zip(found, rows.search(QUERIES, parts), strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-4)
