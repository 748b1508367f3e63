"""Rebuilds beside the server: when many changes have gathered, a process of its own builds anew.

A process, so that building takes no time from the interpreter that answers; at low priority and on
the CPU, so that it takes little from the machine and nothing from a GPU that serves. The shop's
build lock keeps it the only one, and the server takes over what it publishes as it would any build.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from indexer.device_choice import INDEX_DEVICE
from indexer.rebuild import Drift
from indexer.search import Searcher

LOOK_SECONDS = 30.0  # between two looks at how much has changed
RETRY_SECONDS = 600.0  # before the same index is rebuilt again, if that did not help
_STOP_SECONDS = 10.0

log = logging.getLogger(__name__)

Process = subprocess.Popen[str]


def start_build(shop: Path) -> Process:
    """Start `vsearch build --keep-model` on a shop: the rebuild must not change what serves."""
    program = "import os; os.nice(10); from api.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "build", str(shop), "--keep-model", "--json", "--quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu", INDEX_DEVICE: "cpu"},
    )


class Rebuilder:
    """Starts a build when the changes call for one, and never two at a time.

    Args:
        shop: the shop's folder.
        start: starts a build.
    """

    def __init__(self, shop: Path, start: Callable[[Path], Process] = start_build) -> None:
        self._shop = shop
        self._start = start
        self._running: Process | None = None
        self._tried: str | None = None
        self._retry_at = 0.0
        self._look_at = 0.0
        self._lock = threading.Lock()
        self._stopped = False

    def look(self, searcher: Searcher) -> None:
        """Look at how far the catalogue has gone from an index, every now and then.

        Nothing that goes wrong here is raised: it is told in the log, and searches go on.
        """
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            with self._lock:
                self._look(searcher, now)
        except Exception as error:
            log.error("a rebuild could not be started: %s", error)

    def stop(self) -> None:
        """End a build that is running; the next one goes on where it stopped."""
        with self._lock:
            self._stopped = True
            if self._running is None:
                return
            self._running.terminate()
            try:
                self._running.communicate(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.communicate()
            self._running = None

    def _look(self, searcher: Searcher, now: float) -> None:
        if self._stopped or (self._running is not None and self._running.poll() is None):
            return
        if self._running is not None:
            ended, self._running = self._running, None
            _tell(ended)
        reason = Drift.of(searcher.items.live_rows()).reason
        version = searcher.version.name
        if reason is None or (version == self._tried and now < self._retry_at):
            return
        self._tried, self._retry_at = version, now + RETRY_SECONDS
        log.info("%s: a rebuild begins", reason)
        self._running = self._start(self._shop)


def _tell(ended: Process) -> None:
    """Tell in the log how a build has ended."""
    told, _ = ended.communicate()
    if ended.returncode == 0:
        log.info("the rebuild has ended: %s", json.loads(told).get("version"))
        return
    try:
        why = json.loads(told)["error"]
    except (ValueError, KeyError, TypeError):
        why = f"exit code {ended.returncode}"
    log.warning("the rebuild failed: %s", why)
