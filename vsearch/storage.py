"""Files that survive a crash: what is synced before it is renamed is whole or not there."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO

_SYNCERS = 16  # threads
_PATHS = 4096  # at a time


def sync_path(path: Path) -> None:
    """Force a file or a folder's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path, *, recurse: bool = True) -> None:
    """Force a folder's entries, and by default all that lies below it, to the disk."""
    paths = folder.rglob("*") if recurse else iter(())
    # Side by side, because a disk writes down many files' changes in one go.
    with ThreadPoolExecutor(_SYNCERS) as pool:
        while batch := list(islice(paths, _PATHS)):
            list(pool.map(sync_path, batch))
    sync_path(folder)


def open_new(path: Path, *, private: bool = False) -> BinaryIO:
    """Open a new file for writing; a private one only its owner may read, from the first moment.

    Raises:
        FileExistsError: there is one of this name.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    return os.fdopen(os.open(path, flags, 0o600 if private else 0o666), "wb")


def write_atomically(
    path: Path, data: str | bytes, *, drafts: Path | None = None, private: bool = False
) -> None:
    """Replace a file in one step: readers and crashes see the old content or the new, whole.

    Args:
        path: the file.
        data: its new content.
        drafts: a folder on the same disk that what is not finished lies in; by default the file's.
        private: only the owner may read the file.
    """
    name = f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"
    draft = (drafts or path.parent) / name
    draft.unlink(missing_ok=True)  # a process of the same number may have crashed
    try:
        with open_new(draft, private=private) as file:
            file.write(data if isinstance(data, bytes) else data.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # still there only where one of these failed
    sync_path(path.parent)
