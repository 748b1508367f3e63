"""How the settings of an older shop.toml become those of today.

`MIGRATIONS[n]` takes the values of schema n + 1 to schema n + 2. One that was released is never
edited: a new one is added below it. A key that an older program does not know makes a new schema
even where its default would do: that program then says that it is too old, instead of calling the
key unknown.
"""

from collections.abc import Callable
from typing import Any

from vsearch.errors import ShopError

Values = dict[str, Any]


def _as_it_is(values: Values) -> Values:
    """Leave all keys as they are: the new ones (false_rejects, recall) have defaults."""
    return values


MIGRATIONS: tuple[Callable[[Values], Values], ...] = (_as_it_is,)
SCHEMA = 1 + len(MIGRATIONS)


def upgrade(values: Values) -> Values:
    """Return the values of a shop.toml of any schema as those of the newest.

    Without the key `schema` they are a person's own, and of today.

    Raises:
        ShopError: they were written by a newer program, or the schema is none.
    """
    newest = 1 + len(MIGRATIONS)
    found = values.get("schema", newest)
    if type(found) is not int or found < 1:
        raise ShopError(f"schema is {found!r}, expected a whole number such as {newest}")
    if found > newest:
        raise ShopError(f"schema is {found}, this program knows {newest}: update the program")
    for migrate in MIGRATIONS[found - 1 :]:
        values = migrate(dict(values))
    return {**values, "schema": newest}
