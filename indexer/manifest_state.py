"""What a manifest looks like from outside: whether it was written again, and is whole by now."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[tuple[str, int, int, int], ...]
"""Path, file number, size in bytes and time of change in nanoseconds, of a file or of all files."""


def stamp_of(path: Path) -> Stamp | None:
    """Return what the file system tells of a manifest; None where there is none.

    A folder is told by all files in it.
    """
    if not path.is_dir():
        return _stamp([path]) or None
    names = (Path(folder, name) for folder, _, files in os.walk(path) for name in files)
    return _stamp(sorted(names))


def _stamp(paths: list[Path]) -> Stamp:
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # it went meanwhile, or cannot be looked at
            continue
        found.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def digest_of(path: Path, stamp: Stamp) -> str:
    """Return a digest of a manifest's contents; a folder's is that of its stamp."""
    if path.is_dir():
        return hashlib.sha256(repr(stamp).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class ManifestState:
    """Tells when another system has rewritten a manifest, and has finished.

    Attributes:
        path: the file or folder.
    """

    path: Path
    _seen: Stamp | None = None
    _told: Stamp | None = None
    _digest: str | None = None

    def rewritten(self) -> bool:
        """Say, once, that there is other content than before that has stopped changing.

        To be asked at intervals: content counts once two looks have found the same files, so a
        system that writes more slowly than that should write elsewhere and rename.
        """
        stamp = stamp_of(self.path)
        settled, self._seen = stamp == self._seen, stamp
        if stamp is None or not settled or stamp == self._told:
            return False
        try:
            digest = digest_of(self.path, stamp)
        except OSError:  # whoever imports it will say why
            digest = None
        if stamp_of(self.path) != stamp:
            return False
        before, self._told, self._digest = self._digest, stamp, digest
        return digest is None or digest != before
