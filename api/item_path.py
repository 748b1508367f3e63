"""The path of an item, whose id may hold slashes.

`/v1/items/a/photo` is the photo of item “a”, `/v1/items/a%2Fphoto` the item “a/photo”: servers
decode both to the same path, so `ItemPaths` gives the routes an id as it was sent, and they decode
it. Programs that encode every slash of an id reach all items; a person may write most as they are.
"""

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from api.request_path import path_of

_RESERVED = ("/photo", "/similar")  # what is asked of an item by a word after its id
_ITEMS = "/v1/items/"


class QuotedConvertor(Convertor[str]):
    """An item's id in a path, percent-encoded."""

    regex = ".*"

    def convert(self, value: str) -> str:
        """Return the id."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return the id as it stands in the path."""
        return quote(value, safe="")


class ItemConvertor(QuotedConvertor):
    """The same where it is all the rest of the path, and no reserved word ends it."""

    regex = ".*" + "".join(f"(?<!{end})" for end in _RESERVED)


register_url_convertor("quoted", QuotedConvertor())
register_url_convertor("item", ItemConvertor())

ITEM = "/items/{item_id:item}"
PHOTO, SIMILAR = (f"/items/{{item_id:quoted}}{end}" for end in _RESERVED)


class ItemPaths:
    """Gives routes the paths of items with their ids still percent-encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; those outside, such as the log, see its path as it was."""
        if scope["type"] != "http" or not path_of(scope).startswith(_ITEMS):
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        before = path.removesuffix(path_of(scope)) + _ITEMS
        scope["path"] = before + _as_sent(scope, before)
        try:
            await self.app(scope, receive, send)
        finally:
            scope["path"] = path


def _as_sent(scope: Scope, before: str) -> str:
    """Return what follows `before` in a path as the client has encoded it."""
    sent: str = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "replace")
    *parts, rest = sent.split("/", before.count("/"))
    if unquote("/".join(parts)) + "/" == before:
        return rest
    # A server that does not tell, or a client that encodes what comes before, too.
    return quote(scope["path"].removeprefix(before))
