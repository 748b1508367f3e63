"""HTML that cannot forget to escape: what is not `Markup` already is text."""

import html
import json
from collections.abc import Iterable

_VOID = frozenset(("br", "hr", "img", "input", "link", "meta"))


class Markup(str):
    """Text that is HTML, made by `tag` alone."""

    __slots__ = ()


Child = Markup | str | int | float | Iterable["Child"] | None
"""What an element may hold; everything but `Markup` is escaped, None is nothing."""


def tag(element: str, /, *children: Child, **attributes: object) -> Markup:
    """Return an element.

    Args:
        element: its name.
        children: its content, escaped where it is not `Markup`.
        attributes: `class_` stands for class, `aria_label` for aria-label; None and False leave an
            attribute out, True writes its name alone.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    end = "" if element in _VOID else f"{join(*children)}</{element}>"
    return Markup(f"<{element}{told}>{end}")


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def join(*children: Child) -> Markup:
    """Return content one after another, escaped where it is not `Markup`."""
    return Markup("".join(_parts(children)))


def _parts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str | int | float):
            yield html.escape(str(child))
        elif child is not None:
            yield from _parts(child)


def data(element_id: str, content: object) -> Markup:
    """Return JSON for the page's script; no text in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(f'<script type="application/json" id="{html.escape(element_id)}">{safe}</script>')
