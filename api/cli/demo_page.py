"""`demo --serve`: the demo's shop behind its page, in the browser of whoever sits here."""

import ipaddress
import socket
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

import typer

from api.cli.terminal import FAILED, Terminal

PATIENCE = 120.0  # seconds in which a server has loaded its model
PAUSE = 0.2  # seconds between two looks


def serve_page(terminal: Terminal, shop: Path, port: int | None, browse: bool) -> None:
    """Serve a shop until asked to end.

    Args:
        terminal: is told the page's address.
        shop: the folder.
        port: to listen on; None: as the environment or the default has it.
        browse: open the page once it is there.

    Raises:
        OSError: the port is taken: another server's page would be opened.
        SettingsError: the environment asks for what there is not.
    """
    from api.serving import run
    from api.settings_sources import find_settings

    settings = find_settings(shop, {} if port is None else {"port": port}, None).settings
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    socket.create_server((settings.host, settings.port), family=family).close()
    address = page_address(settings.host, settings.port)
    terminal.note(f"The page: {address}  (Ctrl-C ends the server.)")
    if browse:
        threading.Thread(target=open_when_served, args=(address,), daemon=True).start()
    if not run(settings):
        raise typer.Exit(FAILED)


def page_address(host: str, port: int) -> str:
    """Return where a browser of this machine finds a server that listens there."""
    try:
        listened = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}/"
    if listened.is_unspecified:  # every address of the machine: take its own
        listened = ipaddress.ip_address("::1" if listened.version == 6 else "127.0.0.1")
    return f"http://[{listened}]:{port}/" if listened.version == 6 else f"http://{listened}:{port}/"


def open_when_served(address: str, patience: float = PATIENCE) -> bool:
    """Open a page as soon as its server answers; return whether it did within `patience` s."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{address}healthz", timeout=5).close()
        except urllib.error.HTTPError:
            break  # it answers, if only that something is amiss, which its page can tell
        except OSError:
            time.sleep(PAUSE)
        else:
            break
    else:
        return False
    webbrowser.open(address)
    return True
