"""Attributes have one type per column, and prices are numbers."""

import math
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.attributes import Type, convert, money, plain, type_of, widen
from indexer.records import Value

KINDS: list[Type | None] = [None, "bool", "int", "float", "text"]
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12", "int"),
        ("-3", "int"),
        ("0", "int"),
        ("007", "text"),
        ("+49", "text"),
        ("1e5", "text"),
        ("99999999999999999999", "text"),
        ("1.50", "float"),
        ("-0.5", "float"),
        ("01.5", "text"),
        (".5", "text"),
        ("nan", "text"),
        ("inf", "text"),
        ("True", "bool"),
        ("FALSE", "bool"),
        ("yes", "text"),
        ("١٢", "text"),
        ("", None),
        ("  ", None),
    ],
)
def test_the_type_of_a_text_from_a_csv_file(text: str, kind: Type | None) -> None:
    assert type_of(plain(text), typed=False) == kind
    assert type_of(plain(text), typed=True) in {"text", None}


@pytest.mark.parametrize(
    ("cell", "value", "kind"),
    [
        (True, True, "bool"),
        (3, 3, "int"),
        (2**63, 2**63, "text"),
        (2.5, 2.5, "float"),
        (math.inf, None, None),
        (Decimal("1.25"), 1.25, "float"),
        (date(2026, 11, 22), "2026-11-22", "text"),
        (b"abc", "3 bytes", "text"),
        ([], None, None),
        ([1, 2], "[1, 2]", "text"),
    ],
)
def test_cells_of_typed_manifests(cell: object, value: Value, kind: Type | None) -> None:
    assert plain(cell) == value
    assert type_of(plain(cell), typed=True) == kind


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_widening_has_an_order(one: Type | None, other: Type | None) -> None:
    both = widen(one, other)
    assert both == widen(other, one) == widen(both, one) == widen(both, other)
    assert (both is None) == (one is None and other is None)


@given(st.lists(VALUES, max_size=5))
def test_a_column_holds_every_value_in_its_type_and_only_in_it(values: list[Value]) -> None:
    kind: Type | None = None
    for value in values:
        kind = widen(kind, type_of(plain(value), typed=False))
    python = {"bool": bool, "int": int, "float": float, "text": str}
    for value in values:
        cell = plain(value)
        if cell is not None and kind is not None:
            stored = convert(cell, kind)
            assert type(stored) is python[kind]
            # A second import finds the same value: no change without a change.
            assert convert(stored, kind) == stored


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.90 EUR", (12.9, "EUR")),
        ("EUR 12.90", (12.9, "EUR")),
        ("12,90 €", (12.9, "EUR")),
        ("€12", (12.0, "EUR")),
        ("$1,299.00", (1299.0, "USD")),
        ("1.299,00 EUR", (1299.0, "EUR")),
        ("1,299 USD", (1299.0, "USD")),
        ("1 299,50 SEK", (1299.5, "SEK")),
        ("1'299.50 CHF", (1299.5, "CHF")),
        ("12\N{NO-BREAK SPACE}EUR", (12.0, "EUR")),
        ("9.5", (9.5, None)),
        (9, (9.0, None)),
        (9.5, (9.5, None)),
        ("on request", None),
        ("EUR 12 USD", None),
        ("12 eur", None),
        ("1.2.3", None),
        ("", None),
        ("EUR", None),
        (True, None),
        (None, None),
    ],
)
def test_prices(text: Value, expected: tuple[float, str | None] | None) -> None:
    assert money(text) == expected


@given(st.decimals(0, 10**6, places=2), st.sampled_from(["EUR", "USD"]))
def test_a_price_of_a_google_feed_is_read_exactly(amount: Decimal, currency: str) -> None:
    assert money(f"{amount} {currency}") == (float(amount), currency)
