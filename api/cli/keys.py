"""`keys`: who may ask a shop over HTTP."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.tables import facts, listing
from api.cli.terminal import Json, Quiet, ShopFolder, Terminal

if TYPE_CHECKING:
    from api.keys import ApiKey
    from api.keys_file import KeysFile

_DAYS = re.compile(r"(\d{1,5})d")


class Action(StrEnum):
    """What `vsearch keys` does."""

    LIST = "list"
    ADD = "add"
    REVOKE = "revoke"


class KeyScope(StrEnum):
    """The scopes, as `api.keys.Scope` has them, which help need not load."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"


def keys(
    shop: ShopFolder,
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="What the key is called, such as the program that has it, or its id to revoke it.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        KeyScope,
        typer.Option(
            help="What a new key allows: search; write, to change items too; admin, everything."
        ),
    ] = KeyScope.SEARCH,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="90d|DATE",
            help="When a new key ends: in so many days, or at a date such as 2030-12-31 (UTC).",
            show_default="never",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List, make or revoke the keys by which programs use the shop over HTTP.

    A new key is shown once: the shop keeps only its hash. Servers that run know of a new or revoked
    key with the next request.
    """
    if (action is Action.LIST) == (name is not None):
        told = "list takes no NAME" if name else f"name the key: vsearch keys {shop} {action} NAME"
        raise typer.BadParameter(told)
    ends = _end(expires) if expires else None
    from api.keys_file import KeysFile
    from indexer.shop import Shop

    with Terminal(as_json, quiet) as terminal:
        Shop.open(shop).close()
        file = KeysFile(shop)
        if action is Action.ADD:
            _add(terminal, file, _checked(name or ""), scope, ends)
        elif action is Action.REVOKE:
            gone = file.revoke(name or "")
            told = f"The key “{gone.name}” is not valid any more."
            terminal.answer({"revoked": gone.told()}, told)
        else:
            known = file.read()
            terminal.answer({"keys": [one.told() for one in known]}, *_table(known))


def _add(
    terminal: Terminal, file: "KeysFile", name: str, scope: KeyScope, ends: datetime | None
) -> None:
    from api.keys import Scope, new_key

    key, kept = new_key(name, Scope(scope), ends)
    file.add(kept)
    rows = [("name", name), ("scope", scope.value), ("expires", kept.expires or "never")]
    terminal.answer({"key": key, **kept.told()}, Text(key, style="bold"), facts(rows))
    terminal.note("Keep it now: it is not shown again.")


def _checked(name: str) -> str:
    if not name.isprintable() or not name.strip() or len(name) > 100:
        raise typer.BadParameter("a key's name is a printable text of at most 100 letters")
    return name.strip()


def _end(told: str) -> datetime:
    now = datetime.now(UTC)
    try:
        if days := _DAYS.fullmatch(told):
            ends = now + timedelta(days=int(days.group(1)))
        else:
            ends = datetime.fromisoformat(told)
            ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"--expires is {told!r}, expected 90d or 2030-12-31") from error
    if ends <= now:
        raise typer.BadParameter(f"--expires is {told!r}, which is over already")
    return ends


def _table(known: "Sequence[ApiKey]") -> list[RenderableType]:
    if not known:
        return ["The shop has no keys."]
    now = datetime.now(UTC)
    rows = [
        (
            one.name,
            one.id,
            str(one.scope),
            one.created[:10],
            "expired" if one.expired(now) else (one.expires or "never")[:10],
            (one.last_used or "never")[:13].replace("T", " ") + ("h" if one.last_used else ""),
        )
        for one in known
    ]
    return [listing(("name", "id", "scope", "made", "expires", "last used"), rows)]
