"""FAISS on a GPU, over rows that JAX has placed there: nothing is copied, no index is built.

`bfKnn` (what FAISS's `knn_gpu` calls) takes the address of rows in the device's memory, so that a
range of rows is an address and a length. FAISS's GPU indexes ignore a selector without a word, and
`bfKnn` has none: a mask is left to the JAX search of the same rows.

What the wheels 1.15 ask for, by their Python side and sources: queries of the rows' type, at most
2048 rows a call, at most 1.5 GiB of temporary memory (more is cut off), calls from one thread at a
time. A lack of memory is raised; most other failures of CUDA end the process (FAISS asserts). An
IVF index on the GPU is not needed: a hundred million rows of 256 numbers take 51 GB as they are.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.faiss_index import FaissError, load_faiss
from vsearch.device_memory import FAISS_TEMPORARY
from vsearch.device_rows import DeviceRows, Rounding
from vsearch.devices import Device
from vsearch.exact_search import Found, PackedMask, Part, Shapes

MOST = 2048
"""The most rows that FAISS finds in one call on a GPU."""

Knn = Callable[[int, int, NDArray[np.float16], int], Found]
"""From the address of rows, how many, queries (n, dim) and k to rough scores and rows, (n, k)."""


class FaissScan:
    """A `RowScan` by FAISS; only one thread may call it.

    Args:
        rows: on a GPU.
        knn: searches so many rows from an address on.
    """

    def __init__(self, rows: DeviceRows, knn: Knn) -> None:
        self._rows = rows
        self._knn = knn
        self.name = f"FAISS on {rows.device.device_kind}"

    @property
    def shapes(self) -> Shapes:
        """In which sizes it is asked; FAISS takes any, but no more than `MOST`."""
        return self._rows.shapes

    @property
    def rounding(self) -> Rounding:
        """How far the rows there are from what they were."""
        return self._rows.rounding

    def __call__(
        self,
        queries: NDArray[np.float16],
        parts: Sequence[Part],
        mask: PackedMask | None,
    ) -> list[Found]:
        """Return rough scores and rows for each part; see `RowScan`."""
        if mask is not None:
            return self._rows.search(queries, parts, mask)
        queries = np.ascontiguousarray(queries)
        found = []
        for start, stop, take in parts:
            within = 0 <= start < stop <= self._rows.rows
            if not within or not 1 <= take <= min(MOST, stop - start):
                raise ValueError(f"no part of {self._rows.rows} rows: {start, stop, take}")
            address = self._rows.pointer + start * self._rows.dim * 2
            scores, rows = self._knn(address, stop - start, queries, take)
            found.append((scores, rows + start))
        return found


def open_scan(rows: DeviceRows, temporary: int = FAISS_TEMPORARY) -> FaissScan:
    """Return the search of these rows by FAISS; on the thread that is to call it.

    Args:
        rows: on a GPU.
        temporary: bytes for scores on their way.

    Raises:
        FaissError: FAISS cannot be loaded, its wheel knows no GPU, or it finds none; or there is
            no memory to spare for it.
    """
    absent = why_absent(rows.device)
    if absent:
        raise FaissError(absent)
    if not temporary:
        raise FaissError("the GPU has no memory to spare for FAISS beside network and rows")
    faiss = load_faiss()
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(temporary)
    return FaissScan(rows, device_knn(faiss, resources, rows.device.local_hardware_id))


def why_absent(device: Device) -> str | None:
    """Say why FAISS cannot search on a device; None where it can."""
    try:
        faiss = load_faiss()
    except FaissError as error:
        return str(error)
    if not hasattr(faiss, "StandardGpuResources"):
        return "the FAISS wheel installed is one for CPUs (see the extra gpu)"
    # Asked before anything else: without a device FAISS ends the process at its first call.
    ordinal = device.local_hardware_id
    if device.platform != "gpu" or ordinal is None or faiss.get_num_gpus() <= ordinal:
        return f"FAISS finds no GPU where the rows lie, on {device}"
    return None


def device_knn(faiss: Any, resources: Any, device: int) -> Knn:  # noqa: ANN401  no types
    """Return the search that asks a GPU: the one call that cannot be made without.

    Args:
        faiss: the module, of a wheel for GPUs.
        resources: its `StandardGpuResources`.
        device: CUDA's number of the GPU where the rows lie.
    """

    def knn(address: int, count: int, queries: NDArray[np.float16], take: int) -> Found:
        scores = np.empty((len(queries), take), np.float32)
        rows = np.empty((len(queries), take), np.int64)
        call = faiss.GpuDistanceParams()
        call.metric, call.k, call.dims = faiss.METRIC_INNER_PRODUCT, take, queries.shape[1]
        call.vectors, call.numVectors = faiss.cast_integer_to_void_ptr(address), count
        call.queries, call.numQueries = faiss.swig_ptr(queries), len(queries)
        call.vectorType = call.queryType = faiss.DistanceDataType_F16
        call.outDistances, call.outIndices = faiss.swig_ptr(scores), faiss.swig_ptr(rows)
        call.outIndicesType = faiss.IndicesDataType_I64
        call.device = device
        faiss.bfKnn(resources, call)  # results are in host memory when it returns
        return scores, rows

    return knn
