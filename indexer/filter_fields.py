"""Which fields a filter may ask for: what the shop's items have, by name and kind."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cached_property

from indexer.columns import MAX_CATEGORY, column_name
from indexer.filter_syntax import OWN_FIELDS, Field, Kind
from vsearch.errors import CategoryError
from vsearch.taxonomy import CategoryPath, Taxonomy, parse_path

_KINDS: dict[str, Kind] = {"bool": "bool", "int": "number", "float": "number", "text": "text"}
_LISTED = 20  # names that a message lists
_COMPARED = 60  # characters; comparing longer names takes long and finds nothing


class FilterFields:
    """The fields of a shop: its items' own and their attributes.

    Args:
        types: the type of each attribute: bool, int, float or text.
        taxonomy: the tree of all paths of items, primary and further; asked for at most once,
            when a filter names a category.
    """

    def __init__(self, types: Mapping[str, str], taxonomy: Callable[[], Taxonomy]) -> None:
        attributes = {name: Field(name, _KINDS[kind]) for name, kind in types.items()}
        self._fields = attributes | OWN_FIELDS
        self._read_taxonomy = taxonomy

    @cached_property
    def _taxonomy(self) -> Taxonomy:
        return self._read_taxonomy()

    def find(self, name: str) -> Field | None:
        """Return the field of this name, which may also be a column's: `Image Src`, `g:brand`."""
        return self._fields.get(name) or self._fields.get(column_name(name))

    def all(self) -> list[Field]:
        """Return all fields, the items' own first."""
        attributes = sorted(self._fields.keys() - OWN_FIELDS.keys())
        return [*OWN_FIELDS.values(), *(self._fields[name] for name in attributes)]

    def unknown(self, name: str) -> str:
        """Say that there is no field of this name, and which there are."""
        near = get_close_matches(column_name(name[:_COMPARED]), self._fields, n=3)
        meant = f"did you mean {' or '.join(f'“{field}”' for field in near)}? " if near else ""
        names = sorted(self._fields.keys() - OWN_FIELDS.keys())
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        attributes = f"the attributes are {', '.join(names[:_LISTED])}{more}"
        told = attributes if names else "the items have no attributes"
        own = ", ".join(OWN_FIELDS)
        return f"items have no “{name[:_COMPARED]}”: {meant}{told}; items also have {own}"

    def category(self, text: str) -> CategoryPath:
        """Return the category that the text names; see `Taxonomy.find`.

        Raises:
            CategoryError: no such category, or several.
        """
        path = parse_path(text)
        if path in self._taxonomy.paths:
            return path
        if len(text) > MAX_CATEGORY:
            raise CategoryError(f"no category has as many as {len(text)} characters")
        return self._taxonomy.find(text)
