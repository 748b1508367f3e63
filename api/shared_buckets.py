"""Buckets that several server processes take from together: a small file that all of them map.

A bucket lies in one of a few slots that its name's hash chooses; where all are taken, the one that
was used longest ago is given up. So the file never grows, and nothing has to be looked for in it.
"""

import fcntl
import mmap
import os
import struct
import weakref
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from api.rate_limit import MOST_BUCKETS, Bucket

_SLOT = struct.Struct("<Qdd")  # of the name, tokens, when; a slot of zeros is free
_WAYS = 8  # slots that a name may lie in


class SharedBuckets:
    """Buckets by name in a file; entered, they are this process's alone until they are left.

    Enter them from one thread of a process. What a process that is killed held is free again.

    Args:
        file: made where it is not there; the system's clock since its start counts, so it must not
            outlive it.
        most: buckets, about.
    """

    def __init__(self, file: Path, most: int = MOST_BUCKETS) -> None:
        self._sets = -(-most // _WAYS)
        size = self._sets * _WAYS * _SLOT.size
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, self._file)
        os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)

    def __len__(self) -> int:
        return sum(1 for name, *_ in _SLOT.iter_unpack(self._map) if name)

    def __enter__(self) -> "SharedBuckets":
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def get(self, name: str) -> Bucket | None:
        """Return a bucket; None where it is not known."""
        place, known = self._place(_hashed(name))
        _, tokens, since = _SLOT.unpack_from(self._map, place)
        return (tokens, since) if known else None

    def put(self, name: str, bucket: Bucket) -> None:
        """Keep a bucket."""
        hashed = _hashed(name)
        place, _ = self._place(hashed)
        _SLOT.pack_into(self._map, place, hashed, *bucket)

    def _place(self, hashed: int) -> tuple[int, bool]:
        """Return where a bucket lies, or is to lie, and whether it is there already."""
        first = hashed // 2 % self._sets * _WAYS
        places = range(first * _SLOT.size, (first + _WAYS) * _SLOT.size, _SLOT.size)
        slots = {place: _SLOT.unpack_from(self._map, place) for place in places}
        for place, (name, _, _) in slots.items():
            if name == hashed:
                return place, True
        return min(places, key=lambda place: slots[place][2]), False


def _hashed(name: str) -> int:
    """Return 64 bits of a name, odd: never those of a free slot."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) | 1
