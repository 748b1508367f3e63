"""The end of a server process: first it says that it is not ready, then it stops listening."""

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


@contextmanager
def announced(draining: threading.Event, seconds: float) -> Iterator[None]:
    """Let the first signal to end set `draining`, and the server go on for some seconds.

    Balancers that ask /readyz look away meanwhile; then the server's own handler stops listening,
    and requests in flight end. Another signal ends the waiting. For the main thread's event loop,
    whose server has put its handlers in place; elsewhere there are no signals to follow.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {sig: signal.getsignal(sig) for sig in SIGNALS}

    def end(sig: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(sig)]
        if callable(handler):
            handler(sig, frame)

    def asked(sig: int, frame: FrameType | None) -> None:
        if draining.is_set() or not seconds:
            draining.set()
            end(sig, frame)
            return
        draining.set()
        log.info("asked to end: not ready any more, listening for %g seconds yet", seconds)
        loop.call_soon_threadsafe(loop.call_later, seconds, end, sig, None)

    for sig in SIGNALS:
        signal.signal(sig, asked)
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
