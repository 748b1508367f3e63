"""The two shapes in which commands show results: facts under one another, and listings."""

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text


def facts(rows: Iterable[tuple[str, object]], title: str | None = None) -> Table:
    """Return names and values under one another, without lines."""
    table = Table(box=None, show_header=False, title=title, title_justify="left", pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value if isinstance(value, Text) else Text(format_value(value)))
    return table


def listing(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str | None = None,
    whole: Collection[str] = (),
) -> Table:
    """Return a table with a header; numbers are right-aligned, long text folds.

    Args:
        columns: the header.
        rows: a value for each column.
        title: stands above.
        whole: columns of names that people copy, which are not folded.
    """
    listed = [tuple(row) for row in rows]
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0)
    )
    for number, column in enumerate(columns):
        numeric = all(_is_figure(row[number]) for row in listed)
        table.add_column(
            column,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=column in whole,
        )
    for row in listed:
        table.add_row(*(Text(format_value(value)) for value in row))
    return table


def format_value(value: object) -> str:
    """Return a value as people read it: thousands grouped, three decimals, a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float | None) or str(value).endswith(" %")


def counted(number: int, what: str) -> str:
    """Return so many of something: `1 photo`, `2,000 photos`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share of 0..1 as `97.2 %`."""
    return f"{share:.1%}".replace("%", " %")


def format_bytes(size: int) -> str:
    """Return a size as people read it: `512 B`, `34.1 kB`, `103 MB`, `1.2 GB`."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.0f} {units[0]}" if value >= 100 or value == size else f"{value:.1f} {units[0]}"
