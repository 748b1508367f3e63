r"""Filters as SQL over the tables of the catalogue; every value travels as a parameter.

A predicate on a missing value is NULL, which counts as false wherever it stands; `not` alone must
be told so. Numbers are compared as the database itself reads them from JSON, so that a price equals
itself to the last bit. `casefold` is a function that `indexer.database` gives to connections.
"""

import json
import re
from dataclasses import dataclass, replace

from indexer.filter_syntax import CATEGORY, OWN_FIELDS, And, Field, Filter, Not, Or, Predicate
from vsearch.taxonomy import CategoryPath

_JSON_TYPES = {"text": ("text",), "number": ("integer", "real"), "bool": ("true", "false")}


@dataclass(frozen=True)
class Sql:
    """An expression over a row of `items` and its parameters in order."""

    text: str
    values: tuple[str | int | float, ...] = ()


def value_sql(field: Field) -> Sql:
    """Return the value of a field, NULL where it is missing or of another kind.

    The category is the JSON list of the primary path and of the list of further paths.
    """
    if field == CATEGORY:
        primary = "(SELECT path FROM categories WHERE category_id = items.category_id)"
        paths = f"json_array(json({primary}), json(items.further_paths))"
        return Sql(f"CASE WHEN items.category_id IS NOT NULL THEN {paths} END")
    if field.name in OWN_FIELDS:
        return Sql(f"items.{field.name}")
    types = ", ".join(f"'{name}'" for name in _JSON_TYPES[field.kind])
    if not re.fullmatch(r"\w+", field.name):  # a path cannot name all of these
        one = f"FROM json_each(items.attributes) WHERE key = ? AND type IN ({types})"
        return Sql(f"SELECT value {one}", (field.name,))
    path = f'$."{field.name}"'
    typed = f"json_type(items.attributes, ?) IN ({types})"
    return Sql(f"CASE WHEN {typed} THEN json_extract(items.attributes, ?) END", (path, path))


def filter_sql(wanted: Filter) -> Sql:
    """Return the condition under which a filter holds for a row of `items`."""
    match wanted:
        case Predicate():
            return _category(wanted) if wanted.field == CATEGORY else _predicate(wanted)
        case Not(part):
            inner = filter_sql(part)
            return Sql(f"NOT coalesce({inner.text}, 0)", inner.values)
        case And(parts):
            return _joined(" AND ", [filter_sql(part) for part in parts])
        case Or(parts):
            return _joined(" OR ", [filter_sql(part) for part in parts])


def _joined(word: str, parts: list[Sql]) -> Sql:
    text = word.join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.values))


def _predicate(predicate: Predicate) -> Sql:
    value = value_sql(predicate.field)
    value = replace(value, text=f"({value.text})")
    not_ = "NOT " if predicate.negated else ""
    operand = "json_extract(?, '$')" if predicate.field.kind == "number" else "?"
    operands = _parameters(predicate)
    match predicate.operator:
        case "is null":
            text = f"{value.text} IS {not_}NULL"
        case "in":
            text = f"{value.text} {not_}IN (SELECT value FROM json_each(?))"
            operands = (json.dumps(predicate.operands, ensure_ascii=False),)
        case "between":
            text = f"{value.text} {not_}BETWEEN {operand} AND {operand}"
        case "like":
            text = f"casefold({value.text}) {not_}LIKE casefold(?) ESCAPE '\\'"
        case "contains":
            text = f"instr(casefold({value.text}), casefold(?)) {'=' if not_ else '>'} 0"
        case _:
            text = f"{value.text} {'!=' if not_ else predicate.operator} {operand}"
    return Sql(f"({text})", (*value.values, *operands))


def _parameters(predicate: Predicate) -> tuple[str | int, ...]:
    """Return the operands as the database takes them."""
    if predicate.field.kind == "number":
        return tuple(json.dumps(operand) for operand in predicate.operands)
    return tuple(int(o) if isinstance(o, bool) else str(o) for o in predicate.operands)


def _category(predicate: Predicate) -> Sql:
    """Return the condition on the paths of an item, primary and further."""
    subtrees = [path for path in predicate.operands if isinstance(path, tuple)]
    primary = _path_test("json(path)", subtrees, exact=predicate.operator != "within")
    further = _path_test("value", subtrees, exact=predicate.operator != "within")
    text = (
        f"(items.category_id IN (SELECT category_id FROM categories WHERE {primary.text})"
        f" OR {_some_further_path(further.text)})"
    )
    return Sql(f"NOT {text}" if predicate.negated else text, (*primary.values, *further.values))


def _some_further_path(test: str) -> str:
    """Return the condition that an item has a further path whose JSON, `value`, passes a test."""
    some = f"SELECT 1 FROM json_each(items.further_paths) WHERE {test}"
    return f"(items.further_paths != '[]' AND EXISTS ({some}))"


def _path_test(path: str, subtrees: list[CategoryPath], *, exact: bool) -> Sql:
    """Return the test of a path, given as JSON without blanks, by how it begins."""
    stems = [json.dumps(p, ensure_ascii=False, separators=(",", ":"))[:-1] for p in subtrees]
    begins = [stem + end for stem in stems for end in ("]" if exact else "],")]
    tests = " OR ".join([f"substr({path}, 1, ?) = ?"] * len(begins))
    return Sql(f"({tests})", tuple(value for text in begins for value in (len(text), text)))
