"""What programs share that are killed before each of their steps: to die at one, at all in turn."""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count


def die_at(step: int, touches: Callable[[str, str], bool]) -> None:
    """Let the `step`th touch from now on kill this process without any clean-up.

    Args:
        step: from 0 on.
        touches: says of an audit event and its arguments, as text, whether it is a touch.
    """
    steps = count()

    def kill(event: str, arguments: tuple[object, ...]) -> None:
        if touches(event, str(arguments)) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)


def until_one_lives(work: Callable[[int], None], every: int = 1) -> None:
    """Do the work in a process of its own for each step at which it is to die, until one lives.

    Args:
        work: does it, having been told the step.
        every: which steps: 0, `every`, twice that, …
    """
    for step in count(step=every):
        child = os.fork()
        if not child:
            work(step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))
