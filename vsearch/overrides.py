"""Change single values of nested settings by their dotted names, as a command line gives them."""

import dataclasses
import json
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vsearch.errors import DataError

Settings = TypeVar("Settings")
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
}


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
        new = _value(_kinds(get_type_hints(type(settings))[first]), text, change)
    return dataclasses.replace(settings, **{first: new})  # type: ignore[type-var]


def _kinds(hint: object) -> tuple[object, ...]:
    """Return the types that a field's annotation allows."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    # Which of a few texts are known, the settings check themselves.
    return tuple(str if get_origin(part) is Literal else part for part in parts)


def _value(kinds: tuple[object, ...], text: str, change: str) -> object:
    """Return the value that the text stands for, of one of these kinds."""
    try:
        new: object = json.loads(text)
    except json.JSONDecodeError:
        new = text
    if float in kinds and type(new) is int:
        return float(new)
    if type(new) not in kinds:
        expected = " or ".join(name for kind, name in KINDS.items() if kind in kinds)
        raise DataError(f"{change}: expected {expected}")
    return new
