"""Bringing the rows of an index to a GPU: when, in the background, and what if it does not work.

A command that asks one question would wait longer for the rows to get there than for its answer.
So they set out once as much has been scanned on the CPU as bringing them there costs: whatever the
searches to come, no more than twice the least work is done (the ski rental of Karlin et al.,
Competitive Snoopy Caching, Algorithmica 1988).
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from indexer.row_scans import RowScan
from vsearch.errors import DeviceError

RETRY_SECONDS = 60.0  # until room is looked for again: an older version may have left by then
SCANS_BEFORE = 16  # reading, sending and rounding all rows takes as long, where files are cold
_LEAVE_SECONDS = 5.0  # for the block of rows that is being sent

log = logging.getLogger(__name__)

State = Literal["cpu", "on its way", "gpu"]

Place = Callable[[Callable[[], bool]], RowScan]
"""Brings rows to the device, asking between blocks whether to go on, and returns their search.

Raises DeviceError where that is not possible.
"""


class Placement:
    """Where the rows of an index are; safe between threads.

    Args:
        place: brings them to the device.
        rows: how many they are.
        scans_before: all rows are scanned so many times on the CPU before they set out.
        at_once: the first search waits for them instead, and fails where they cannot come.
        retry_seconds: until it is tried again, if it was not possible or a search has failed.
    """

    def __init__(
        self,
        place: Place,
        rows: int,
        *,
        scans_before: int = SCANS_BEFORE,
        at_once: bool = False,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._place = place
        self._left = scans_before * rows
        self._at_once = at_once
        self._retry_seconds = retry_seconds
        self._retry_at = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._scan: RowScan | None = None
        self._closed = False
        self.problem: str | None = None
        """Why the rows are not on the device; None where they are, or nothing has been tried."""

    @property
    def state(self) -> State:
        """Where the rows are."""
        if self._scan is not None:
            return "gpu"
        return "on its way" if self._thread is not None else "cpu"

    def scan(self, work: int) -> RowScan | None:
        """Return the search on the device, None while the CPU has to answer.

        Args:
            work: how many rows, times queries, are about to be scanned.

        Raises:
            DeviceError: the rows were to come at once, and cannot.
        """
        scan = self._scan
        if scan is not None:
            return scan
        with self._lock:
            self._left -= work
            if self._closed or self._scan is not None or time.monotonic() < self._retry_at:
                return self._scan
            if self._at_once:
                self._scan, self.problem = self._place(lambda: True), None
            elif self._left <= 0 and self._thread is None:
                self._thread = threading.Thread(target=self._bring, name="placing", daemon=True)
                # A program that ends in the middle of it must not pull JAX from under its feet.
                atexit.register(self._leave)
                self._thread.start()
            return self._scan

    def wait(self) -> None:
        """Wait until rows that are on their way have arrived, or have not."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def lost(self, why: str) -> None:
        """Take note that a search has failed: the CPU answers until rows have come anew."""
        with self._lock:
            if self._scan is None:
                return  # another search has told already
            self._scan = None
            self._put_off(why)
        log.error("%s; the CPU answers from here on", why)

    def close(self) -> None:
        """Leave the device, and never come back; closing twice is fine."""
        # No lock: nobody else may be waited for while an index is let go.
        self._closed = True
        self._scan = None

    def _bring(self) -> None:
        started = time.monotonic()
        scan, problem = None, None
        try:
            scan = self._place(lambda: not self._closed)
        except DeviceError as error:
            problem = str(error)
        # Whatever goes wrong in a driver, searches go on.
        except Exception as error:
            problem = f"the rows could not be brought to the GPU: {error}"
        atexit.unregister(self._leave)
        told_before = self.problem
        with self._lock:
            self._thread = None
            if self._closed:
                return
            self._scan, self.problem = scan, problem
            if problem is not None:
                self._put_off(problem)
        if scan is not None:
            told = "%s searches from here on; its rows came in %.1f s"
            log.info(told, scan.name, time.monotonic() - started)
        elif problem != told_before:
            log.warning("%s; the CPU answers", problem)

    def _leave(self) -> None:
        """Let rows that are on their way turn back, and wait until they have."""
        self.close()
        thread = self._thread
        if thread is not None:
            thread.join(_LEAVE_SECONDS)

    def _put_off(self, problem: str) -> None:
        self.problem = problem
        self._retry_at = time.monotonic() + self._retry_seconds
