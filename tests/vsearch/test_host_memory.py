"""Freed memory that a process keeps."""

import subprocess
import sys

import pytest

from vsearch.host_memory import keep_freed

# A block of 28 MiB that another thread takes and gives back again and again, as a pass does, where
# two more fill its arena's heap of 64 MiB: the pages that it faults in after a few times.
FAULTS = """
import ctypes, resource, threading
from vsearch.host_memory import keep_freed

kept = keep_freed({environment})
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
size = 28 << 20

def passes(many):
    for _ in range(many):
        block = libc.malloc(ctypes.c_size_t(size))
        ctypes.memset(block, 1, size)
        libc.free(block)

def count():
    passes(2)
    held = [libc.malloc(ctypes.c_size_t(size)) for _ in range(2)]
    passes(2)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    passes(10)
    print(int(kept), resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

thread = threading.Thread(target=count)
thread.start()
thread.join()
"""


def faults(environment: dict[str, str]) -> tuple[int, int]:
    """Return whether memory is kept, and the page faults of ten passes."""
    code = FAULTS.format(environment=environment)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept, found = done.stdout.split()
    return int(kept), int(found)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is of Linux")
def test_what_a_pass_gives_back_is_there_for_the_next() -> None:
    kept, found = faults({})
    if not kept:
        pytest.skip("this Linux has another library than glibc")
    assert found < 100
    assert faults({"MALLOC_TRIM_THRESHOLD_": "by somebody"})[1] > 1000


@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_TRIM_THRESHOLD_": "1"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}],
)
def test_what_somebody_has_set_stays(environment: dict[str, str]) -> None:
    assert not keep_freed(environment)


HELD = """
import ctypes, threading
from pathlib import Path
from vsearch.host_memory import MIB, give_back, keep_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // MIB

kept = keep_freed({})
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def network():
    blocks = [libc.malloc(ctypes.c_size_t(MIB)) for _ in range(200)]
    for block in blocks:
        ctypes.memset(block, 1, MIB)
    for block in blocks[:-1]:  # the last one keeps the others from being cut off
        libc.free(block)

before = resident()
thread = threading.Thread(target=network)
thread.start()
thread.join()
held = resident()
give_back()
print(int(kept), held - before, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is of Linux")
def test_what_is_kept_can_be_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    kept, held, after = map(int, done.stdout.split())
    if not kept:
        pytest.skip("this Linux has another library than glibc")
    assert held > 150
    assert after < 50
