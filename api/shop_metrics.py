"""What Prometheus is told of the shop itself, looked up when it asks."""

import importlib.metadata
import threading
from collections.abc import Iterator
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from api.live import LivePair
from api.problems import ProblemError
from indexer.counting import counts_beside
from indexer.records import Counts
from indexer.search import Searcher
from indexer.shop import Shop

VERSION = importlib.metadata.version("vsearch")


class ShopMetrics(Collector):
    """Version, what serves, and how many items there are in which state.

    Args:
        shop: the shop.
        live: holds what serves.
    """

    def __init__(self, shop: Shop, live: LivePair) -> None:
        self._shop, self._live = shop, live
        self._counted: tuple[object, Counts] | None = None
        self._lock = threading.Lock()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return nothing: registering must not count the shop."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily | InfoMetricFamily]:
        """Look everything up."""
        searcher = self._searcher()
        build = InfoMetricFamily("vsearch_build", "The program.")
        build.add_metric((), {"version": VERSION})
        yield build
        ready = GaugeMetricFamily("vsearch_ready", "Whether photos can be searched.")
        ready.add_metric((), float(searcher is not None))
        yield ready
        if searcher is not None:
            serving = InfoMetricFamily("vsearch_serving", "The pair that serves.")
            model, index = searcher.embedder.model_fingerprint, searcher.version.name
            serving.add_metric((), {"model": model, "index": index})
            yield serving
        items = GaugeMetricFamily("vsearch_items", "Items by state.", labels=("state",))
        counts = self._counts(searcher)
        for state in ("indexed", "waiting", "rejected"):
            items.add_metric((state,), getattr(counts, state))
        yield items

    def _searcher(self) -> Searcher | None:
        with suppress(ProblemError):  # nothing serves yet
            return self._live.searcher()
        return None

    def _counts(self, searcher: Searcher | None) -> Counts:
        """Count the items, anew only where the shop has changed: in large ones that takes long."""
        version = searcher.version if searcher else None
        mark = (self._shop.catalogue.seq(), version.name if version else None)
        with self._lock:
            if self._counted is None or self._counted[0] != mark:
                counts = self._count(searcher)
                self._counted = mark, counts
            return self._counted[1]

    def _count(self, searcher: Searcher | None) -> Counts:
        if searcher is None:
            return self._shop.catalogue.counts(0)
        with self._shop.catalogue.moment():
            return counts_beside(self._shop.catalogue, searcher.version)
