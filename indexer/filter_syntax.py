"""What a filter is made of, once it is understood, and how it is written.

A filter is a tree of frozen dataclasses: predicates on one field each, joined by `and`, `or` and
`not`. Each holds or does not hold for an item; there is no third value. A predicate on an item
without a value does not hold, the negated ones (`!=`, `not in`, `not like` …) neither; `is null`
alone does. `not (…)` is the plain complement, so `not (colour = 'red')` takes in the items without
a colour and `colour != 'red'` leaves them out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from vsearch.taxonomy import CategoryPath, format_path

Kind = Literal["text", "number", "bool", "category"]
Operator = Literal[
    "=", "<", "<=", ">", ">=", "in", "between", "like", "contains", "within", "is null"
]
Operand = str | int | float | bool | CategoryPath

KEYWORDS = frozenset(
    ("and", "or", "not", "in", "is", "null", "like", "contains", "within", "between")
) | {"true", "false"}

_PLAIN_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Field:
    """What a predicate asks for: one of an item's own fields or one of its attributes.

    Attributes:
        name: as the catalogue has it.
        kind: of which kind its values are; a value of another kind counts as missing.
    """

    name: str
    kind: Kind


CATEGORY = Field("category", "category")
OWN_FIELDS = {
    field.name: field
    for field in (
        Field("item_id", "text"),
        Field("title", "text"),
        Field("group_id", "text"),
        CATEGORY,
    )
}
"""The fields that every item has besides its attributes; an attribute of such a name is hidden."""


@dataclass(frozen=True)
class Predicate:
    """A question about one field.

    A category field holds all the paths of an item, the primary and the further ones: it is
    within a subtree if any of them is, and not within if none is.

    Attributes:
        field: what is asked for.
        operator: how it is compared.
        operands: what it is compared with: two for `between`, none for `is null`, one or more
            for `in` and `within`, one otherwise; of the field's kind.
        negated: whether the answer is turned round for items that have a value.
    """

    field: Field
    operator: Operator
    operands: tuple[Operand, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Not:
    """Holds where the part does not."""

    part: "Filter"


@dataclass(frozen=True)
class And:
    """Holds where all parts do: two or more, none of them an `And`; see `all_of`."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True)
class Or:
    """Holds where any part does: two or more, none of them an `Or`; see `any_of`."""

    parts: tuple["Filter", ...]


Filter = Predicate | Not | And | Or


def all_of(first: Filter, *others: Filter) -> Filter:
    """Join filters by `and`."""
    parts = [p for f in (first, *others) for p in (f.parts if isinstance(f, And) else (f,))]
    return And(tuple(parts)) if others else first


def any_of(first: Filter, *others: Filter) -> Filter:
    """Join filters by `or`."""
    parts = [p for f in (first, *others) for p in (f.parts if isinstance(f, Or) else (f,))]
    return Or(tuple(parts)) if others else first


def within(subtrees: Iterable[CategoryPath], wanted: Filter | None = None) -> Filter | None:
    """Return the filter that also asks for items within any of the subtrees; none: no further ask.

    Args:
        subtrees: paths of categories; an item is found by its primary and by its further paths.
        wanted: what else is asked for.
    """
    paths = tuple(subtrees)
    if not paths:
        return wanted
    inside = Predicate(CATEGORY, "within", paths)
    return inside if wanted is None else all_of(inside, wanted)


def predicates(wanted: Filter) -> Iterator[Predicate]:
    """Yield the predicates of a filter as they are written, from left to right."""
    match wanted:
        case Predicate():
            yield wanted
        case Not(part):
            yield from predicates(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from predicates(part)


def fields_of(wanted: Filter) -> frozenset[Field]:
    """Return the fields that a filter asks for."""
    return frozenset(predicate.field for predicate in predicates(wanted))


def format_filter(wanted: Filter) -> str:
    """Write a filter in the one form of its kind; parsed again it is the same filter."""
    match wanted:
        case Predicate():
            return _format_predicate(wanted)
        case Not(part):
            return f"not {_bracketed(part)}"
        case And(parts):
            return " and ".join(_bracketed(part) for part in parts)
        case Or(parts):
            return " or ".join(_bracketed(part) for part in parts)


def _bracketed(part: Filter) -> str:
    text = format_filter(part)
    return f"({text})" if isinstance(part, And | Or) else text


def _format_predicate(predicate: Predicate) -> str:
    name = format_name(predicate.field.name)
    operands = [format_operand(operand) for operand in predicate.operands]
    not_ = "not " if predicate.negated else ""
    match predicate.operator:
        case "=":
            return f"{name} {'!=' if predicate.negated else '='} {operands[0]}"
        case "is null":
            return f"{name} is {not_}null"
        case "between":
            return f"{name} {not_}between {operands[0]} and {operands[1]}"
        case "in" | "within":
            return f"{name} {not_}{predicate.operator} ({', '.join(operands)})"
    return f"{name} {not_}{predicate.operator} {operands[0]}"


def format_name(name: str) -> str:
    """Write the name of a field, in back-quotes where it needs them."""
    plain = _PLAIN_NAME.fullmatch(name) and name.lower() not in KEYWORDS
    return name if plain else "`" + name.replace("`", "``") + "`"


def format_operand(value: Operand) -> str:
    """Write what a field is compared with."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = value if isinstance(value, str) else format_path(value)
    return "'" + text.replace("'", "''") + "'"
