"""All figures with their intervals, and catalogue photos apart from customers' photos."""

from collections.abc import Mapping
from typing import Any

from api.report.charts import bar, legend, table_of
from api.report.markup import Child, Markup, join, tag
from api.report.wording import FIGURES, between, count_of, percent

COMPARED = ("recall@1", "recall@5", "recall@10", "map@r")
ALL = "all"
ROLES = {"catalogue": "catalogue photos", "further": "further labelled photos"}
SHORT = {ALL: "all together", "catalogue": "catalogue", "further": "further"}


def by_views(document: Mapping[str, Any]) -> Markup | None:
    """Return photo against catalogue beside photo against photo; None where one is all there is."""
    apart = document["by_views"]
    if set(apart) != set(ROLES):
        return None
    rows = [_compared(name, document) for name in COMPARED if document.get(name) is not None]
    counts = " and ".join(f"{apart[role]['rows']:,} {words}" for role, words in ROLES.items())
    return tag(
        "section",
        tag("h2", "Catalogue photos or customers’ photos?"),
        tag(
            "p",
            f"The index holds {counts}. The same photos were searched among each kind alone. "
            "Where further photos do better, more of them for weak items will help; where the two "
            "are alike, the shop’s own pictures do the work.",
        ),
        legend(((ALL, SHORT[ALL]), *ROLES.items())),
        tag("div", rows, class_="compared"),
        id="views",
    )


def _compared(name: str, document: Mapping[str, Any]) -> Markup:
    given = {ALL: document, **document["by_views"]}
    lines = [
        tag(
            "div",
            tag("span", SHORT[role], class_="who"),
            bar(one[name], one["intervals"].get(name), role),
            tag("span", percent(one[name]), class_="num"),
            tag("span", _ends(one["intervals"], name), class_="ends"),
            class_="line",
        )
        for role, one in given.items()
        if one[name] is not None
    ]
    return tag("div", tag("h3", FIGURES[name].title), lines, class_="group")


def _ends(intervals: Mapping[str, Any], name: str) -> str:
    return between(*intervals[name]) if name in intervals else ""


def all_figures(document: Mapping[str, Any]) -> Markup:
    """Return every figure with its interval, what it means, and how it is worked out."""
    rows: list[tuple[Child, ...]] = [
        (
            FIGURES[name].title,
            percent(document[name]),
            _ends(document["intervals"], name),
            join(FIGURES[name].explained, _direction(FIGURES[name].lower_is_better)),
            tag("code", name),
        )
        for name in FIGURES
        if document.get(name) is not None
    ]
    for column, share in document.get("by_column", {}).items():
        name = f"top1, {column}"
        ends = _ends(document["intervals"], name)
        words = "the first guess in this column is right"
        rows.append((f"{column} right", percent(share), ends, words, tag("code", name)))
    return tag(
        "section",
        tag("h2", "All figures"),
        table_of(("Figure", "Value", "95 % interval", "What it says", "Name"), rows),
        restricted(document.get("restricted")),
        tag("details", tag("summary", "How the figures are worked out"), _methods()),
        id="figures",
    )


def _direction(lower: bool) -> str:
    return "; lower is better" if lower else ""


def restricted(figures: Mapping[str, Any] | None) -> Markup | None:
    """Return how a search within the likely categories alone does; None where none was tried."""
    if not figures:
        return None
    rows = [
        (FIGURES[name].title, percent(figures[name]))
        for name in ("recall@1", "recall@5", "recall@10")
        if figures.get(name) is not None
    ]
    said = {
        "within": "Answered within the likely categories",
        "widened": "Had to look further",
        "rows": "Share of the index looked at, on average",
    }
    rows += [(words, percent(figures[name])) for name, words in said.items() if name in figures]
    return tag(
        "div",
        tag("h3", "Looking first where the photo seems to belong"),
        tag(
            "p",
            "A search can look within the likely categories first and widen only where that is "
            "not enough. The same photos, asked that way:",
        ),
        table_of(("Figure", "Value"), rows),
        class_="restricted",
    )


def _methods() -> Markup:
    said = (
        "Every photo went the way of a shopper’s photo: the same decoding, network, index and "
        "grouping by item. None of them was trained on or is in the index.",
        "Intervals hold the true figure 95 times in 100, the photos being a sample of those that "
        "customers will take. Shares: Wilson (1927). Areas under a ROC curve: Hanley and McNeil "
        "(1982), inverted as by Newcombe (2006). All others: bootstrap over photos with a fixed "
        "seed, bias-corrected percentiles (Efron 1981); for the calibration error, which few "
        "photos make larger, the lower end is reversed (Davison and Hinkley 1997).",
        "mAP@R: Musgrave, Belongie and Lim, A Metric Learning Reality Check (2020). Calibration "
        "error: Guo et al., On Calibration of Modern Neural Networks (2017), 15 bins.",
    )
    return tag("ul", (tag("li", one) for one in said))


def how_measured(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was asked with, and what was left out, as names and values."""
    rows = [("Photos asked with", f"{document['queries']:,} of split “{document['split']}”")]
    for name, words in (
        ("refused", "Refused: known from training or index"),
        ("unknown_items", "Of items that the shop does not have"),
        ("rejected", "Could not be used"),
    ):
        if document.get(name):
            rows.append((words, count_of(document[name], "photo")))
    return rows
