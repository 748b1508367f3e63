"""Tables of any length: their rows travel as data and are drawn when they come into view."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from api.report.markup import Child, Markup, data, join, tag
from api.report.thumbnails import Gallery

Kind = Literal["text", "label", "share", "sure", "count", "mark", "picture"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: its heading.
        kind: how its cells are drawn and sorted. "text"; "label": a number into the table's names;
            "share": 0..1, alone or as [value, low, high], red where low; "sure": a probability;
            "count"; "mark": whether it is right; "picture": a number in the table's gallery.
        note: what the heading means, where the title does not say it all.
    """

    title: str
    kind: Kind = "text"
    note: str = ""


def lazy_table(
    table_id: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[object]],
    *,
    names: Sequence[str] = (),
    sort: tuple[int, bool] | None = None,
    gallery: Gallery | None = None,
    choices: Sequence[tuple[str, int, object]] = (),
    what: str = "rows",
) -> Markup:
    """Return a table that can be sorted and filtered.

    Args:
        table_id: what the page knows it by.
        columns: its columns.
        rows: the cells, in the order in which they are first shown.
        names: texts that cells of kind "label" stand for.
        sort: the column that the rows are sorted by already, and whether it rises.
        gallery: where the pictures of the table are.
        choices: further filters: what they are called, a column, and the value it must have.
        what: what a row is, in the plural.
    """
    content: dict[str, Any] = {
        "columns": [asdict(column) for column in columns],
        "rows": rows,
        "names": names,
        "sort": sort,
        "gallery": [gallery.name, gallery.columns, gallery.each] if gallery else None,
        "choices": [list(choice) for choice in choices],
        "what": what,
    }
    search = tag(
        "label",
        tag("span", f"Filter {what}", class_="unseen"),
        tag("input", type="search", placeholder=f"Filter {what} …", autocomplete="off"),
    )
    chosen: list[Child] = [
        tag("button", name, type="button", class_="choice", aria_pressed="false", data_choice=i)
        for i, (name, _, _) in enumerate(choices)
    ]
    return join(
        tag(
            "div",
            tag("div", search, chosen, tag("span", class_="tally", role="status"), class_="tools"),
            tag(
                "div",
                tag("table", tag("thead"), tag("tbody")),
                class_="scroll",
                tabindex=0,
                role="group",
                aria_label=f"Table of {what}",
            ),
            tag("button", "Show more", type="button", class_="more", hidden=True),
            tag("noscript", "This table needs JavaScript."),
            class_="lazy",
            data_table=table_id,
        ),
        data(f"table-{table_id}", content),
    )
