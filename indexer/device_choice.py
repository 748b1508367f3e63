"""Which device searches an index: what the environment asks for, and whether a GPU may be there.

`VSEARCH_INDEX_DEVICE` says `auto` (a GPU where there is one with room, once there have been enough
searches), `cpu`, `gpu` (from the first search on, and an error where that is not possible), or
`gpu-faiss` or `gpu-jax` for one of the two ways to search on a GPU.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import Nearest, RowRange, VectorIndex
from vsearch.device_memory import expects_gpu
from vsearch.errors import DeviceError

INDEX_DEVICE = "VSEARCH_INDEX_DEVICE"

Choice = Literal["auto", "cpu", "gpu", "gpu-faiss", "gpu-jax"]


@runtime_checkable
class MaskedSearch(Protocol):
    """An index that may find the nearest rows of a mask by itself."""

    def search_masked(
        self,
        queries: NDArray[np.float32],
        k: int,
        ranges: Sequence[RowRange] | None,
        mask: NDArray[np.bool_],
        count: int,
    ) -> Nearest | None:
        """Return the `k` nearest rows that a mask holds, exactly, or None: look otherwise.

        Args:
            queries: shape (n, dim), float32, finite.
            k: at least 1.
            ranges: rows that hold all of the mask; None: all rows.
            mask: shape (rows,), bool, the rows that count.
            count: how many these are.
        """


@dataclass(frozen=True)
class DeviceReport:
    """What searches an index, or would.

    Attributes:
        device: such as "CPU" or "FAISS on NVIDIA H100 80GB HBM3".
        detail: more about it, such as how many rows it has room for.
        problem: why it is not the GPU that is there or was asked for; None where nothing is wrong.
    """

    device: str
    detail: str = ""
    problem: str | None = None

    @property
    def line(self) -> str:
        """All of it in one line."""
        return ": ".join(part for part in (self.device, self.detail, self.problem) if part)


def index_device() -> Choice:
    """Return what the environment asks for.

    Raises:
        DeviceError: it asks for something unknown.
    """
    asked = os.environ.get(INDEX_DEVICE) or "auto"
    for choice in get_args(Choice):
        if asked == choice:
            found: Choice = choice
            return found
    known = ", ".join(get_args(Choice))
    raise DeviceError(f"{INDEX_DEVICE} is {asked!r}, expected one of {known}")


def with_device(vectors: NDArray[np.float32], host: VectorIndex) -> VectorIndex:
    """Return an index that searches on a GPU where one is to be used, else the one on the CPU.

    Nothing is brought to a GPU before there are searches.

    Args:
        vectors: shape (rows, dim), float32.
        host: the index of these vectors on the CPU.

    Raises:
        DeviceError: the environment asks for an unknown device.
    """
    wanted = index_device()
    if not len(vectors) or wanted == "cpu" or (wanted == "auto" and not expects_gpu(os.environ)):
        return host
    # JAX takes a second to load, which a command that searches nothing is spared.
    from indexer.device_opening import device_index  # noqa: PLC0415

    return device_index(vectors, host, wanted)


def device_report(rows: int = 0, dim: int = 256) -> DeviceReport:
    """Say what would search an index of so many rows; starts JAX only where a GPU may be there.

    Raises:
        DeviceError: the environment asks for an unknown device.
    """
    wanted = index_device()
    if wanted == "cpu":
        return DeviceReport("CPU", f"as {INDEX_DEVICE} says")
    if not expects_gpu(os.environ):
        missing = "JAX has no CUDA plugin, or JAX_PLATFORMS leaves it out"
        problem = None if wanted == "auto" else f"{INDEX_DEVICE} is {wanted}, but {missing}"
        return DeviceReport("CPU", "" if problem else missing, problem)
    from indexer.device_opening import examined  # noqa: PLC0415  likewise

    return examined(rows, dim, wanted)
