"""`serve`: the HTTP API of a shop."""

import logging
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.terminal import FAILED, ShopFolder, Terminal

if TYPE_CHECKING:
    from pydantic import ValidationError


def serve(
    shop: ShopFolder,
    host: Annotated[
        str | None,
        typer.Option(help="Where to listen.", show_default="127.0.0.1, this machine"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The port; 0 takes a free one.", show_default="8000"),
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(help="The largest photo taken.", show_default="the shop's"),
    ] = None,
    rebuild: Annotated[
        bool | None,
        typer.Option(
            "--rebuild/--no-rebuild",
            help="Build a new index in a process of its own when many changes have gathered.",
            show_default="--rebuild",
        ),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(help="The path that a proxy in front adds to every URL.", show_default=False),
    ] = None,
) -> None:
    """Serve the shop over HTTP.

    Options are also read from the environment: VSEARCH_HOST, VSEARCH_PORT, VSEARCH_MAX_BYTES,
    VSEARCH_REBUILD, VSEARCH_ROOT_PATH; so are VSEARCH_MAX_TOP_K, VSEARCH_THREADS and
    VSEARCH_POLL_SECONDS.
    """
    import uvicorn
    from pydantic import ValidationError

    from api.app import create_app
    from api.settings import ServerSettings

    given = {
        "host": host,
        "port": port,
        "max_bytes": max_bytes,
        "rebuild": rebuild,
        "root_path": root_path,
    }
    flags: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        settings = ServerSettings(shop=shop, **flags)
    except ValidationError as error:
        raise typer.BadParameter(_told(error)) from error
    _log_to_stderr(logging.getLogger("api"))
    with Terminal() as terminal:
        app = create_app(settings)
        terminal.note("Loading model and index; documentation at /docs once it serves.")
        try:
            uvicorn.run(app, host=settings.host, port=settings.port, root_path=settings.root_path)
        except SystemExit as ended:  # it has told why, such as a port that is taken
            raise typer.Exit(FAILED) from ended


def _log_to_stderr(logger: logging.Logger) -> None:
    """Show our own messages as uvicorn shows its own; other libraries stay quiet."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s:     %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _told(error: "ValidationError") -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))} (flag or VSEARCH_ variable): {one['msg']}"
        for one in error.errors()
    )
