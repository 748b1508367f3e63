"""The language of filters: what is understood, what is refused and how, and that nothing hangs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.filter_fields import FilterFields
from indexer.filter_match import matches
from indexer.filter_syntax import CATEGORY, KEYWORDS, And, Field, Not, Or, Predicate, format_filter
from indexer.filter_tokens import MAX_CHARACTERS
from indexer.filters import MAX_DEPTH, MAX_PATTERN, MAX_PREDICATES, parse_filter
from indexer.records import Item, Value
from tests.indexer.filter_shop import fields as shop_fields
from tests.indexer.filter_shop import filters
from vsearch.errors import FilterError, ShopError
from vsearch.taxonomy import Taxonomy

TYPES = {"price": "float", "pieces": "int", "brand": "text", "colour": "text", "in_stock": "bool"}
PATHS = [("Fruit", "Apple"), ("Fruit", "Pear"), ("Dairy", "Milk"), ("Sale", "Pear")]
FIELDS = FilterFields(TYPES | {"2nd_size": "int", "in": "text"}, lambda: Taxonomy.of(PATHS))
PRICE, BRAND, STOCK = Field("price", "number"), Field("brand", "text"), Field("in_stock", "bool")


def item(**attributes: Value) -> Item:
    further = (("Sale", "Pear"),)
    return Item(1, "i", "A shirt", PATHS[0], 1, further, None, attributes, "ok", None)


def holds(text: str, **attributes: Value) -> bool:
    return matches(parse_filter(text, FIELDS), item(**attributes))


def refused(text: str) -> str:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, FIELDS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("price<50", "price < 50"),
        ("PRICE >= -1.50", "price >= -1.5"),
        ("price == 5 AND Price <> 6", "price = 5 and price != 6"),
        ("price between .5 and 2e1", "price between 0.5 and 20.0"),
        ("brand in ('A',\"B\")", "brand in ('A', 'B')"),
        ("brand not in (\"it's\", 'say \"so\"', 'it''s', \"a\"\"b\")",
         "brand not in ('it''s', 'say \"so\"', 'it''s', 'a\"b')"),
        ("in_stock", "in_stock = true"),
        ("not in_stock and in_stock != FALSE", "not in_stock = true and in_stock != false"),
        ("colour Is Null or colour is not null", "colour is null or colour is not null"),
        ("title like 'shirt%' or title not contains 'X'",
         "title like 'shirt%' or title not contains 'X'"),
        ("(price < 1 and (price < 2 and price < 3))", "price < 1 and price < 2 and price < 3"),
        ("price < 1 or price < 2 and not (price < 3 or in_stock)",
         "price < 1 or (price < 2 and not (price < 3 or in_stock = true))"),
        ("`2nd_size` = 2 and `in` = 'x' and `In Stock`",
         "`2nd_size` = 2 and `in` = 'x' and in_stock = true"),
        ("category within 'fruit'", "category within ('Fruit')"),
        ("category not within ('Milk', 'Fruit / Apple')",
         "category not within ('Dairy > Milk', 'Fruit > Apple')"),
        ("category = 'Fruit > Pear' or category != 'Apple'",
         "category = 'Fruit > Pear' or category != 'Fruit > Apple'"),
        ("\n price\t<\r\n5 ", "price < 5"),
    ],
)  # fmt: skip
def test_filters_are_understood(text: str, written: str) -> None:
    wanted = parse_filter(text, FIELDS)
    assert format_filter(wanted) == written
    assert parse_filter(written, FIELDS) == wanted


def test_the_tree_of_a_filter() -> None:
    wanted = parse_filter(
        "price < 5 and not (brand = 'A' or in_stock) and category = 'Milk'", FIELDS
    )
    either = Or((Predicate(BRAND, "=", ("A",)), Predicate(STOCK, "=", (True,))))
    milk = Predicate(CATEGORY, "=", (("Dairy", "Milk"),))
    assert wanted == And((Predicate(PRICE, "<", (5,)), Not(either), milk))
    assert hash(wanted) == hash(parse_filter(format_filter(wanted), FIELDS))


@pytest.mark.parametrize(
    "text", ["colour = 'red'", "colour != 'red'", "colour in ('red')", "colour not in ('red')",
             "colour like '%'", "colour not like 'red'", "colour contains ''",
             "colour not contains 'x'", "colour >= ''", "colour between 'a' and 'z'",
             "colour not between 'a' and 'b'", "colour is not null", "in_stock",
             "in_stock = false", "in_stock != true"],
)  # fmt: skip
def test_nothing_but_is_null_holds_without_a_value(text: str) -> None:
    assert not holds(text)
    assert not holds(text, colour=None, in_stock=None)
    assert not holds(text, colour=5, in_stock="yes")  # of another kind than the attribute's
    assert holds(f"not ({text})")


def test_not_is_the_complement_and_is_null_finds_what_has_no_value() -> None:
    assert holds("colour is null")
    assert not holds("colour is null", colour="red")
    assert holds("colour != 'red'", colour="blue")
    assert not holds("not (colour = 'red')", colour="red")
    assert holds("not not in_stock", in_stock=True)


@pytest.mark.parametrize(
    ("text", "value", "held"),
    [
        ("brand = 'red'", "Red", False),
        ("brand like 'ÄPF%'", "Äpfel", True),
        ("brand like '%f_l'", "ÄPFEL", True),
        ("brand like 'strasse'", "Straße", True),
        ("brand like '100\\%%'", "100% wool", True),
        ("brand like '100\\%%'", "1000 wool", False),
        ("brand like 'a\\_b'", "axb", False),
        ("brand like '%a%b%'", "xxbxaxx", False),
        ("brand like 'ab%ba'", "aba", False),
        ("brand like '%'", "a\nb", True),
        ("brand like ''", "", True),
        ("brand like ''", "a", False),
        ("brand contains 'PF'", "Äpfel", True),
        ("brand contains '%'", "Äpfel", False),
        ("brand < 'b'", "B", True),
        ("brand between 'a' and 'b'", "b", True),
        ("brand between 'b' and 'a'", "b", False),
    ],
)
def test_texts(text: str, value: str, held: bool) -> None:
    assert holds(text, brand=value) == held


def test_categories_count_further_paths() -> None:
    assert holds("category within 'Fruit' and category within 'Sale'")
    assert holds("category = 'Sale > Pear' and category != 'Sale'")
    assert not holds("category not within 'Sale'")
    assert holds("category not within ('Dairy', 'Fruit > Pear')")
    assert not holds("category != 'Fruit > Apple'")


def test_a_mistake_is_pointed_at() -> None:
    assert refused("colur = 'red'") == (
        "items have no “colur”: did you mean “colour”? the attributes are 2nd_size, brand, colour, "
        "in, in_stock, pieces, price; items also have item_id, title, group_id, category\n"
        "  colur = 'red'\n"
        "  ^^^^^"
    )
    assert refused("in_stock and price < 'abc'") == (
        "“price” is a number: expected a number such as 9.5, not the text 'abc'\n"
        "  in_stock and price < 'abc'\n"
        "                       ^^^^^"
    )
    long = refused("in_stock and\n" * 20 + "price <\n" + " and in_stock" * 20)
    message, line, marks = long.split("\n")
    assert message.startswith("“price” is a number: expected a number")
    at = marks.index("^")
    assert (line[at : at + 3], line[2], line[-1], marks.count("^")) == ("and", "…", "…", 3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the filter is empty"),
        ("   ", "the filter is empty"),
        ("price", "expected a comparison: “price” knows =, !=, <, <=, >, >=, in, between, is null"),
        ("price not < 4", "expected a comparison after not"),
        ("in_stock not", "expected a comparison after not"),
        ("in_stock < true", "“in_stock” is a bool and knows =, !=, in, is null, not <"),
        ("in_stock = 1", "expected true or false, not the number 1"),
        ("price like '1%'", "not like"),
        ("price = true", "expected a number"),
        ("price = null", "items without one are found by price is null"),
        ("price = brand", "expected a number such as 9.5\n"),
        ("colour = red", "texts stand in quotes, as in colour = 'red'"),
        ("colour = 5", "expected a text in quotes such as 'red', not the number 5"),
        ("5 < price", "a comparison begins with it, as in price > 5"),
        ("price < 5 price > 3", "expected and, or, or the end of the filter"),
        ("(price < 5", "expected and, or, or )"),
        ("price < 5)", "expected and, or, or the end"),
        ("price < 5 and", "expected the name of an attribute\n"),
        ("in = 'x'", "one that is called so stands in back-quotes: `in`"),
        ("price in ()", "expected a number"),
        ("price in (5", "expected , or )"),
        ("price in 5", "expected ("),
        ("price between 5 or 6", "expected and"),
        ("price is 5", "expected null"),
        ("brand = 'abc", "a text begins here that does not end: expected '"),
        ("`brand = 5", "a name begins here that does not end: expected `"),
        ("brand = ‘abc’", "texts stand in straight quotes"),
        ("brand = 'a\0b'", "must not hold NUL"),
        ("brand = '\ud800'", "half a character"),
        ("brand like 'a\\'", "a pattern cannot end in \\"),
        ("brand like '" + "x" * (MAX_PATTERN + 1) + "'", "a pattern may have 1000 characters"),
        ("price = 1e999", "too large"),
        ("price = 9223372036854775808", "too large"),
        ("price = " + "1" * 5000, "too large or has too many digits"),
        ("price = 5x", "a number ends here without a space"),
        ("price = 1.2.3", "a number ends here without a space"),
        ("price = ٣", "٣ is no part of a filter"),
        ("price = 1; drop table items", "; is no part of a filter"),
        ("brand = 'x' -- comment", "- is no part of a filter"),
        ("category = 'Appel'", "no category “Appel” in this shop"),
        ("category = 'Pear'", "ambiguous"),
        ("category within ''", "no category"),
        ("category is null", "“category” is a category and knows =, !=, in, within, not is null"),
        ("category = " + "'" + "x" * 800 + "'", "no category has as many as 800 characters"),
        ("x" * 9000 + " = 1", "items have no “xxx"),
        ("x" * (MAX_CHARACTERS + 1), "at most 10000 are allowed"),
        ("(" * (MAX_DEPTH + 1) + "in_stock" + ")" * (MAX_DEPTH + 1), "more than 32 brackets"),
        ("not " * (MAX_DEPTH + 1) + "in_stock", "more than 32 brackets and nots"),
        (" and ".join(["in_stock"] * (MAX_PREDICATES + 1)), "more than 100 comparisons"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(text: str, told: str) -> None:
    assert told in refused(text) + "\n"
    assert issubclass(FilterError, ShopError)


def test_brackets_side_by_side_are_not_deep() -> None:
    parse_filter(" or ".join(["(not in_stock)"] * MAX_PREDICATES), FIELDS)


def test_a_shop_without_attributes_says_so() -> None:
    with pytest.raises(FilterError, match="“price”: the items have no attributes; items also have"):
        parse_filter("price < 5", FilterFields({}, lambda: Taxonomy(())))


def test_the_tree_of_categories_is_read_only_where_one_is_named() -> None:
    def read() -> Taxonomy:
        raise AssertionError("nobody asked for categories")

    parse_filter("title = 'x'", FilterFields(TYPES, read))


@pytest.mark.parametrize("pattern", ["%a" * 300, "%a_" * 300 + "b", "_" * 900, "%" * 900 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    # Searched naively, each % would multiply the time by the length of the text.
    assert not holds(f"brand like '{pattern}c'", brand="a" * 20_000)


_words = st.sampled_from([*sorted(KEYWORDS), *TYPES, "category", "title", "`", "'", '"', "(", ")"])
_marks = st.sampled_from(
    [",", "<", "<=", "!=", "=", "-", "5", "1e9", ".", "'red'", "\\", "\n", "é"]
)
_garbage = st.lists(_words | _marks | st.characters(), max_size=40)


@settings(max_examples=400, deadline=None)
@given(_garbage, st.sampled_from(["", " "]))
def test_garbage_is_refused_and_never_anything_else(words: list[str], between: str) -> None:
    try:
        wanted = parse_filter(between.join(words), FIELDS)
    except FilterError:
        return
    assert parse_filter(format_filter(wanted), FIELDS) == wanted


@settings(max_examples=200, deadline=None)
@given(filters().map(format_filter), st.data())
def test_a_filter_with_a_piece_out_of_place_is_read_or_refused(
    text: str, data: st.DataObject
) -> None:
    places = st.integers(0, len(text))
    start, stop = sorted((data.draw(places), data.draw(places)))
    mangled = text[:start] + data.draw(st.sampled_from(["", " ", "'", "not ", "("])) + text[stop:]
    try:
        wanted = parse_filter(mangled, shop_fields())
    except FilterError:
        return
    assert parse_filter(format_filter(wanted), shop_fields()) == wanted
