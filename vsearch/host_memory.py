"""How this process keeps the memory that passes through a network on a CPU take and give back."""

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress

MIB = 1 << 20

# Names of mallopt(3) and what they are set to. glibc gives a thread's arena back to the kernel
# wherever its end comes free, and takes it again, page by page, with the next pass: 0 to 950 page
# faults a photo, as the arenas of a process happen to lie, which is up to a sixth of its processor
# time. With these it is 2 to 100. A pass of two photos takes a block of 19 MB (Lite0); the buffers
# of large photos should not stay: with 64 MB in place of 32, and 128 of 64, 3,648 broken uploads
# took a server to 2.0 GB in place of 1.6, and to 1.3 where nothing is kept.
_KEPT = {
    "M_TRIM_THRESHOLD": (-1, 64 * MIB),
    "M_TOP_PAD": (-2, 32 * MIB),  # room that an arena's heap must have, or the next one stays
    "M_MMAP_THRESHOLD": (-3, 32 * MIB),  # what is larger is given back at once, as ever
}
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_")


def keep_freed(environment: Mapping[str, str] = os.environ) -> bool:
    """Let this process keep freed memory for what comes next; return whether it does.

    To be called before threads start. What somebody has set by glibc's own variables stays as it
    is, and other libraries than glibc are left alone.
    """
    tuned = "glibc.malloc" in environment.get("GLIBC_TUNABLES", "")
    if tuned or any(name in environment for name in _VARIABLES):
        return False
    with suppress(ValueError, OSError, AttributeError):  # no glibc here
        if os.confstr("CS_GNU_LIBC_VERSION"):
            mallopt = ctypes.CDLL(None).mallopt
            return all(mallopt(*option) for option in _KEPT.values())
    return False


def give_back() -> bool:
    """Give the kernel what is kept and free at this moment; return whether there was anything.

    For once in a while, such as when a network has been let go: with `keep_freed` its memory would
    stay with the process, torn into pieces that the next one does not fit.
    """
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).malloc_trim(0))
    return False
