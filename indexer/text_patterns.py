"""Texts compared loosely: `contains`, and the patterns of `like`; neither minds the case.

In a pattern `%` stands for any characters and `_` for one; after a backslash each is itself.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal


def text_test(operator: Literal["like", "contains"], told: str) -> Callable[[str], bool]:
    """Return the test of a casefolded text.

    Args:
        operator: how it is compared.
        told: with what, as written in a filter.
    """
    if operator == "contains":
        part = told.casefold()
        return lambda text: part in text
    pattern = compile_pattern(told)
    return lambda text: pattern.fullmatch(text) is not None


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern that `fullmatch` tests a casefolded text with.

    The parts between two `%` are searched for from the left and never given back, which is enough
    and keeps the time proportional to the lengths of text and pattern (their product at worst).

    Args:
        pattern: as written in a filter; case does not matter.
    """
    first, *others = _parts(pattern.casefold())
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    searched = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{searched}.*{last}", re.DOTALL)


def _parts(pattern: str) -> list[str]:
    """Return what stands between the `%`, as regular expressions."""
    parts = [""]
    for token in re.findall(r"\\.|.", pattern, re.DOTALL):
        if token == "%":
            parts.append("")
        elif token == "_":
            parts[-1] += "."
        else:
            parts[-1] += re.escape(token[-1])
    return parts


def is_whole(pattern: str) -> bool:
    """Say whether the pattern does not end in the middle of an escape."""
    return re.fullmatch(r"(?:\\.|[^\\])*+", pattern, re.DOTALL) is not None
