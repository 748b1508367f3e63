"""Whether a filter holds for one item: the meaning of filters in plain Python.

What the database and the columns answer is tested against this.
"""

import operator
from typing import Any

from indexer.filter_syntax import And, Field, Filter, Kind, Not, Operand, Or, Predicate
from indexer.records import Item
from indexer.text_patterns import text_test
from vsearch.taxonomy import is_within

_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def matches(wanted: Filter, item: Item) -> bool:
    """Say whether the filter holds for the item, whatever its state."""
    match wanted:
        case Predicate():
            return predicate_holds(wanted, field_values(wanted.field, item))
        case Not(part):
            return not matches(part, item)
        case And(parts):
            return all(matches(part, item) for part in parts)
        case Or(parts):
            return any(matches(part, item) for part in parts)


def field_values(field: Field, item: Item) -> tuple[Operand, ...]:
    """Return what an item has in a field: nothing, one value, or all its category paths."""
    match field.name:
        case "category":
            return (item.category, *item.further_paths) if item.category else ()
        case "item_id" | "title" | "group_id":
            value: object = getattr(item, field.name)
        case _:
            value = item.attributes.get(field.name)
    return (value,) if is_of_kind(value, field.kind) else ()  # type: ignore[return-value]


def is_of_kind(value: object, kind: Kind) -> bool:
    """Say whether a stored value is of the kind that its field has in the shop."""
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "text":
            return isinstance(value, str)
    return isinstance(value, tuple)


def predicate_holds(predicate: Predicate, values: tuple[Operand, ...]) -> bool:
    """Say whether a predicate holds for an item that has these values in its field."""
    if predicate.operator == "is null":
        return bool(values) == predicate.negated
    if not values:
        return False
    return any(_holds(predicate, value) for value in values) != predicate.negated


def _holds(predicate: Predicate, value: Any) -> bool:  # noqa: ANN401 (compared with its own kind)
    operands: tuple[Any, ...] = predicate.operands
    match predicate.operator:
        case "like" | "contains":
            return text_test(predicate.operator, operands[0])(value.casefold())
        case "within":
            return any(is_within(value, subtree) for subtree in operands)
        case "between":
            return bool(operands[0] <= value <= operands[1])
        case "=" | "in":
            return value in operands
    return bool(_COMPARISONS[predicate.operator](value, operands[0]))
