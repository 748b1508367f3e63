"""What the serving of photos tells of itself, counted."""

from collections.abc import Callable

from api.listener import Listener
from api.metrics import Metrics


class MetricsListener(Listener):
    """Counts what happens.

    Attributes:
        counts: where; set once the server has it.
        waiting: returns how many photos wait for the network.
    """

    def __init__(self) -> None:
        self.counts: Metrics | None = None
        self.waiting: Callable[[], int] = int

    def passed(self, photos: int, ms: float) -> None:
        """Count a pass through the network."""
        if self.counts is not None:
            self.counts.batch(photos)
            self.counts.stages({"pass": ms})
            self.counts.queue(self.waiting())

    def took_over(self, model: str, index: str) -> None:  # noqa: ARG002
        """Count a takeover."""
        if self.counts is not None:
            self.counts.takeover("done")

    def not_taken_over(self, reason: str) -> None:  # noqa: ARG002
        """Count a pair that could not be loaded."""
        if self.counts is not None:
            self.counts.takeover("failed")
