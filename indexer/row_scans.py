"""What a device is asked: parts of the rows, planned and put together again.

A device finds at most some thousand rows in one call. Where more are wanted, the rows are cut into
so many pieces that each is asked for few.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.vector_index import RowRange
from vsearch.device_rows import DeviceRows, Rounding
from vsearch.exact_search import Found, PackedMask, Part, Shapes


class RowScan(Protocol):
    """Finds rows on a device by rough scores; only one thread calls it.

    Attributes:
        name: what it is called in logs, such as "FAISS on NVIDIA H100 80GB HBM3".
    """

    name: str

    @property
    def shapes(self) -> Shapes:
        """In which sizes it is asked."""

    @property
    def rounding(self) -> Rounding:
        """How far the rows there are from what they were."""

    def __call__(
        self,
        queries: NDArray[np.float16],
        parts: Sequence[Part],
        mask: PackedMask | None,
    ) -> list[Found]:
        """Return rough scores and rows for each part; see `vsearch.exact_search.nearest_rows`.

        Raises:
            RuntimeError: the device has failed, or has too little memory.
        """


class JaxScan:
    """A `RowScan` by JAX: for machines where no FAISS wheel fits, and for every mask.

    Args:
        rows: on any device of JAX's.
    """

    def __init__(self, rows: DeviceRows) -> None:
        self._rows = rows
        self.shapes, self.rounding = rows.shapes, rows.rounding
        self.name = f"JAX on {rows.device.device_kind}"

    def __call__(
        self,
        queries: NDArray[np.float16],
        parts: Sequence[Part],
        mask: PackedMask | None,
    ) -> list[Found]:
        """Return rough scores and rows for each part; see `RowScan`."""
        return self._rows.search(queries, parts, mask)


@dataclass(frozen=True)
class Proposal:
    """Rows that a device proposes for n queries.

    Attributes:
        rows: shape (n, m), int64, in no particular order; -1 for none.
        floors: shape (n,), float32: no other row that was asked for has a rough score above this;
            -inf where there is no other.
    """

    rows: NDArray[np.int64]
    floors: NDArray[np.float32]


def parts_of(spans: Sequence[RowRange], take: int, shapes: Shapes) -> tuple[Part, ...]:
    """Return what to ask for so that about the `take` best rows are among the answers.

    Args:
        spans: ranges, none of them empty.
        take: how many rows are wanted of all of them together.
        shapes: the sizes that a device answers in.
    """
    size = shapes.take(take)
    total = sum(stop - start for start, stop in spans)
    # Pieces whose share is half of what a call finds: chance hardly gives one more than twice it.
    length = total if take <= shapes.most else max(shapes.most, total * shapes.most // (2 * take))
    return tuple(
        (begin, end, min(size, end - begin))
        for start, stop in spans
        for begin in range(start, stop, length)
        for end in (min(stop, begin + length),)
    )


def proposed(parts: Sequence[Part], found: Sequence[Found], take: int) -> Proposal:
    """Put a device's answers together, and keep the `take` best by rough score.

    Args:
        parts: what was asked for.
        found: the answers, in the same order.
        take: at least 1.
    """
    floors = np.full(len(found[0][0]), -np.inf, np.float32)
    for (start, stop, wanted), (scores, _) in zip(parts, found, strict=True):
        # A part whose rows all came back has no other; nor has one with fewer that count.
        if wanted < stop - start:
            floors = np.maximum(floors, scores.min(axis=1))
    scores = np.concatenate([scores for scores, _ in found], axis=1)
    rows = np.concatenate([rows for _, rows in found], axis=1)
    if scores.shape[1] > take:
        order = np.argpartition(-scores, take, axis=1)
        left = np.take_along_axis(scores, order[:, take : take + 1], 1)  # the best of the rest
        floors = np.maximum(floors, left[:, 0])
        rows = np.take_along_axis(rows, order[:, :take], 1)
    return Proposal(rows, floors)
