"""Where a setting's value comes from: flag, environment (VSEARCH_*), file, default, in this order.

The file is TOML with the settings' own names; the environment has them in capitals with VSEARCH_
before them. Lists are written “a, b” in the environment, and a flag is repeated.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from api.settings import ServerSettings, group_of
from vsearch.errors import VsearchError

PREFIX = "VSEARCH_"
FILE_VARIABLE = f"{PREFIX}CONFIG"


class SettingsError(VsearchError):
    """Settings that are not understood; the message names where each came from."""


@dataclass(frozen=True)
class Found:
    """Settings, and by name the source of each value that is no default."""

    settings: ServerSettings
    sources: Mapping[str, str]


class _Layers(ServerSettings, BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, enable_decoding=False, extra="forbid"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings' interface
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def find_settings(
    shop: Path, flags: Mapping[str, object] | None = None, config: Path | None = None
) -> Found:
    """Put the settings of a server together.

    Args:
        shop: the shop's folder; an argument, which no file and no variable changes.
        flags: values that were given on the command line, by name.
        config: a TOML file; VSEARCH_CONFIG names one too.

    Raises:
        SettingsError: a value is not allowed, or the file cannot be read or has an unknown name.
    """
    given = {**(flags or {}), "shop": shop}
    if config is None and os.environ.get(FILE_VARIABLE):
        config = Path(os.environ[FILE_VARIABLE])
    written = _read(config)
    layers = type(
        "Layers", (_Layers,), {"model_config": SettingsConfigDict(toml_file=config or None)}
    )
    sources = _sources(given, written, config)
    try:
        found = layers(**given)
    except ValidationError as error:
        raise SettingsError(_told(error, sources)) from error
    settings = ServerSettings.model_validate(found.model_dump())
    return Found(settings, {name: told for name, told in sources.items() if name != "shop"})


def _read(config: Path | None) -> Mapping[str, object]:
    if config is None:
        return {}
    try:
        written = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings' file {config} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings' file {config} is no TOML: {error}") from error
    known = [name for name in ServerSettings.model_fields if name != "shop"]
    if unknown := sorted(written.keys() - set(known)):
        names = ", ".join(known)
        raise SettingsError(f"{config}: there is no setting {unknown[0]!r}; there are {names}")
    return written


def _sources(
    given: Mapping[str, object], written: Mapping[str, object], config: Path | None
) -> dict[str, str]:
    sources = {}
    for name in ServerSettings.model_fields:
        variable = f"{PREFIX}{name}".upper()
        if name in given:
            sources[name] = f"--{name.replace('_', '-')}"
        elif os.environ.get(variable):
            sources[name] = variable
        elif name in written:
            sources[name] = f"{name} in {config}"
    return sources


def _told(error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        where = sources.get(name, name)
        what = one["msg"].removeprefix("Value error, ")
        value = f" {one['input']!r}:" if name else ""
        lines.append(f"{where}:{value} {what[:1].lower()}{what[1:]}" if where else what)
    return "; ".join(lines)


def to_toml(found: Found) -> str:
    """Return settings as a file that `--config` reads, with the source of each value."""
    lines: list[str] = []
    group = ""
    values = found.settings.model_dump(mode="json", exclude={"shop"})
    for name, value in values.items():
        if group_of(name) != group:
            group = group_of(name)
            lines += ["", f"# {group}"]
        source = found.sources.get(name, "default")
        # JSON's texts, numbers, truth values and lists are TOML's too; what has no value is left.
        line = f"# {name} =" if value is None else f"{name} = {json.dumps(value)}"
        lines.append(f"{line}  # {source}")
    return "\n".join(lines[1:]) + "\n"
