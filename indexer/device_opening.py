"""Opening the rows of an index on a GPU: is there one, has it room, and FAISS or JAX on it.

FAISS goes first where its wheel is one for GPUs; JAX searches where no such wheel fits the machine.
"""

import logging
import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from indexer.device_choice import INDEX_DEVICE, Choice, DeviceReport
from indexer.device_index import DeviceIndex
from indexer.device_placement import Placement
from indexer.device_worker import DeviceWorker, shared_worker
from indexer.faiss_gpu_index import open_scan, why_absent
from indexer.faiss_index import FaissError
from indexer.row_scans import JaxScan, RowScan
from indexer.vector_index import VectorIndex
from vsearch.device_memory import (
    FAISS_TEMPORARY,
    Need,
    Room,
    faiss_temporary,
    fitting_rows,
    jax_share,
)
from vsearch.device_rows import DeviceRows, place
from vsearch.devices import Device, first_gpu, room
from vsearch.errors import DeviceError
from vsearch.exact_search import SHAPES, Shapes

log = logging.getLogger(__name__)


def device_index(
    vectors: NDArray[np.float32], host: VectorIndex, wanted: Choice = "auto"
) -> DeviceIndex:
    """Return an index that searches on the GPU once its rows are there.

    Args:
        vectors: shape (rows, dim), float32, at least one row.
        host: the index of these vectors on the CPU.
        wanted: “auto”: after enough searches, if at all; else from the first search on.
    """
    worker = shared_worker()

    def bring(go_on: Callable[[], bool]) -> RowScan:
        try:
            device = first_gpu()
        except RuntimeError as error:  # a plugin without a driver
            raise DeviceError(f"JAX cannot start on the GPU: {error}") from error
        if device is None:
            raise DeviceError("there is no GPU that JAX can use: run `vsearch doctor`")
        return opened(vectors, device, wanted, worker, go_on=go_on)

    placement = Placement(bring, len(vectors), at_once=wanted != "auto")
    return DeviceIndex(vectors, host, placement, worker)


def opened(
    vectors: NDArray[np.float32],
    device: Device,
    wanted: Choice,
    worker: DeviceWorker,
    *,
    shapes: Shapes = SHAPES,
    go_on: Callable[[], bool] = lambda: True,
) -> RowScan:
    """Bring rows to a device and return their search.

    Args:
        vectors: shape (rows, dim), float32, at least one row.
        device: where to.
        wanted: which way to search there.
        worker: makes the calls of the device.
        shapes: in which sizes it is asked.
        go_on: asked between blocks of rows.

    Raises:
        DeviceError: the device has no room or has failed, or FAISS was asked for and cannot.
    """
    memory = room(device)
    problem = need(len(vectors), vectors.shape[1], shapes).problem(memory)
    if problem:
        raise DeviceError(problem)
    try:
        rows = place(vectors, device, shapes, go_on)
        if rows is None:
            raise DeviceError("the index is not needed any more")
        return worker.call(lambda: _scan_of(rows, memory, wanted))
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"the rows cannot be brought to {device}: {error}") from error


def need(rows: int, dim: int, shapes: Shapes = SHAPES) -> Need:
    """Return the memory that an index of so many rows needs on a device."""
    return Need(shapes.bytes(rows, dim), shapes.scratch(dim))


def _scan_of(rows: DeviceRows, memory: Room | None, wanted: Choice) -> RowScan:
    """Return the way to search that is wanted and there, ready for the usual searches."""
    scan: RowScan | None = None
    if wanted != "gpu-jax":
        try:
            scan = open_scan(rows, _temporary(memory))
        except FaissError as error:
            if wanted == "gpu-faiss":
                raise DeviceError(f"{INDEX_DEVICE} is gpu-faiss, but {error}") from error
            log.info("JAX searches on the GPU: %s", error)
    scan = scan or JaxScan(rows)
    rows.warm_up()  # also beside FAISS: masks are JAX's
    return scan


def _temporary(memory: Room | None) -> int:
    if memory is None:  # an allocator that keeps no books, such as “platform”
        return FAISS_TEMPORARY
    return faiss_temporary(memory.limit, jax_share(os.environ))


def examined(rows: int, dim: int, wanted: Choice) -> DeviceReport:
    """Say what would search an index of so many rows on this machine; brings nothing anywhere."""
    try:
        device = first_gpu()
    except RuntimeError as error:  # a plugin without a driver
        return DeviceReport("CPU", problem=f"JAX cannot start: {error}")
    if device is None:
        return DeviceReport("CPU", problem="JAX has a CUDA plugin, but finds no GPU")
    memory = room(device)
    problem = need(rows, dim).problem(memory)
    if problem:
        return DeviceReport("CPU", problem=problem)
    absent = why_absent(device)
    if absent and wanted == "gpu-faiss":
        return DeviceReport("CPU", problem=f"{INDEX_DEVICE} is gpu-faiss, but {absent}")
    library = "JAX" if absent or wanted == "gpu-jax" else "FAISS"
    detail = ""
    if memory is not None:
        fitting = fitting_rows(memory, SHAPES.scratch(dim), dim)
        detail = f"room for {fitting:,} rows of {dim} numbers beside the network"
    return DeviceReport(f"{library} on {device.device_kind}", detail)
