"""What the server counts, for Prometheus.

With several workers each process writes its counts to files in a folder that `vsearch serve` makes
(PROMETHEUS_MULTIPROC_DIR), and whichever is asked adds up all of them; a server of its own on
another port is a target of its own.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PHOTOS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counts of one server.

    Args:
        at_scrape: what is looked up only when somebody asks, such as the number of items.
    """

    def __init__(self, at_scrape: Collector | None = None) -> None:
        own = CollectorRegistry()
        self._own, self._at_scrape = own, at_scrape
        self.requests = Counter(
            "vsearch_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=own,
        )
        self.request_seconds = Histogram(
            "vsearch_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=own,
        )
        self.in_flight = Gauge(
            "vsearch_requests_in_flight",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._stages = Histogram(
            "vsearch_stage_seconds",
            "What a photo's way through the server takes, by stage.",
            ("stage",),
            buckets=_SECONDS,
            registry=own,
        )
        self._batches = Histogram(
            "vsearch_batch_photos",
            "Photos that went through the network together.",
            buckets=_PHOTOS,
            registry=own,
        )
        self._queue = Gauge(
            "vsearch_queue_photos",
            "Photos that wait for the network.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._answers = Counter(
            "vsearch_answers",
            "Photos answered, by whether they show something that the shop does not sell.",
            ("unknown",),
            registry=own,
        )
        self._refused = Counter(
            "vsearch_refused",
            "Requests that were refused, by reason.",
            ("reason",),
            registry=own,
        )
        self._rate_limited = Counter(
            "vsearch_rate_limited",
            "Requests over a rate limit, by what is limited.",
            ("limit",),
            registry=own,
        )

        self._takeovers = Counter(
            "vsearch_takeovers",
            "Newly published pairs of model and index, by what became of them.",
            ("outcome",),
            registry=own,
        )
        # Each search needs six of these, of a handful in all.
        self._stage = cache(self._stages.labels)
        self._answer = cache(self._answers.labels)

    def stages(self, milliseconds: Mapping[str, float]) -> None:
        """Count how long the stages of one answer took."""
        for stage, taken in milliseconds.items():
            self._stage(stage).observe(taken / 1000)

    def batch(self, photos: int) -> None:
        """Count a batch."""
        self._batches.observe(photos)

    def queue(self, photos: int) -> None:
        """Tell how many photos wait now."""
        self._queue.set(photos)

    def answered(self, unknown: bool | None) -> None:
        """Count a photo that was answered; None: nobody can tell whether it is unknown."""
        told = "untold" if unknown is None else "yes" if unknown else "no"
        self._answer(told).inc()

    def refused(self, reason: str) -> None:
        """Count a request that was refused; `reason` is one of a few, no client's words."""
        self._refused.labels(reason).inc()

    def rate_limited(self, limit: str) -> None:
        """Count a request over the limit of keys or of addresses."""
        self._rate_limited.labels(limit).inc()

    def takeover(self, outcome: str) -> None:
        """Count a published pair that was “done” or “failed”."""
        self._takeovers.labels(outcome).inc()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request as in flight."""
        self.in_flight.inc()
        try:
            yield
        finally:
            self.in_flight.dec()

    def text(self) -> bytes:
        """Return all counts in Prometheus' text format, of all workers together."""
        if FOLDER_VARIABLE not in os.environ:
            told = generate_latest(self._own)
        else:
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            told = generate_latest(together)
        if self._at_scrape is not None:
            looked_up = CollectorRegistry()
            looked_up.register(self._at_scrape)
            told += generate_latest(looked_up)
        return told


def forget_dead_workers() -> None:
    """Take away the gauges of workers that have ended: nothing of theirs is in flight."""
    folder = os.environ.get(FOLDER_VARIABLE)
    for path in Path(folder).glob("gauge_live*_*.db") if folder else ():
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            mark_process_dead(int(pid))  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    with suppress(ProcessLookupError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return True
    return False
