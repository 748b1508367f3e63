"""Change single values of nested settings by their dotted names, as a command line gives them."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any, TypeVar

from vsearch.errors import DataError

Settings = TypeVar("Settings")


def override(settings: Settings, changes: Iterable[str]) -> Settings:
    """Return frozen settings with some values changed.

    Args:
        settings: a dataclass, whose values may be dataclasses.
        changes: each `NAME=VALUE`, such as `network.batch=64` or `network.augmentation.flip=false`;
            values are JSON, and a bare word is text.

    Raises:
        DataError: no such name, or a value of another kind; the message tells what there is.
    """
    for change in changes:
        name, sign, text = change.partition("=")
        if not sign:
            raise DataError(f"“{change}” is not of the form NAME=VALUE, such as network.batch=64")
        settings = _changed(settings, name.strip().split("."), text.strip(), change)
    return settings


def _changed(settings: Settings, names: list[str], text: str, change: str) -> Settings:
    first, *rest = names
    known = {field.name for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    if first not in known:
        raise DataError(f"{change}: no setting “{first}”; there are {', '.join(sorted(known))}")
    old = getattr(settings, first)
    if dataclasses.is_dataclass(old) and not isinstance(old, type):
        if not rest:
            inner = ", ".join(f"{first}.{field.name}" for field in dataclasses.fields(old))
            raise DataError(f"{change}: “{first}” is a group; name one of {inner}")
        new: Any = _changed(old, rest, text, change)
    elif rest:
        raise DataError(f"{change}: “{first}” is a value, it has no “{rest[0]}”")
    else:
        new = _value(old, text, change)
    return dataclasses.replace(settings, **{first: new})  # type: ignore[type-var]


def _value(old: object, text: str, change: str) -> object:
    """Return the value that the text stands for, of the kind that the old one is."""
    try:
        new: object = json.loads(text)
    except json.JSONDecodeError:
        new = text
    if isinstance(old, float) and type(new) is int:
        return float(new)
    # Where there was no value, one of any kind may come; the settings check it themselves.
    if old is not None and new is not None and type(new) is not type(old):
        kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
        raise DataError(f"{change}: expected {kinds.get(type(old), 'another kind of value')}")
    return new
