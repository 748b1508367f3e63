"""Files that commands draw pictures into."""

from pathlib import Path

import typer

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def check_picture(file: Path | None, option: str) -> None:
    """Refuse a file that no picture can be written to, before any work is done.

    Raises:
        BadParameter: its name has another ending than `SUFFIXES`.
    """
    if file and file.suffix.lower() not in SUFFIXES:
        told = f"“{file}” does not end in one of {', '.join(SUFFIXES)}"
        raise typer.BadParameter(told, param_hint=option)
