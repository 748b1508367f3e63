"""Exact search on a GPU behind `VectorIndex`, with the index on the CPU beside it.

The device proposes rows by rough scores in half precision; they are scored from the vectors as
`vector_index` says, and a query whose answer the rounding could still change looks further (see
`rescoring`). So answers are those of `ExactIndex`, to the bit. The CPU answers while the rows are
on their way to the device, where it has no room, after a call has failed, and where it is quicker.
"""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.device_placement import Placement
from indexer.device_worker import DeviceWorker, shared_worker
from indexer.faiss_index import FaissIndex
from indexer.rescoring import Halves, rescored
from indexer.row_scans import RowScan, parts_of, proposed
from indexer.vector_index import (
    HeldRows,
    Nearest,
    RowRange,
    VectorIndex,
    checked_search,
    empty_nearest,
)
from vsearch.errors import DeviceError
from vsearch.exact_search import PackedMask


@dataclass(frozen=True)
class DevicePlan:
    """When the device is asked, and for how much; estimates, none of them measured on a GPU yet.

    Attributes:
        least_rows: a range with fewer, times the queries, is scanned on the CPU before a call of
            the device has begun (65 ns a row of 256 numbers, some .2 ms a call).
        spare: candidates beyond k: nearly always enough to be sure of the answer.
        most: candidates of a query; one that needs more is scanned on the CPU.
        least_share: of the rows of a mask that count, one in so many; fewer are gathered on the
            CPU (.2 µs each) before the device has read all of them and the mask.
    """

    least_rows: int = 4096
    spare: int = 32
    most: int = 16384
    least_share: int = 1000


PLAN = DevicePlan()


class DeviceIndex(HeldRows):
    """Scans all rows of the ranges asked for, on a GPU wherever that is possible and quicker.

    Safe to use from many threads at once.

    Args:
        vectors: shape (rows, dim), float32; may be memory-mapped; kept, not copied.
        host: the index of the same vectors on the CPU.
        placement: of these vectors.
        worker: makes the calls of the device; by default the one that all indexes share.
        plan: when the device is asked.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        host: VectorIndex,
        placement: Placement,
        worker: DeviceWorker | None = None,
        plan: DevicePlan = PLAN,
    ) -> None:
        super().__init__(vectors)
        self.host = host
        self._exact = FaissIndex(self.vectors)  # the host may have codes, which miss a row at times
        self.placement = placement
        self._worker = worker or shared_worker()
        self._plan = plan
        # Rows still on their way to the device of an index that nobody has any more turn back.
        weakref.finalize(self, placement.close)

    def search(
        self, queries: NDArray[np.float32], k: int, ranges: Sequence[RowRange] | None = None
    ) -> Nearest:
        """Return the `k` nearest rows of every query; see `VectorIndex.search`.

        Before the rows are on the device, what the index on the CPU finds is the answer.
        """
        spans = checked_search(queries, k, ranges, dim=self.dim, rows=self.rows)
        total = sum(stop - start for start, stop in spans)
        if total * len(queries) < max(1, self._plan.least_rows * len(spans)):
            return self.host.search(queries, k, ranges)
        scan = self.placement.scan(total * len(queries))
        if scan is None:
            return self.host.search(queries, k, ranges)
        try:
            nearest, unsure = self._searched(scan, queries, k, spans, None)
        except DeviceError as error:
            self.placement.lost(str(error))
            return self.host.search(queries, k, ranges)
        if len(unsure):
            told = self._exact.search(queries[unsure], k, spans)
            nearest[0][unsure], nearest[1][unsure] = told
        return nearest

    def search_masked(
        self,
        queries: NDArray[np.float32],
        k: int,
        ranges: Sequence[RowRange] | None,
        mask: NDArray[np.bool_],
        count: int,
    ) -> Nearest | None:
        """Return the `k` nearest rows that a mask holds; see `MaskedSearch`.

        None where the device is not asked, has failed, or cannot be sure of an answer.
        """
        spans = checked_search(queries, k, ranges, dim=self.dim, rows=self.rows)
        total = sum(stop - start for start, stop in spans)
        few = max(self._plan.least_rows, total // self._plan.least_share)
        scan = None if count < max(1, few) else self.placement.scan(total * len(queries))
        if scan is None:
            return None
        try:
            nearest, unsure = self._searched(scan, queries, k, spans, PackedMask.of(mask))
        except DeviceError as error:
            self.placement.lost(str(error))
            return None
        return None if len(unsure) else nearest

    def _searched(
        self,
        scan: RowScan,
        queries: NDArray[np.float32],
        k: int,
        spans: Sequence[RowRange],
        mask: PackedMask | None,
    ) -> tuple[Nearest, NDArray[np.int64]]:
        """Return the answers, and the queries that more candidates than the plan allows would need.

        Raises:
            DeviceError: the device has failed.
        """
        total = sum(stop - start for start, stop in spans)
        nearest = empty_nearest(len(queries), k)
        halves = Halves.of(queries)
        pending = np.arange(len(queries))
        take = min(k + self._plan.spare, total)
        while len(pending) and take <= self._plan.most:
            some = halves.chosen(pending)
            parts = parts_of(spans, take, scan.shapes)
            proposal = proposed(parts, self._worker.search(scan, some.queries, parts, mask), take)
            scores, rows = rescored(queries[pending], self.vectors, proposal.rows, k)
            ceilings = some.ceilings(proposal.floors, scan.rounding.residual, scan.rounding.longest)
            sure = np.isneginf(proposal.floors)
            if scores.shape[1] >= k:
                sure |= scores[:, k - 1] > ceilings
            done, width = pending[sure], scores.shape[1]
            nearest[0][done, :width], nearest[1][done, :width] = scores[sure], rows[sure]
            pending = pending[~sure]
            take = min(4 * take, total)
        return nearest, pending
