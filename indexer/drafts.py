"""Drafts: what takes long to write lies hidden beside its place until it is whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vsearch.errors import BusyError, ShopError

_LOCK = "lock"


@contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """Provide an empty hidden folder on the same disk as `target`; it is gone afterwards.

    What a killed process has left in it is removed first. The folder's lock tells what a dead
    process has left from what a living one still writes.

    Raises:
        ShopError: there is no folder for the target to lie in.
        BusyError: another process is writing the same target.
    """
    if not target.parent.is_dir():
        # Not made here: a backup disk that is not mounted must not be filled in as a folder.
        raise ShopError(f"there is no folder {target.parent} for {target.name}: make it first")
    draft = target.with_name(f".{target.name}.draft")
    draft.mkdir(exist_ok=True)
    lock = FileLock(draft / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BusyError(f"another process is writing {target}: wait until it has ended") from error
    try:
        _clear(draft)
        yield draft
    finally:
        # While the lock is held: whoever comes now makes a folder of his own, with a lock of its.
        shutil.rmtree(draft, ignore_errors=True)
        lock.release()


def _clear(draft: Path) -> None:
    for path in draft.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()
