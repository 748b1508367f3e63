"""The file of a shop's API keys, which several server processes read and `vsearch keys` changes.

A file of its own and not the catalogue: only its owner may read it, an import that holds the
catalogue for long keeps no key from being revoked, and looking at it costs one `stat`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from api.keys import ApiKey
from indexer.shop import KEYS_FILE
from vsearch.errors import BusyError, ShopError
from vsearch.storage import write_atomically

SCHEMA = 1
_LOCK_SECONDS = 10.0


class KeysFile:
    """Reads and changes the keys of a shop; each change is one atomic step."""

    def __init__(self, shop: Path) -> None:
        self.path = Path(shop) / KEYS_FILE

    def read(self) -> tuple[ApiKey, ...]:
        """Return all keys, none before the first was made.

        Raises:
            ShopError: the file cannot be read, is damaged or of a newer program.
        """
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
            if values["schema"] > SCHEMA:
                raise ShopError(
                    f"{self.path} has schema {values['schema']}, this program knows {SCHEMA}: "
                    "update the program"
                )
            return tuple(ApiKey.of_json(one) for one in values["keys"])
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ShopError(f"the keys of the shop cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShopError(
                f"{self.path} is damaged ({error}): bring it back from a backup, or delete it and "
                "make new keys"
            ) from error

    def add(self, key: ApiKey) -> None:
        """Add a key.

        Raises:
            ShopError: a key has this name already.
            BusyError: another process holds the file for too long.
        """

        def change(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
            if any(key.name == one.name for one in keys):
                raise ShopError(f"there is a key “{key.name}” already: revoke it, or name another")
            return (*keys, key)

        self._change(change)

    def revoke(self, name: str) -> ApiKey:
        """Take out a key by its name or id and return it.

        Raises:
            ShopError: no key has this name or id.
            BusyError: another process holds the file for too long.
        """
        gone: list[ApiKey] = []

        def change(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
            # By name first: a name may look like another key's id.
            gone.extend([one for one in keys if one.name == name] or _by_id(keys, name))
            if not gone:
                names = ", ".join(one.name for one in keys) or "none at all"
                raise ShopError(f"there is no key “{name}”; there are: {names}")
            return tuple(one for one in keys if one not in gone)

        self._change(change)
        return gone[0]

    def note_use(self, hours: Mapping[str, str]) -> None:
        """Note when keys were last used, by id; a key that was revoked meanwhile stays so.

        Raises:
            ShopError, OSError: the file cannot be read or written.
        """

        def change(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
            return tuple(replace(one, last_used=_later(one, hours.get(one.id))) for one in keys)

        self._change(change)

    def _change(self, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]]) -> None:
        try:
            with FileLock(self.path.with_name("keys.lock"), timeout=_LOCK_SECONDS):
                keys = self.read()
                changed = change(keys)
                if changed != keys:
                    document = {"schema": SCHEMA, "keys": [one.to_json() for one in changed]}
                    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
                    write_atomically(self.path, text, private=True)
        except Timeout as error:
            raise BusyError(f"another process changes {self.path}: try again") from error


def _by_id(keys: tuple[ApiKey, ...], key_id: str) -> list[ApiKey]:
    return [one for one in keys if one.id == key_id]


def _later(key: ApiKey, hour: str | None) -> str | None:
    return max(filter(None, (key.last_used, hour)), default=None)


def this_hour() -> str:
    """Return the hour that it is, as `last_used` has it."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return now.isoformat(timespec="seconds")
