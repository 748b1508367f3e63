"""`vsearch demo --serve`: the demo's shop is served, and its page opened once it is there."""

import shutil
import socket
import threading
import webbrowser
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from api import serving
from api.cli import app
from api.cli.demo_page import open_when_served, page_address
from api.settings import ServerSettings
from tests.api.conftest import Manifests


def noted(patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[Any]:
    """Return what a function is asked for from now on, which does nothing and succeeds."""
    asked: list[Any] = []

    def note(given: Any) -> bool:
        asked.append(given)
        return True

    patch.setattr(module, name, note)
    return asked


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was told to open."""
    return noted(monkeypatch, webbrowser, "open")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """The settings of the servers that were started, which end at once."""
    return noted(monkeypatch, serving, "run")


@pytest.fixture
def arguments(trained: Path, manifests: Manifests, tmp_path: Path) -> list[str]:
    folder = shutil.copytree(trained, tmp_path / "demo")
    given = ["--catalogue", str(manifests.catalogue), "--photos", str(manifests.photos)]
    return ["demo", str(folder), *given, "--label", "item_id", "--serve", "--no-open"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_the_demo_ends_by_serving_its_shop(
    arguments: list[str], served: list[ServerSettings], opened: list[str]
) -> None:
    port = free_port()
    ended = CliRunner().invoke(app, [*arguments, "--port", str(port)])
    assert ended.exit_code == 0, ended.output
    (settings,) = served
    assert (settings.shop, settings.port) == (Path(arguments[1]) / "shop", port)
    assert f"The page: http://127.0.0.1:{port}/" in ended.output
    assert opened == []


def test_a_taken_port_is_told_and_nobody_elses_page_opened(
    arguments: list[str], served: list[ServerSettings], opened: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        ended = CliRunner().invoke(app, [*arguments[:-1], "--port", port])
    assert ended.exit_code == 1
    assert "Error:" in ended.output
    assert (served, opened) == ([], [])


@pytest.fixture
def unready_server() -> Iterator[str]:
    """A server that answers, if only that it is not ready."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_is_opened_when_somebody_answers(unready_server: str, opened: list[str]) -> None:
    assert open_when_served(unready_server)
    assert opened == [unready_server]
    assert not open_when_served(f"http://127.0.0.1:{free_port()}/", patience=0.3)
    assert opened == [unready_server]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("::", "http://[::1]:80/"),
        ("localhost", "http://localhost:80/"),
    ],
)
def test_a_page_is_found_on_this_machine(host: str, address: str) -> None:
    assert page_address(host, 80) == address
