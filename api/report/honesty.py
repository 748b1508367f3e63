"""How honest the probabilities are, at every level of the tree; what is told from the unknown."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.report.charts import (
    Plot,
    figure,
    legend,
    low_shares,
    shares,
    table_of,
)
from api.report.markup import Child, Markup, join, tag
from api.report.wording import between, count_of, percent
from vsearch.intervals import Interval, auroc_interval, wilson

LARGEST_DOT = 9.0  # pixels of the radius of the bin with most photos
CURVES = 5  # as many as have colours of their own


def honesty_section(document: Mapping[str, Any]) -> Markup | None:
    """Return a reliability plot for every level; None where the model has no probabilities."""
    levels: Sequence[Mapping[str, Any]] = document.get("levels") or ()
    if not levels:
        return None
    return tag(
        "section",
        tag("h2", "How honest the probabilities are"),
        tag(
            "p",
            "Of the photos that the model is 80 % sure of, 80 % should be right: then the dots lie "
            "on the diagonal. Below it the model is too sure of itself, above it too modest. "
            "Large dots stand for many photos; lines up and down are 95 % intervals.",
        ),
        legend([("after", "as it serves, calibrated"), ("before", "before calibration")]),
        tag("div", [_reliability(level) for level in levels], class_="charts"),
        id="honesty",
    )


def _reliability(level: Mapping[str, Any]) -> Markup:
    plot = Plot(shares("how sure the model is"), shares("share that is right"), 320, 320)
    plot.line([(0, 0), (1, 1)], "diagonal")
    for kind, name in (("before", "bins_uncalibrated"), ("after", "bins")):
        bins = level[name]
        plot.line([(one["confidence"], one["accuracy"]) for one in bins], kind)
        most = max((one["queries"] for one in bins), default=1)
        for one in bins:
            low, high = wilson(one["accuracy"], one["queries"])
            plot.whisker(one["confidence"], low, high, kind)
            radius = max(3.2, LARGEST_DOT * (one["queries"] / most) ** 0.5)
            plot.dot((one["confidence"], one["accuracy"]), kind, radius, _told(one))
    title = (
        f"{_level(level)}: {percent(level['top1'])} of first guesses right, calibration error "
        f"{percent(level['ece'])}, before calibration {percent(level['ece_uncalibrated'])}"
    )
    caption = join(
        tag("b", percent(level["top1"])),
        f" right ({between(*wilson(level['top1'], level['queries']))}) of "
        f"{count_of(level['queries'], 'photo')}, {count_of(level['classes'], 'class', 'classes')}. "
        "Off by ",
        tag("b", percent(level["ece"])),
        f", before calibration by {percent(level['ece_uncalibrated'])}.",
    )
    return figure(_level(level), plot.svg(title), caption, _bins(level))


def _level(level: Mapping[str, Any]) -> str:
    name = str(level["level"])
    return "Labels" if name == "label" else f"Category tree, {name}"


def _told(one: Mapping[str, Any]) -> str:
    return (
        f"{count_of(one['queries'], 'photo')}: {percent(one['confidence'])} sure, "
        f"{percent(one['accuracy'])} right"
    )


def _bins(level: Mapping[str, Any]) -> Markup:
    rows: list[tuple[Child, ...]] = [
        (
            f"{percent(one['low'], 0)} to {percent(one['high'], 0)}",
            f"{one['queries']:,}",
            percent(one["confidence"]),
            percent(one["accuracy"]),
            between(*wilson(one["accuracy"], one["queries"])),
        )
        for one in level["bins"]
    ]
    return table_of(("Sure", "Photos", "Sure, on average", "Right", "95 % interval"), rows)


def unknown_section(document: Mapping[str, Any]) -> Markup | None:
    """Return how well “not something we sell” is told; None where it is not judged."""
    told = document.get("unknown")
    if not told or not told["curves"]:
        return None
    plot = Plot(
        low_shares("own photos wrongly called unknown"),
        shares("foreign photos called unknown"),
        460,
        340,
    )
    plot.line([(share / 50, share / 50) for share in range(51)], "diagonal")
    curves = told["curves"]
    for number, curve in enumerate(curves[:CURVES]):
        plot.line([(x, y) for x, y in curve["points"]], f"c{number}")
    for number, curve in enumerate(curves[:CURVES]):
        words = f"{curve['name']}: {percent(curve['rejected'])} called unknown"
        plot.dot((told["own_rejected"], curve["rejected"]), f"c{number}", 6, words)
    aim = told.get("false_rejects")
    chosen = (
        f" The threshold was chosen to call {percent(aim)} of val photos unknown." if aim else ""
    )
    own = tag(
        "p",
        "As it serves, ",
        tag("b", percent(told["own_rejected"])),
        f" ({between(*wilson(told['own_rejected'], told['own']))}) of "
        f"{count_of(told['own'], 'own photo')} are called unknown by mistake.{chosen}",
    )
    table = table_of(
        ("Foreign photos", "Called unknown", "Told apart (AUROC)"),
        [_curve_row(curve, told["own"]) for curve in curves],
    )
    return tag(
        "section",
        tag("h2", "Told from what the shop does not sell"),
        tag(
            "p",
            "Whoever turns away more foreign photos turns away more of the shop’s own. The curve "
            "shows the price at every threshold, the dot the one that serves; the further to the "
            "upper left, the better. The dashed line is chance.",
        ),
        legend([(f"c{number}", curve["name"]) for number, curve in enumerate(curves[:CURVES])]),
        tag(
            "div",
            figure(None, plot.svg(_unknown_title(told)), None),
            tag("div", own, table),
            class_="beside",
        ),
        id="unknown",
    )


def _unknown_title(told: Mapping[str, Any]) -> str:
    said = "; ".join(f"{one['name']} {percent(one['rejected'])}" for one in told["curves"])
    return f"Share of foreign photos called unknown: {said}"


def _curve_row(curve: Mapping[str, Any], own: int) -> tuple[Child, ...]:
    area, photos = curve["auroc"], curve["photos"]
    return (
        join(curve["name"], tag("small", count_of(photos, "photo"))),
        _with_ends(curve["rejected"], wilson(curve["rejected"], photos)),
        _with_ends(area, auroc_interval(area, photos, own)),
    )


def _with_ends(value: float, interval: Interval) -> Markup:
    return join(percent(value), tag("small", between(*interval)))
