r"""The language of filters: from `price < 50 and colour in ('red', 'blue')` to a tree.

```
filter      = conjunction ("or" conjunction)*
conjunction = part ("and" part)*
part       = "not" part | "(" filter ")" | predicate
predicate  = name                                            (a bool attribute that is true)
           | name ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
           | name ["not"] "in" "(" value ("," value)* ")"
           | name ["not"] "between" value "and" value        (both ends included)
           | name ["not"] "like" text                        (% any characters, _ one, \ escapes)
           | name ["not"] "contains" text
           | name ["not"] "within" (text | "(" text ("," text)* ")")
           | name "is" ["not"] "null"
name       = letters, digits and _, not beginning with a digit | "`" anything "`"
value      = number | text | "true" | "false"
text       = "'" … "'" | '"' … '"'                           (the quote inside is doubled)
```

Reserved words may be written in any case. Names are attributes of the catalogue or an item's own
`item_id`, `title`, `group_id` and `category`; a name that is a reserved word or holds blanks stands
in back-quotes. Texts are compared exactly, by code point; `like` and `contains` ignore case.
A category is named as everywhere: `Fruit > Apple`, `Fruit/Apple`, or `Apple` where only one bears
the name; it knows `=`, `!=`, `in`, `within` and their negations, and counts further paths too.
What is compared must be of the attribute's kind: number, text or bool. How items without a value
are judged is told in `indexer.filter_syntax`.

There are no other functions, no arithmetic and no way to name anything but fields; a filter's
length, depth and number of predicates are bounded.
"""

from collections.abc import Callable

from indexer.filter_fields import FilterFields
from indexer.filter_syntax import (
    Field,
    Filter,
    Kind,
    Not,
    Operand,
    Operator,
    Predicate,
    all_of,
    any_of,
    format_name,
    format_operand,
)
from indexer.filter_tokens import Token, fault, tokenize
from indexer.text_patterns import is_whole
from vsearch.errors import CategoryError, FilterError

__all__ = ["MAX_DEPTH", "MAX_PREDICATES", "parse_filter"]

MAX_DEPTH = 32  # brackets and nots inside one another
MAX_PREDICATES = 100
MAX_PATTERN = 1000  # characters

_REPEATED = 40  # characters of a text that an error repeats

_SYMBOLS: dict[str, tuple[Operator, bool]] = {
    "=": ("=", False),
    "==": ("=", False),
    "!=": ("=", True),
    "<>": ("=", True),
    "<": ("<", False),
    "<=": ("<=", False),
    ">": (">", False),
    ">=": (">=", False),
}
_WORDS: dict[str, Operator] = {
    "in": "in",
    "between": "between",
    "like": "like",
    "contains": "contains",
    "within": "within",
}
_ALLOWED: dict[Kind, tuple[Operator, ...]] = {
    "text": ("=", "<", "<=", ">", ">=", "in", "between", "like", "contains", "is null"),
    "number": ("=", "<", "<=", ">", ">=", "in", "between", "is null"),
    "bool": ("=", "in", "is null"),
    "category": ("=", "in", "within"),
}
_EXPECTED: dict[Kind, str] = {
    "text": "a text in quotes such as 'red'",
    "number": "a number such as 9.5",
    "bool": "true or false",
    "category": "a category in quotes such as 'Fruit > Apple'",
}
_IS: dict[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "bool": "a bool",
    "category": "a category",
}


def parse_filter(text: str, fields: FilterFields) -> Filter:
    """Read a filter and check it against the fields of a shop.

    Raises:
        FilterError: it cannot be understood, or does not suit the fields; the message points at
            the place and says what was expected there.
    """
    return _Parser(text, fields).whole()


