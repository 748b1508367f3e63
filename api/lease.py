"""Something that is closed when the last who uses it has let it go."""

import threading
from collections.abc import Callable


class Lease:
    """Counts who uses a thing; safe between threads.

    Args:
        close: called once, by whoever leaves last.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._holders = 1
        self._lock = threading.Lock()

    @property
    def holders(self) -> int:
        """How many use it now."""
        return self._holders

    def take(self) -> bool:
        """Use it too; False where nobody does any more, so that it is closed."""
        with self._lock:
            self._holders += 1 if self._holders else 0
            return self._holders > 0

    def leave(self) -> None:
        """Use it no more."""
        with self._lock:
            self._holders -= 1
            last = not self._holders
        if last:
            self._close()
