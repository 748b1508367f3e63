"""Lets this very process touch a shop's files so many times, as if it were killed then."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from tests.indexer.killed_builds import TOUCHES


class DeadError(BaseException):
    """The process is dead: what it still touches does not happen."""


@dataclass
class Death:
    """Lets a process touch index files and CURRENT so many times."""

    left: int = sys.maxsize

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.left == sys.maxsize or event not in TOUCHES:
            return
        if any(name in str(arguments) for name in ("indexes", "CURRENT")):
            self.left -= 1
            if self.left < 0:
                raise DeadError

    @contextmanager
    def after(self, touches: int) -> Iterator[None]:
        """Let the process die, at the latest where this ends."""
        self.left = touches
        try:
            yield
        except DeadError:
            pass
        finally:
            self.left = sys.maxsize


@cache
def death() -> Death:
    """Return the only one: a hook can never be taken away again."""
    hook = Death()
    sys.addaudithook(hook)
    return hook
