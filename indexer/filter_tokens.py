"""The words of a filter's text, and errors that point at them."""

import math
import re
from dataclasses import dataclass
from typing import Literal, cast

from indexer.filter_syntax import KEYWORDS
from vsearch.errors import FilterError

MAX_CHARACTERS = 10_000

_TOKEN = re.compile(
    r"""\s*+(?:
    (?P<number>[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
    |(?P<name>[^\W\d]\w*+)
    |(?P<quoted>`(?:[^`]|``)*+`)
    |(?P<text>'(?:[^']|'')*+'|"(?:[^"]|"")*+")
    |(?P<mark><=|>=|<>|!=|==|[=<>(),])
    |(?P<end>\Z)
    )""",
    re.VERBOSE,
)
_OPENING = {"'": "a text", '"': "a text", "`": "a name"}
_CURLY = frozenset("‘’‚‛“”„‟´«»")
_MAX_DIGITS = 60
_INT64 = 2**63
_SHOWN = 72  # characters of the text that an error repeats

TokenKind = Literal["number", "name", "keyword", "quoted", "text", "mark", "end"]


@dataclass(frozen=True)
class Token:
    """One word of a filter.

    Attributes:
        kind: a quoted name is "quoted", a reserved word "keyword".
        value: a number's value; the contents of what is quoted; a keyword in lower case;
            anything else as it is written.
        start, stop: where it stands in the text.
    """

    kind: TokenKind
    value: str | int | float
    start: int
    stop: int


def tokenize(text: str) -> list[Token]:
    """Split a filter's text into its words; the last one is of kind "end".

    Raises:
        FilterError: too long, or something in it belongs to no filter.
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(
            f"the filter has {len(text)} characters, at most {MAX_CHARACTERS} are allowed"
        )
    tokens: list[Token] = []
    position = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unknown(text, position)
        kind = cast("TokenKind", match.lastgroup)
        tokens.append(_token(text, kind, *match.span(kind)))
        position = match.end()
    return tokens


def _token(text: str, kind: TokenKind, start: int, stop: int) -> Token:
    value: str | int | float = text[start:stop]
    if kind == "name" and text[start:stop].lower() in KEYWORDS:
        kind, value = "keyword", text[start:stop].lower()
    elif kind == "number":
        value = _number(text, start, stop)
    elif kind in {"quoted", "text"}:
        value = _contents(text, start, stop)
    return Token(kind, value, start, stop)


def _number(text: str, start: int, stop: int) -> int | float:
    written = text[start:stop]
    if text[stop : stop + 1].isidentifier() or text[stop : stop + 1] in {".", "`"}:
        raise fault(
            text,
            start,
            stop + 1,
            "a number ends here without a space: names that begin with a "
            "digit stand in back-quotes, texts in quotes",
        )
    value = (
        math.inf
        if len(written) > _MAX_DIGITS
        else int(written)
        if written.lstrip("+-").isdecimal()
        else float(written)
    )
    if not math.isfinite(value) or (isinstance(value, int) and not -_INT64 <= value < _INT64):
        raise fault(text, start, stop, "the number is too large or has too many digits")
    return value


def _contents(text: str, start: int, stop: int) -> str:
    quote = text[start]
    contents = text[start + 1 : stop - 1].replace(quote * 2, quote)
    if "\0" in contents or any("\ud800" <= char <= "\udfff" for char in contents):
        raise fault(text, start, stop, f"{_OPENING[quote]} must not hold NUL or half a character")
    return contents


def _unknown(text: str, position: int) -> FilterError:
    position += len(text[position:]) - len(text[position:].lstrip())
    char = text[position]
    if what := _OPENING.get(char):
        why = f"{what} begins here that does not end: expected {char} (doubled inside {what})"
    elif char in _CURLY:
        why = f"{char} is no part of a filter: texts stand in straight quotes, 'so'"
    else:
        why = f"{_shown(char)} is no part of a filter"
    return fault(text, position, position + 1, why)


def fault(text: str, start: int, stop: int, why: str) -> FilterError:
    """Return the error that says what is wrong with a part of the text and points at it."""
    begin = max(0, min(start - _SHOWN // 2, len(text) - _SHOWN))
    line = text[begin : begin + _SHOWN]
    before, after = "…" * (begin > 0), "…" * (begin + _SHOWN < len(text))
    indent = " " * (len(before) + start - begin)
    marks = "^" * max(1, min(stop, begin + len(line)) - start)
    return FilterError(f"{why}\n  {before}{_shown(line)}{after}\n  {indent}{marks}")


def _shown(line: str) -> str:
    """Return a text on one line, as long as it was."""
    return "".join(char if char.isprintable() else " " for char in line)
