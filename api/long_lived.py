"""What a process does that loads much once and then answers for weeks."""

import gc


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