class _Parser:
    """Recursive descent over the words of one filter."""

    def __init__(self, text: str, fields: FilterFields) -> None:
        self._text = text
        self._fields = fields
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0
        self._predicates = 0

    def whole(self) -> Filter:
        if self._peek().kind == "end":
            raise self._fault(self._peek(), "the filter is empty: write one such as price < 50")
        wanted = self._filter()
        if self._peek().kind != "end":
            raise self._fault(self._peek(), "expected and, or, or the end of the filter")
        return wanted

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek()
        self._next += token.kind != "end"
        return token

    def _taken(self, value: str) -> bool:
        """Take the next word if it is this mark or reserved word."""
        found = self._peek().kind in {"mark", "keyword"} and self._peek().value == value
        self._next += found
        return found

    def _expect(self, value: str) -> None:
        if not self._taken(value):
            raise self._fault(self._peek(), f"expected {value}")

    def _fault(self, token: Token, why: str) -> FilterError:
        return fault(self._text, token.start, token.stop, why)

    def _filter(self) -> Filter:
        return self._joined("or", any_of, self._conjunction)

    def _conjunction(self) -> Filter:
        return self._joined("and", all_of, self._part)

    def _joined(self, word: str, join: Callable[..., Filter], part: Callable[[], Filter]) -> Filter:
        parts = [part()]
        while self._taken(word):
            parts.append(part())
        return join(*parts)

    def _part(self) -> Filter:
        opening = self._peek()
        if self._taken("not"):
            self._deeper(opening)
            wanted: Filter = Not(self._part())
        elif self._taken("("):
            self._deeper(opening)
            wanted = self._filter()
            if not self._taken(")"):
                raise self._fault(self._peek(), "expected and, or, or )")
        else:
            return self._predicate()
        self._depth -= 1
        return wanted

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fault(token, f"more than {MAX_DEPTH} brackets and nots inside one another")

    def _predicate(self) -> Predicate:
        start = self._peek()
        field = self._field()
        self._predicates += 1
        if self._predicates > MAX_PREDICATES:
            raise self._fault(start, f"more than {MAX_PREDICATES} comparisons in one filter")
        operator, negated = self._operator(field)
        if operator is None:
            return Predicate(field, "=", (True,))
        return Predicate(field, operator, self._operands(field, operator), negated)

    def _field(self) -> Field:
        token = self._take()
        if token.kind not in {"name", "quoted"}:
            expected = "expected the name of an attribute"
            if token.kind == "keyword":
                expected += f"; one that is called so stands in back-quotes: `{token.value}`"
            elif token.kind in {"number", "text"}:
                expected += "; a comparison begins with it, as in price > 5"
            raise self._fault(token, expected)
        field = self._fields.find(str(token.value))
        if field is None:
            raise self._fault(token, self._fields.unknown(str(token.value)))
        return field

    def _operator(self, field: Field) -> tuple[Operator | None, bool]:
        """Return the operator and whether it is negated; None after a bool that stands alone."""
        token = self._peek()
        operator, negated = self._written_operator(token)
        if operator is None and field.kind == "bool" and not negated:
            return None, False
        allowed = ", ".join(_ALLOWED[field.kind]).replace("=,", "=, !=,", 1)
        if operator is None:
            wrong = "expected a comparison after not" if negated else "expected a comparison"
            raise self._fault(self._peek(), f"{wrong}: “{field.name}” knows {allowed}")
        if operator not in _ALLOWED[field.kind]:
            told = f"“{field.name}” is {_IS[field.kind]} and knows {allowed}"
            raise self._fault(token, f"{told}, not {operator}")
        return operator, negated

    def _written_operator(self, token: Token) -> tuple[Operator | None, bool]:
        if token.kind == "mark" and token.value in _SYMBOLS:
            self._take()
            return _SYMBOLS[str(token.value)]
        if self._taken("is"):
            negated = self._taken("not")
            self._expect("null")
            return "is null", negated
        negated = self._taken("not")
        if self._peek().kind == "keyword" and self._peek().value in _WORDS:
            return _WORDS[str(self._take().value)], negated
        return None, negated

    def _operands(self, field: Field, operator: Operator) -> tuple[Operand, ...]:
        match operator:
            case "is null":
                return ()
            case "between":
                low = self._operand(field)
                self._expect("and")
                return low, self._operand(field)
            case "in":
                self._expect("(")
                return self._list(field)
            case "within" if self._taken("("):
                return self._list(field)
            case "like":
                return (self._pattern(field),)
        return (self._operand(field),)

    def _list(self, field: Field) -> tuple[Operand, ...]:
        """Read values up to the closing bracket."""
        operands = [self._operand(field)]
        while self._taken(","):
            operands.append(self._operand(field))
        if not self._taken(")"):
            raise self._fault(self._peek(), "expected , or )")
        return tuple(operands)

    def _operand(self, field: Field) -> Operand:
        token = self._take()
        value = _literal(token)
        if value is None or _kind(value) != ("text" if field.kind == "category" else field.kind):
            told = f"“{field.name}” is {_IS[field.kind]}: expected {_EXPECTED[field.kind]}"
            raise self._fault(token, told + _mistaken(field, token))
        if field.kind != "category":
            return value
        try:
            return self._fields.category(str(value))
        except CategoryError as error:
            raise self._fault(token, str(error)) from error

    def _pattern(self, field: Field) -> Operand:
        token, pattern = self._peek(), str(self._operand(field))
        if not is_whole(pattern):
            raise self._fault(
                token, "a pattern cannot end in \\: for the character itself double it"
            )
        if len(pattern) > MAX_PATTERN:
            raise self._fault(token, f"a pattern may have {MAX_PATTERN} characters at most")
        return pattern


def _literal(token: Token) -> str | int | float | bool | None:
    """Return what a word means where a value is expected, None for nothing."""
    if token.kind in {"number", "text"}:
        return token.value
    return {"true": True, "false": False}.get(str(token.value)) if token.kind == "keyword" else None


def _kind(value: str | int | float | bool) -> Kind:
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def _mistaken(field: Field, token: Token) -> str:
    """Say what may have been meant by a word that is no value of the field."""
    name = format_name(field.name)
    written = token.value[:_REPEATED] if isinstance(token.value, str) else token.value
    if token.kind == "keyword" and written == "null":
        return f"; items without one are found by {name} is null"
    if token.kind in {"name", "quoted"} and field.kind in {"text", "category"}:
        return f"; texts stand in quotes, as in {name} = {format_operand(written)}"
    if token.kind in {"number", "text"}:
        return f", not the {token.kind} {format_operand(written)}"
    return ""
