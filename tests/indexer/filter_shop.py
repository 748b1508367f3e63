"""Random catalogues with everything that trips filters up, and random filters over them."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue
from indexer.filter_fields import FilterFields
from indexer.filter_syntax import (
    OWN_FIELDS,
    Field,
    Filter,
    Not,
    Operand,
    Operator,
    Predicate,
    all_of,
    any_of,
)
from indexer.records import ItemRow, PhotoRow, Value
from vsearch.taxonomy import CategoryPath, Taxonomy

TYPES = {
    "brand": "text",
    "Ärmel": "text",
    "price": "float",
    "pieces": "int",
    "new": "bool",
    "like": "text",  # a reserved word
    '2nd "name" \\ `x`': "int",
}
TEXTS = [
    "red",
    "Red",
    "RED ",
    "rot",
    "Äpfel",
    "äpfel",
    "ÄPFEL",
    "ß",
    "ss",
    "é",
    "e\u0301",
    "日本語",
    "",
    " ",
]
TEXTS += [
    "it's",
    'say "so"',
    "100%",
    "100 %",
    "a_b",
    "a\\b",
    "a\\",
    "`",
    "x\ny",
    "\u0130",
    "1",
    "true",
]
NUMBERS = [-5, 0, 1, 1.0, 2.5, 0.1, 0.1 + 0.2, 0.3, 2**53 + 1, 2.0**53, 2**63 - 1, -(2**63), 1e300]
PATHS: list[CategoryPath] = [
    ("Fruit",),
    ("Fruit", "Apple"),
    ("Fruit", "Apple", "Gala"),
    ("Fruit", "Apples"),
    ("Fruits",),
    ('Fru"it', "Ap\\ple"),
    ("Dairy", "Äpfel-Milch"),
    ("Sale",),
]

texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_characters="\0", codec="utf-8"))
numbers: st.SearchStrategy[int | float] = (
    st.sampled_from(NUMBERS)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
)
paths = st.sampled_from(PATHS)
values: st.SearchStrategy[Value] = st.none() | st.booleans() | texts | numbers
# Mostly of the attribute's own kind, and sometimes of any.
OF_KIND: dict[str, st.SearchStrategy[Value]] = {
    "text": texts | texts | values,
    "float": numbers | numbers | values,
    "int": numbers | numbers | values,
    "bool": st.booleans() | st.booleans() | values,
}


def attributes() -> st.SearchStrategy[dict[str, Value]]:
    """Return attributes of an item, each of which may be missing."""
    return st.fixed_dictionaries({}, optional={name: OF_KIND[kind] for name, kind in TYPES.items()})


items = st.builds(
    lambda item_id, title, category, further, group, told, reason: ItemRow(
        item_id,
        title,
        category,
        (PhotoRow(item_id, Path("/photo.jpg"), 1, 1),),
        tuple(further),
        group,
        told,
        reason,
    ),
    st.sampled_from("abcdefghij"),
    texts,
    paths,
    st.lists(paths, max_size=2),
    st.none() | texts,
    attributes(),
    st.sampled_from([None, None, None, "its photo is missing"]),
)
catalogues = st.lists(items, max_size=10, unique_by=lambda row: row.item_id)


def fields() -> FilterFields:
    """Return the fields of these catalogues."""
    return FilterFields(TYPES, lambda: Taxonomy.of(PATHS))


def fill(catalogue: Catalogue, rows: list[ItemRow]) -> None:
    """Write the items and the types of their attributes."""
    catalogue.set_attribute_types(TYPES, lambda value, _: value)
    catalogue.upsert_items(rows)


quick = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def opened(rows: list[ItemRow]) -> Iterator[Catalogue]:
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Catalogue.open(Path(folder) / "catalogue.db")
        try:
            fill(catalogue, rows)
            yield catalogue
        finally:
            catalogue.close()


def _field(name: str) -> Field:
    field = fields().find(name)
    assert field is not None
    return field


FIELDS = [_field(name) for name in [*TYPES, *OWN_FIELDS]]
_OPERATORS: dict[str, list[Operator]] = {
    "text": ["=", "<", "<=", ">", ">=", "in", "between", "like", "contains", "is null"],
    "number": ["=", "<", "<=", ">", ">=", "in", "between", "is null"],
    "bool": ["=", "in", "is null"],
    "category": ["=", "in", "within"],
}
_OPERANDS: dict[str, st.SearchStrategy[Operand]] = {
    "text": texts,
    "number": numbers,
    "bool": st.booleans(),
    "category": paths,
}
PIECES = ["%", "_", "\\%", "\\_", "\\\\", "r", "E", "ä", "Ä", "s", "1", " ", "日"]
patterns = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@st.composite
def predicates(draw: Callable[..., object], among: list[Field] = FIELDS) -> Predicate:
    """Draw a predicate that suits its field."""
    field = draw(st.sampled_from(among))
    assert isinstance(field, Field)
    operator = draw(st.sampled_from(_OPERATORS[field.kind]))
    negated = operator not in {"<", "<=", ">", ">="} and draw(st.booleans())
    number = {"is null": (0, 0), "between": (2, 2), "in": (1, 3), "within": (1, 3)}
    least, most = number.get(str(operator), (1, 1))
    one = patterns if operator == "like" else _OPERANDS[field.kind]
    operands = draw(st.lists(one, min_size=least, max_size=most))
    return Predicate(field, operator, tuple(operands), bool(negated))  # type: ignore[arg-type]


def filters(among: list[Field] = FIELDS) -> st.SearchStrategy[Filter]:
    """Return filters of any depth, as the parser makes them."""
    return st.recursive(
        predicates(among),
        lambda part: st.one_of(
            part.map(Not),
            st.lists(part, min_size=2, max_size=3).map(lambda parts: all_of(*parts)),
            st.lists(part, min_size=2, max_size=3).map(lambda parts: any_of(*parts)),
        ),
        max_leaves=6,
    )
