"""How few photos of a new label are enough: the curve of `vsearch evaluate --shots`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from api.report.charts import Axis, Plot, figure, legend, shares, table_of
from api.report.markup import Child, Markup, join, tag
from api.report.wording import count_of, percent

NEW, OTHERS = "c0", "c1"
TOGETHER = 0.08  # of the axis: ticks that lie nearer than this could not be read

Shot = Mapping[str, Any]


def few_photos_section(curve: Sequence[Shot]) -> Markup | None:
    """Return the curve with its figures as a table; None where none was asked for.

    Args:
        curve: what `Shots.to_json` tells, by number of photos, that of all photos last.
    """
    if not curve:
        return None
    axis = _numbers(curve)
    plot = Plot(axis, shares("first guess is right"), 460, 320)
    places = [_place(one, axis) for one in curve]
    # One draw has no spread: the band ends where all photos are taken.
    spread = [(x, one) for x, one in zip(places, curve, strict=True) if one["draws"] > 1]
    plot.band([(x, one["late_low"], one["late_high"]) for x, one in spread], NEW)
    drawn = [("late", NEW, "labels that came by extension")]
    if curve[0]["others"] is not None:
        drawn.append(("others", OTHERS, "all other labels"))
    for name, kind, _ in drawn[::-1]:
        plot.line([(x, one[name]) for x, one in zip(places, curve, strict=True)], kind)
        for x, one in zip(places, curve, strict=True):
            plot.dot((x, one[name]), kind, title=f"{_photos(one)}: {percent(one[name])}")
    return tag(
        "section",
        tag("h2", "How few photos are enough"),
        tag(
            "p",
            "The labels that came by extension were taken out and added anew with so many photos "
            f"each, drawn {count_of(curve[0]['draws'], 'time')}. The line is the average over the "
            "draws, the band reaches from the worst of them to the best; all labels compete.",
        ),
        legend([(kind, words) for _, kind, words in drawn]),
        tag(
            "div",
            figure(None, plot.svg(_title(curve)), None),
            table_of(
                ("Photos each", "New labels", "Other labels", "All labels"),
                [_row(one) for one in curve],
            ),
            class_="beside",
        ),
        id="few",
    )


def _numbers(curve: Sequence[Shot]) -> Axis:
    """Return an axis of numbers of photos, each twice the one before as far away as any other."""
    numbers = [one["photos"] for one in curve if one["photos"] is not None]
    low, high = min(numbers), 2 * max(numbers)
    names = {high: "all"}
    ticks = [high]
    for number in sorted(numbers, reverse=True):
        if math.log(ticks[-1] / number) > TOGETHER * math.log(high / low):
            ticks.append(number)
    label = "photos of each new label"
    return Axis(low, high, ticks, label, lambda tick: names.get(tick, f"{tick:,.0f}"), math.log)


def _place(one: Shot, axis: Axis) -> float:
    return axis.high if one["photos"] is None else float(one["photos"])


def _photos(one: Shot) -> str:
    number = one["photos"]
    return "all photos" if number is None else f"{count_of(number, 'photo')} each"


def _title(curve: Sequence[Shot]) -> str:
    said = "; ".join(f"{_photos(one)} {percent(one['late'])}" for one in curve)
    return f"Share of photos of new labels that are recognised: {said}"


def _row(one: Shot) -> tuple[Child, ...]:
    spread = f"{percent(one['late_low'])} to {percent(one['late_high'])}"
    return (
        "all" if one["photos"] is None else f"{one['photos']:,}",
        join(percent(one["late"]), tag("small", spread) if one["draws"] > 1 else None),
        percent(one["others"]),
        percent(one["all"]),
    )
