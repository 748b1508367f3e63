"""The keys as a server process holds them: always those that the file has now."""

import logging
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from api.keys import ApiKey, Scope, digest, id_of
from api.keys_file import KeysFile, this_hour
from vsearch.errors import VsearchError

# What is compared where no key has the presented id, so that such a key takes as long as others.
_NOBODY = ApiKey("", "", Scope.SEARCH, digest(""), "")

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int] | None


class KeyRing:
    """Finds the key that a request presents.

    Each look asks the file system whether the file is still the same, so a key that was made or
    revoked by another process counts from the next request on. A file that cannot be read opens
    nothing: no key is valid until it can.
    """

    def __init__(self, shop: Path) -> None:
        self._file = KeysFile(shop)
        self._stamp: Stamp = None
        self._keys: Mapping[str, ApiKey] = {}
        self._used: dict[str, str] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._current())

    def find(self, presented: str) -> ApiKey | None:
        """Return the key, None for one that is unknown, revoked or has expired."""
        key_id = id_of(presented) or ""
        key = self._current().get(key_id)
        fits = (key or _NOBODY).fits(presented)
        if key is None or not fits or key.expired(datetime.now(UTC)):
            return None
        self._used[key.id] = this_hour()
        return key

    def note_uses(self) -> None:
        """Write down which keys were used in an hour that the file does not have yet.

        Nothing is raised: a file that cannot be written costs the note alone.
        """
        used, self._used = self._used, {}
        keys = self._current()
        newer = {
            key_id: hour
            for key_id, hour in used.items()
            if key_id in keys and (keys[key_id].last_used or "") < hour
        }
        if not newer:
            return
        try:
            self._file.note_use(newer)
        except (VsearchError, OSError) as error:
            log.warning("when keys were last used cannot be noted: %s", error)

    def _current(self) -> Mapping[str, ApiKey]:
        stamp = self._look()
        if stamp != self._stamp:
            with self._lock:
                self._read(stamp)
        return self._keys

    def _look(self) -> Stamp:
        try:
            found = os.stat(self._file.path)  # noqa: PTH116  for every request: a Path costs more
        except FileNotFoundError:
            return None
        except OSError:
            return (0, 0, 0)
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def _read(self, stamp: Stamp) -> None:
        try:
            keys = self._file.read()
        except VsearchError as error:
            log.error("no API key is valid: %s", error)
            keys = ()
        # The stamp is older than what was read, never newer: a change in between is seen next time.
        self._keys, self._stamp = {key.id: key for key in keys}, stamp
