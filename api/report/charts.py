"""Charts as SVG that the page's style sheet colours; each with its figures as a table beneath."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from api.report.markup import Child, Markup, join, tag
from api.report.wording import percent

LEFT, RIGHT, TOP, BOTTOM = 46, 14, 30, 40  # pixels around the drawing area

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One axis of a plot.

    Attributes:
        low: the value at its start.
        high: the value at its end, greater than `low`.
        ticks: the values that are named.
        label: what it shows.
        form: writes a tick.
        bend: what values go through before they are placed, rising.
    """

    low: float
    high: float
    ticks: Sequence[float]
    label: str
    form: Callable[[float], str] = "{:g}".format
    bend: Callable[[float], float] = float

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the start and 1 at the end, never beyond."""
        low, high = self.bend(self.low), self.bend(self.high)
        return min(1.0, max(0.0, (self.bend(value) - low) / (high - low)))


def shares(label: str) -> Axis:
    """Return an axis from 0 to 100 %."""
    return Axis(0, 1, (0, 0.25, 0.5, 0.75, 1), label, lambda value: percent(value, 0))


def low_shares(label: str) -> Axis:
    """Return an axis from 0 to 100 % that gives room to small shares."""
    ticks = (0, 0.01, 0.05, 0.2, 0.5, 1)
    return Axis(0, 1, ticks, label, lambda value: percent(value, 0), math.sqrt)


def steps(last: float) -> Axis:
    """Return an axis from 0 to the last training step, with ticks at round numbers."""
    return Axis(0, max(last, 1), round_ticks(max(last, 1)), "training step", "{:,.0f}".format)


def round_ticks(last: float) -> list[float]:
    """Return round numbers from 0 to at most `last` > 0, five or six of them at most."""
    unit = 10.0 ** math.floor(math.log10(last))
    size = next(unit * part for part in (0.2, 0.5, 1, 2) if last / (unit * part) <= 5)
    return [size * number for number in range(math.floor(last / size + 1e-9) + 1)]


class Plot:
    """A drawing area between two axes.

    Args:
        x: the horizontal axis.
        y: the vertical one.
        width: pixels in all.
        height: pixels in all.
    """

    def __init__(self, x: Axis, y: Axis, width: int = 320, height: int = 280) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height
        self._drawn: list[Markup] = [self._grid()]

    def at(self, point: Point) -> Point:
        """Return the pixels of a point."""
        across = self.width - LEFT - RIGHT
        down = self.height - TOP - BOTTOM
        x = LEFT + self.x.place(point[0]) * across
        y = self.height - BOTTOM - self.y.place(point[1]) * down
        return round(x, 1), round(y, 1)

    def line(self, points: Iterable[Point], class_: str) -> None:
        """Draw a line through the points."""
        path = " L".join(f"{x} {y}" for x, y in map(self.at, points))
        self._drawn.append(tag("path", d=f"M{path}", class_=f"line {class_}"))

    def band(self, ranges: Sequence[tuple[float, float, float]], class_: str) -> None:
        """Fill what lies between two lines: x, the lower and the higher value of each place."""
        if not ranges:
            return
        edge = [*((x, low) for x, low, _ in ranges), *((x, high) for x, _, high in ranges[::-1])]
        path = " L".join(f"{x} {y}" for x, y in map(self.at, edge))
        self._drawn.append(tag("path", d=f"M{path} Z", class_=f"range {class_}"))

    def dot(self, point: Point, class_: str, radius: float = 4, title: str = "") -> None:
        """Draw a point, told by `title` where a pointer rests on it."""
        x, y = self.at(point)
        named = tag("title", title) if title else None
        circle = tag("circle", named, cx=x, cy=y, r=round(radius, 1), class_=f"dot {class_}")
        self._drawn.append(circle)

    def whisker(self, x: float, low: float, high: float, class_: str) -> None:
        """Draw how far up and down a value may lie."""
        self.line([(x, low), (x, high)], f"whisker {class_}")

    def _grid(self) -> Markup:
        left, right = LEFT, self.width - RIGHT
        bottom, top = self.height - BOTTOM, TOP
        lines: list[Child] = []
        for tick in self.x.ticks:
            x, _ = self.at((tick, self.y.low))
            lines.append(tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
            form = self.x.form(tick)
            lines.append(tag("text", form, x=x, y=bottom + 16, class_="tick", text_anchor="middle"))
        for tick in self.y.ticks:
            _, y = self.at((self.x.low, tick))
            lines.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            form = self.y.form(tick)
            lines.append(tag("text", form, x=left - 6, y=y + 4, class_="tick", text_anchor="end"))
        middle = (left + right) / 2
        end = {"x": middle, "y": self.height - 6, "class_": "axis", "text_anchor": "middle"}
        above = tag("text", self.y.label, x=2, y=14, class_="axis")
        return join(*lines, above, tag("text", self.x.label, **end))

    def svg(self, title: str) -> Markup:
        """Return the plot; `title` says all of it to those who cannot see it."""
        return tag(
            "svg",
            tag("title", title),
            *self._drawn,
            viewBox=f"0 0 {self.width} {self.height}",
            role="img",
            aria_label=title,
            class_="plot",
            style=f"max-width:{self.width}px",
        )


def figure(heading: Child, drawing: Child, caption: Child, table: Child = None) -> Markup:
    """Return a chart with its heading, its caption, and its figures to unfold."""
    unfolded = tag("details", tag("summary", "The figures as a table"), table) if table else None
    told = tag("figcaption", caption) if caption else None
    named = tag("h3", heading) if heading else None
    return tag("figure", named, drawing, told, unfolded, class_="chart")


def table_of(headers: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    """Return a plain table, its first column naming the rows."""
    head = tag("tr", (tag("th", name, scope="col") for name in headers))
    body = (
        tag("tr", tag("th", first, scope="row"), (tag("td", cell) for cell in rest))
        for first, *rest in rows
    )
    inner = tag("table", tag("thead", head), tag("tbody", body), class_="plain")
    return tag("div", inner, class_="scroll", tabindex=0, role="group", aria_label="Table")


def bar(value: float, interval: tuple[float, float] | None, class_: str = "") -> Markup:
    """Return a share of 0..1 on a track of its own, with its interval; seen, not read aloud."""
    low, high = interval or (value, value)
    style = f"--v:{100 * value:.2f};--l:{100 * low:.2f};--h:{100 * high:.2f}"
    return tag("span", class_=f"bar {class_}".strip(), style=style, aria_hidden="true")


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """Return what the colours stand for: pairs of class and words."""
    keys = (
        tag("li", tag("span", class_=f"key {class_}", aria_hidden="true"), words)
        for class_, words in entries
    )
    return tag("ul", keys, class_="legend")
