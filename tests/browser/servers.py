"""The shop's server and a storefront of another origin, each in a thread of its own."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import uvicorn

from api.app import create_app
from api.settings import ServerSettings
from tests.api.server_process import HOST, polled


@contextmanager
def shop_served(shop: Path, **settings: object) -> Iterator[str]:
    """Serve a shop on a free port; yield the address of its page."""
    app = create_app(ServerSettings(shop=shop, rebuild=False, **settings))  # type: ignore[arg-type]
    config = uvicorn.Config(app, host=HOST, port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in polled("the server listens"):
            assert thread.is_alive()
            if server.started:
                break
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{HOST}:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def storefront_served() -> Iterator[tuple[str, dict[str, tuple[str, str, str]]]]:
    """Serve pages from another origin; yield its address and the pages, which may be added to.

    A page is its media type, its Content-Security-Policy, and its text.
    """
    pages: dict[str, tuple[str, str, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, pages)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/", pages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, pages: Mapping[str, tuple[str, str, str]]) -> None:
    kind, policy, text = pages.get(handler.path.partition("?")[0], ("text/plain", "", ""))
    handler.send_response(200)
    handler.send_header("Content-Type", f"{kind}; charset=utf-8")
    if policy:
        handler.send_header("Content-Security-Policy", policy)
    handler.end_headers()
    handler.wfile.write(text.encode())
