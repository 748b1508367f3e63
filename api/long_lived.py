"""What a process does that loads much once and then answers for weeks."""

import gc

from vsearch.host_memory import give_back

# So many more objects may be made than freed before the youngest are looked through. To do so after
# 700, as Python does, took .2 ms of the 3.2 that a search takes beside the network.
YOUNG = 50_000


def settle() -> None:
    """Take all objects that are there by now out of the garbage collector's rounds, and have fewer.

    JAX, the network and the routes are some 340,000 objects that stay. To look through all of them
    again and again took a quarter of a search's time, and 150 ms or more at a stretch, in which
    nobody was answered. What is in no cycle is freed as ever; what the pair before has left in
    cycles is collected here, and its memory goes back to the kernel.
    """
    gc.unfreeze()
    gc.collect()
    give_back()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
