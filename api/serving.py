"""Running the server, in one process or in several."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from api import logs
from api.long_lived import settle
from api.settings import ServerSettings
from indexer.shop import Shop
from vsearch.host_memory import keep_freed

if TYPE_CHECKING:
    from fastapi import FastAPI

SETTINGS_VARIABLE = "VSEARCH_SERVER"  # how a server process learns what its parent was told
_SHARED_VARIABLE = "VSEARCH_SHARED"  # the folder in which several of them keep rate limits
_COUNTS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client looks at it when it is imported


def run(settings: ServerSettings) -> bool:
    """Serve until asked to end; return whether that succeeded.

    Raises:
        ShopError: there is no such shop.
    """
    import uvicorn  # noqa: PLC0415  a worker imports this module before it knows its environment

    Shop.open(settings.shop).close()
    logs.configure(settings)
    with _environment(settings):
        try:
            uvicorn.run(
                "api.serving:make_app",
                factory=True,
                host=settings.host,
                port=settings.port,
                root_path=settings.root_path,
                workers=settings.workers,
                timeout_graceful_shutdown=settings.shutdown_seconds,
                log_config=None,
                access_log=False,  # ours tells more
                server_header=False,
                proxy_headers=False,  # the app believes those of the proxies that it was told
            )
        except SystemExit as ended:  # uvicorn has told why, such as a port that is taken
            return not ended.code
    return True


def make_app() -> "FastAPI":
    """Make the app of a server process, as its parent was told."""
    from api.app import create_app  # noqa: PLC0415  it loads prometheus_client

    keep_freed()  # a worker has not come by `api.cli.main`
    settings = ServerSettings.model_validate_json(os.environ[SETTINGS_VARIABLE])
    logs.configure(settings)
    shared = os.environ.get(_SHARED_VARIABLE)
    app = create_app(settings, shared=Path(shared) if shared else None)
    app.state.live.settled = settle
    return app


@contextmanager
def _environment(settings: ServerSettings) -> Iterator[None]:
    """Tell the server processes their settings, and where several of them count together."""
    with ExitStack() as stack:
        stack.enter_context(_variable(SETTINGS_VARIABLE, settings.model_dump_json()))
        if settings.workers > 1:
            stack.enter_context(_folder_in(_SHARED_VARIABLE))
            if _COUNTS_VARIABLE not in os.environ:
                stack.enter_context(_folder_in(_COUNTS_VARIABLE))
        yield


@contextmanager
def _folder_in(variable: str) -> Iterator[None]:
    """Name a new folder in a variable, until the server ends."""
    with tempfile.TemporaryDirectory(prefix="vsearch-") as folder, _variable(variable, folder):
        yield


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
