"""The path of an item, whose id may hold slashes."""

from starlette.convertors import Convertor, register_url_convertor

# What is asked of an item by a word after its id; no id that the API takes in ends so.
RESERVED = ("/photo", "/similar")


class ItemConvertor(Convertor[str]):
    """An item's id in a path: all the rest of it, where no reserved word ends it."""

    regex = "(?s:.*)" + "".join(f"(?<!{end})" for end in RESERVED)

    def convert(self, value: str) -> str:
        """Return the id as it stands in the path."""
        return value

    def to_string(self, value: str) -> str:
        """Return the id as it stands in the path."""
        return value


register_url_convertor("item", ItemConvertor())

ITEM = "/items/{item_id:item}"
PHOTO, SIMILAR = (f"/items/{{item_id:path}}{end}" for end in RESERVED)
