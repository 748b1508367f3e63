"""Typed attributes: what the further columns of a manifest hold.

A column has one type in the whole shop, the narrowest that holds all its values: bool, int, float
or text. It is decided over whole manifests, so that it does not change from row to row, and it
only ever widens: int to float, anything to text.
"""

import json
import math
import re
from datetime import date, time
from decimal import Decimal
from typing import Literal, cast

from indexer.records import Value

Type = Literal["bool", "int", "float", "text"]

# Neither leading zeros nor a plus: "00123" and "+49" are names of something, not amounts.
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
_MONEY = re.compile(
    r"(?P<before>[A-Z]{3}|[€$£¥])?\s*(?P<amount>-?[0-9][0-9.,' ]*)\s*(?P<after>[A-Z]{3}|[€$£¥])?"
)
_SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
_INT64 = 2**63
_TOLD = {"bool": "true or false", "int": "a whole number", "float": "a number"}


def plain(cell: object) -> Value:
    """Return a cell as a text, number or bool; None when it is empty or not a number (NaN)."""
    value: Value
    match cell:
        case str():
            value = cell.strip() or None
        case bool() | int() | None:
            value = cell
        case float() | Decimal():
            value = float(cell) if math.isfinite(cell) else None
        case date() | time():
            value = cell.isoformat()
        case bytes():
            value = f"{len(cell)} bytes"
        case list() if all(isinstance(part, str) for part in cell):
            value = " | ".join(cell) or None
        case _:
            value = json.dumps(cell, ensure_ascii=False, default=str)
    return value


def type_of(value: Value, *, typed: bool) -> Type | None:
    """Return the narrowest type of a value, None for an empty one.

    Args:
        value: what `plain` returned.
        typed: whether a text is meant as text even if it looks like a number, as in JSON.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        return _type_of_number(value)
    if typed:
        return "text"
    if value.lower() in {"true", "false"}:
        return "bool"
    number: Type = "float" if _FLOAT.fullmatch(value) else "text"
    return "int" if _INT.fullmatch(value) else number


def _type_of_number(value: bool | int | float) -> Type:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, float):
        return "float"
    return "int" if -_INT64 <= value < _INT64 else "text"


def widen(one: Type | None, other: Type | None) -> Type | None:
    """Return the narrowest type that holds the values of both."""
    if one == other or other is None:
        return one
    if one is None:
        return other
    return "float" if {one, other} == {"int", "float"} else "text"


def fitted(value: Value, kind: str | None) -> Value:
    """Return a value that the column of an attribute can take without becoming text.

    Args:
        value: what `plain` returned; a text that looks like a number is one to a column of numbers.
        kind: the column's type, None for a new one.

    Raises:
        ValueError: only as text could the column hold it; the message is the reason.
    """
    known = cast("Type | None", kind)
    if known is None or known == "text" or widen(known, type_of(value, typed=True)) != "text":
        return value
    told = type_of(value, typed=False)
    if widen(known, told) == "text":
        raise ValueError(f"this attribute is {_TOLD[known]} in this shop")
    return convert(value, told or known)


def convert(value: Value, kind: str) -> Value:
    """Return a value as one of the given type, which must be wide enough for it."""
    if value is None:
        return None
    match kind:
        case "bool":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "int":
            return int(value)
        case "float":
            return float(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)


def money(value: Value) -> tuple[float, str | None] | None:
    """Read a price: `12.90 EUR`, `EUR 12.90`, `€12,90`, `1,299.00 USD`, or a bare number.

    Returns:
        The amount and the currency's three letters where told; None when it is not a price.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value), None
    match = _MONEY.fullmatch(value.replace("\N{NO-BREAK SPACE}", " "))
    if match is None or (match["before"] and match["after"]):
        return None
    amount = _amount(match["amount"])
    currency = match["before"] or match["after"]
    return None if amount is None else (amount, _SYMBOLS.get(currency or "", currency))


def _amount(text: str) -> float | None:
    text = re.sub(r"[' ]", "", text)
    # The last mark splits off the decimals, unless three digits follow a lone comma: 1,299.
    comma, point = text.rfind(","), text.rfind(".")
    decimal = "," if comma > point and len(text) - comma != 4 else "."
    text = text.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    return float(text) if _AMOUNT.fullmatch(text) else None
