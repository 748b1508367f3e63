"""What a process does that loads much once and then answers for weeks."""

import gc
import sys

# The thread that runs the network asks for the interpreter a few times a pass, and Python lets
# whoever has it keep it for 5 ms: half a pass. Classifications a second, 32 shoppers on 2 busy
# cores, means of four runs in turn: 58 with 5 ms, 67 with 0.5 ms, 77 with 0.1 ms.
SWITCH_SECONDS = 0.0005


def share_interpreter() -> None:
    """Let threads that wait for the interpreter have it sooner, in this process."""
    sys.setswitchinterval(SWITCH_SECONDS)


def settle() -> None:
    """Take all objects that are there by now out of the garbage collector's rounds.

    JAX, the network and the routes are some 340,000 objects that stay. To look through all of them
    again and again took a quarter of a search's time, and 150 ms or more at a stretch, in which
    nobody was answered. What is in no cycle is freed as ever; what the pair before has left in
    cycles is collected here.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
