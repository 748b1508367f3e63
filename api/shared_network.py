"""A network whose passes concurrent requests share, run by threads of its own alone."""

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from api.batching import Batcher, Shared, Told, unheard
from api.lease import Lease
from indexer.embedding import PhotoEmbedder, PhotoPredictions, Pixels
from indexer.prediction_rows import PredictionRows

Predicted = Shared[PhotoPredictions]

GATHER_SECONDS = 0.003  # a photo that is being decoded is worth this wait
# Photos that go through the network together at least, if so many wait, whatever a pass holds: what
# else is done for each is then done in a row, and finds its code in the processor's caches.
MOST = 8


class SharedNetwork:
    """A `PhotoEmbedder` that any number of threads may call; threads of its own run it.

    On a GPU one owner keeps memory and kernel launches in order; on a CPU passes queue here instead
    of crowding one another's cores, and while one batch is taken apart another's passes go on.

    Attributes:
        lease: which pairs use it; whoever makes it is the first.

    Args:
        embedder: the network; nobody else may call it.
        gather_seconds: how long a pass waits for photos that are being decoded.
        batching: False gives every photo a pass of its own, for comparison.
        batches: that may be under way at once.
        told: told of each pass, in its thread.
    """

    def __init__(
        self,
        embedder: PhotoEmbedder,
        *,
        gather_seconds: float = GATHER_SECONDS,
        batching: bool = True,
        batches: int = 1,
        told: Told = unheard,
    ) -> None:
        self.bundle = embedder.bundle
        self.objective = embedder.objective
        self.spec = embedder.spec
        self.dim = embedder.dim
        self.embedding_fingerprint = embedder.embedding_fingerprint
        self.model_fingerprint = embedder.model_fingerprint
        self.batch_sizes = embedder.batch_sizes
        self._embedder = embedder
        self.lease = Lease(self.close)
        self._batcher: Batcher[Pixels, PhotoPredictions] = Batcher(
            self._predict,
            "network",
            most=max(MOST, embedder.batch_sizes[-1]) if batching else 1,
            threads=batches,
            gather_seconds=gather_seconds,
            told=told,
        )

    @property
    def waiting(self) -> int:
        """How many photos wait for their pass."""
        return self._batcher.waiting

    def __call__(self, pixels: Pixels, /) -> PhotoPredictions:
        """Answer for photos of shape (n, size, size, 3), n ≥ 1; waits, so not for an event loop."""
        asked = [self.submit(one) for one in pixels]
        return PredictionRows.joined([one.result().answer for one in asked])

    def submit(self, pixels: Pixels) -> "Future[Predicted]":
        """Ask for one photo, (size, size, 3) uint8; the answer has one row.

        Raises:
            ValueError: pixels of another shape or dtype, which would spoil the whole pass.
        """
        expected = (self.spec.size, self.spec.size, 3)
        if pixels.shape != expected or pixels.dtype != np.uint8:
            told = f"{pixels.dtype} {pixels.shape}"
            raise ValueError(f"this network takes one photo, uint8 {expected}, got {told}")
        return self._batcher.submit(pixels)

    def expect(self, photos: int) -> None:
        """Announce so many photos that a pass may wait for; fewer than none when they have come."""
        self._batcher.expect(photos)

    def uncalibrated(
        self, logits: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities and shares, (n, labels) each, had nothing been calibrated."""
        return self._embedder.uncalibrated(logits)

    def close(self, join_seconds: float = 0.0) -> None:
        """Let the thread end once all that waits is answered; see `Batcher.close`."""
        self._batcher.close(join_seconds)

    def _predict(self, photos: Sequence[Pixels]) -> list[PhotoPredictions]:
        predictions = self._embedder(np.stack(photos))
        return [PredictionRows.of(predictions, slice(i, i + 1)) for i in range(len(photos))]
