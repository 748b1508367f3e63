"""API keys: who may search, change or run a shop over HTTP.

A key is `vsk_`, a public id of 8 hex digits, `_`, and a secret of 32 random bytes in base64url. The
shop keeps SHA-256 of the whole key and never the key. A slow password hash would add nothing: it
protects words that people choose, of which an attacker can try billions; of 2²⁵⁶ secrets nobody can
try a share worth naming, at whatever speed. It would only let strangers burn our processor.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

PREFIX = "vsk"
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})_[A-Za-z0-9_-]{{43}}")


class Scope(StrEnum):
    """What a key allows; each scope includes those before it."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"

    def allows(self, needed: "Scope") -> bool:
        """Say whether a key of this scope may do what needs the other."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class ApiKey:
    """What a shop knows of a key; times are ISO 8601 in UTC.

    Attributes:
        id: the public part of the key, by which logs and people name it.
        name: what people call it; no two keys have the same.
        scope: what it allows.
        sha256: of the whole key, in hex.
        created: when it was made.
        expires: when it ends; None: never.
        last_used: the last use, to the hour; None: not yet.
    """

    id: str
    name: str
    scope: Scope
    sha256: str
    created: str
    expires: str | None = None
    last_used: str | None = None

    @classmethod
    def of_json(cls, values: Mapping[str, object]) -> Self:
        """Read what `to_json` returned.

        Raises:
            TypeError, ValueError: it is something else.
        """
        key = cls(**{**values, "scope": Scope(str(values.get("scope")))})  # type: ignore[arg-type]
        texts = (key.id, key.name, key.sha256, key.created)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("expected texts")
        if key.expires is not None:
            datetime.fromisoformat(key.expires)
        return key

    def to_json(self) -> dict[str, object]:
        """Return what the file keeps."""
        return asdict(self)

    def told(self) -> dict[str, object]:
        """Return what people may see: everything but the hash."""
        return {name: value for name, value in asdict(self).items() if name != "sha256"}

    def expired(self, now: datetime) -> bool:
        """Say whether the key has ended."""
        return self.expires is not None and datetime.fromisoformat(self.expires) <= now

    def fits(self, presented: str) -> bool:
        """Say whether this is the key that was presented, in a time that tells nothing of it."""
        return hmac.compare_digest(digest(presented), self.sha256)


def digest(key: str) -> str:
    """Return SHA-256 of a key, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def new_key(name: str, scope: Scope, expires: datetime | None = None) -> tuple[str, ApiKey]:
    """Make a key; return the key itself, which nothing keeps, and what the shop keeps of it."""
    key_id = secrets.token_hex(4)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    ends = expires.astimezone(UTC).isoformat(timespec="seconds") if expires else None
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return key, ApiKey(key_id, name, scope, digest(key), made, ends)


def id_of(presented: str) -> str | None:
    """Return the public id of a key, None for what has not the form of one."""
    found = _FORM.fullmatch(presented)
    return found.group(1) if found else None
