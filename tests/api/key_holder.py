"""Keys for tests of the HTTP API."""

from pathlib import Path

from api.keys import Scope, new_key
from api.keys_file import KeysFile


def make_key(shop: Path, scope: str, name: str | None = None) -> str:
    """Add a key to a shop and return it."""
    key, kept = new_key(name or f"a key to {scope}", Scope(scope))
    KeysFile(shop).add(kept)
    return key


def bearer(key: str) -> dict[str, str]:
    """Return the header that presents a key."""
    return {"Authorization": f"Bearer {key}"}
