"""The flags of `serve`, made from the settings, so that no setting is described twice."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from api.settings import ServerSettings, group_of, told_default

_METAVARS = {"int": "NUMBER", "float": "NUMBER", "tuple": "NAME", "Path": "PATH"}


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes `**given` a flag for each setting; absent ones are None."""
    own = inspect.signature(command)
    fixed = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
    flags = [_flag(name) for name in ServerSettings.model_fields if name != "shop"]
    setattr(command, "__signature__", own.replace(parameters=[*fixed, *flags]))  # noqa: B010
    return command


def _flag(name: str) -> inspect.Parameter:
    told = str(ServerSettings.model_fields[name].annotation)
    kind: Any = str | None
    names = [f"--{name.replace('_', '-')}"]
    metavar: str | None = next((m for type_, m in _METAVARS.items() if type_ in told), "TEXT")
    if "bool" in told:
        kind, metavar = bool | None, None
        names = [f"{names[0]}/--no-{name.replace('_', '-')}"]
    elif "tuple" in told:
        kind = list[str] | None
    option = typer.Option(
        *names,
        help=ServerSettings.model_fields[name].description,
        show_default=told_default(name),
        metavar=metavar,
        rich_help_panel=group_of(name),
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


Config = Annotated[
    Path | None,
    typer.Option(
        help="A TOML file with settings by their names; VSEARCH_CONFIG names one too.",
        show_default=False,
    ),
]
