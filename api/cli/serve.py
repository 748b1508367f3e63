"""`serve`: the HTTP API of a shop."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.setting_flags import Config, with_settings
from api.cli.terminal import FAILED, ShopFolder, Terminal

if TYPE_CHECKING:
    from api.settings import ServerSettings
    from api.settings_sources import Found


@with_settings
def serve(
    shop: ShopFolder,
    config: Config = None,
    print_settings: Annotated[
        bool,
        typer.Option(
            "--print-settings",
            help="Print all settings, as a file for --config, with where each comes from; end.",
        ),
    ] = False,
    **given: object,
) -> None:
    """Serve the shop over HTTP.

    Every option can also be set in the environment, by its name in capitals with VSEARCH_ before it
    (VSEARCH_PORT, VSEARCH_CORS_ORIGINS="https://a.example, https://b.example"), or in a file
    (`port = 8000`). A flag wins over the environment, that over the file, that over the default.
    """
    from api.settings_sources import to_toml

    found = _found(shop, config, given)
    if print_settings:
        typer.echo(to_toml(found), nl=False)
        return
    from api.serving import run

    with Terminal() as terminal:
        _warn(terminal, found.settings)
        terminal.note("Loading model and index; documentation at /docs once it serves.")
        if not run(found.settings):  # it has told why, such as a port that is taken
            raise typer.Exit(FAILED)


def _found(shop: Path, config: Path | None, given: Mapping[str, object]) -> "Found":
    from api.settings_sources import SettingsError, find_settings

    flags = {name: value for name, value in given.items() if value is not None and value != []}
    try:
        return find_settings(shop, flags, config)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def _warn(terminal: Terminal, settings: "ServerSettings") -> None:
    """Tell who can ask where that may not be what was meant."""
    from api.key_ring import KeyRing
    from api.settings import is_loopback

    if settings.local or is_loopback(settings.host):
        return
    where = f"{settings.host} is reached by other machines"
    if settings.opens_search:
        terminal.warn(f"{where}, and anybody may search without a key (--public-search).")
    elif not len(KeyRing(settings.shop)):
        terminal.warn(
            f"{where}, and nobody can search: make a key (vsearch keys {settings.shop} add NAME), "
            "or let everybody search (--public-search)."
        )
    if not settings.trusted_proxies:
        terminal.warn("Keys travel unencrypted: put a proxy with TLS in front (--trusted-proxies).")
