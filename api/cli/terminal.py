"""What every command shares: results as text or JSON, progress, errors and exit codes."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from api.cli.progress import Bars, Lines
from vsearch.errors import VsearchError
from vsearch.progress import Progress, silent

ShopFolder = Annotated[
    Path, typer.Argument(metavar="SHOP", help="The shop's folder.", show_default=False)
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, progress on stderr.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]

FAILED = 1
INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended


class Terminal:
    """A command's way to the person or program that called it, as a context manager.

    Results go to stdout: as text, or with `as_json` as exactly one JSON document. Progress and
    notes go to stderr. An error that a person can mend (`VsearchError`, or a refusal of the
    operating system) becomes one line, or `{"error": …}`, and exit code 1; any other exception
    is a bug of ours and keeps its traceback.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.failed = False  # set by a command that goes on after a failure
        self._out = Console(markup=False, highlight=False, emoji=False)
        self._err = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._drawn = self._draw()
        self._quiet = quiet
        self.progress: Progress = silent if quiet else self._drawn

    def _draw(self) -> Bars | Lines:
        return Bars(self._err) if self._err.is_terminal else Lines(self._err)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._drawn.stop()
        if isinstance(error, VsearchError | OSError):
            self._fail(str(error))
            raise typer.Exit(FAILED) from error
        if isinstance(error, KeyboardInterrupt):
            self.note("Interrupted. Nothing is half done, what was finished is kept: run it again.")
            raise typer.Exit(INTERRUPTED) from error
        if error is None and self.failed:
            raise typer.Exit(FAILED)

    def answer(self, document: Mapping[str, object], *shown: RenderableType) -> None:
        """Give the command's result: the document with `--json`, else what is shown to people."""
        if self.as_json:
            typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
            return
        self._drawn.stop()
        for renderable in shown:
            self._out.print(renderable)

    def line(self, document: Mapping[str, object], text: str) -> None:
        """Give one of many results on a line of its own; with `--json` these are JSON Lines.

        Progress then begins anew.
        """
        self._drawn.stop()
        self._drawn = self._draw()
        self.progress = silent if self._quiet else self._drawn
        if self.as_json:
            typer.echo(json.dumps(document, ensure_ascii=False))
        else:
            self._out.print(text, soft_wrap=True)

    def note(self, text: str, style: str = "") -> None:
        """Say something on stderr beside the result; nothing with `--quiet`."""
        if not self._quiet:
            self._err.print(text, style=style, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Say on stderr what needs attention, even with `--quiet`."""
        self._err.print(Text.assemble(("Warning: ", "bold yellow"), text), soft_wrap=True)

    def _fail(self, message: str) -> None:
        if self.as_json:
            typer.echo(json.dumps({"error": message}, ensure_ascii=False))
        else:
            self._err.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)
