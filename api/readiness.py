"""Whether the server wants requests: it has a pair that is warm, and is not about to end."""

import threading
from dataclasses import dataclass

from api.live import LivePair
from api.pair import Pair
from api.problems import Kind, ProblemError


@dataclass(frozen=True)
class Readiness:
    """What /readyz says.

    Attributes:
        live: holds the pair that serves.
        draining: set when the server has been asked to end: balancers look away, requests in flight
            and those that still come are answered.
    """

    live: LivePair
    draining: threading.Event

    def pair(self) -> Pair:
        """Return the pair that serves.

        Raises:
            ProblemError: 503 with the reason why the server is not ready.
        """
        if self.draining.is_set():
            told = "The server is about to end."
            raise ProblemError(503, Kind.ENDING, told, headers={"Retry-After": "5"})
        return self.live.pair()
