"""How the training went, check by check."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.report.charts import Axis, Plot, figure, legend, round_ticks, shares, steps, table_of
from api.report.markup import Child, Markup, tag
from api.report.wording import percent

PARTS = {"head": "The classifier on top", "network": "The network’s last layers"}
NOT_QUALITY = ("step", "loss")


def training_section(training: Mapping[str, Any]) -> Markup | None:
    """Return the curves of every part that was trained; None where nothing was.

    Args:
        training: what the model remembers of it: `history` by part, each check with `step`, `loss`
            and figures on val.
    """
    history: Mapping[str, Sequence[Mapping[str, float]]] = training.get("history") or {}
    parts = {name: checks for name, checks in history.items() if checks}
    if not parts:
        return None
    charts = [chart for name, checks in parts.items() for chart in _charts(name, checks)]
    chosen = training.get("chosen_step")
    kept = f" What serves is the state after step {chosen:,}." if chosen else ""
    return tag(
        "section",
        tag("h2", "How the training went"),
        tag(
            "p",
            "The loss falls while the network learns its training photos; what counts is the share "
            f"of validation photos that it gets right, and the best state of that is kept.{kept}",
        ),
        tag("div", charts, class_="charts two"),
        id="training",
    )


def _charts(part: str, checks: Sequence[Mapping[str, float]]) -> list[Markup]:
    title = PARTS.get(part, part)
    last = max(check["step"] for check in checks)
    losses = [(check["step"], check["loss"]) for check in checks]
    top = max(loss for _, loss in losses) or 1.0
    loss = Plot(steps(last), _from_zero(top), 400, 250)
    loss.line(losses, "after")
    figures = [name for name in checks[0] if name not in NOT_QUALITY]
    quality = Plot(steps(last), shares(""), 400, 250)
    for number, name in enumerate(figures):
        points = [(check["step"], check[name]) for check in checks if 0 <= check[name] <= 1]
        quality.line(points, f"c{number}")
        for point in points:
            quality.dot(point, f"c{number}", 3, f"step {point[0]:,}: {percent(point[1])}")
    for point in losses:
        loss.dot(point, "after", 3, f"step {point[0]:,}: {point[1]:.4f}")
    keys = legend([(f"c{i}", name) for i, name in enumerate(figures)]) if len(figures) > 1 else None
    best = max((check[figures[0]] for check in checks), default=0.0) if figures else None
    said = f"From {losses[0][1]:.3g} to {losses[-1][1]:.3g} in {last:,.0f} steps."
    drawn = [figure(f"{title}: loss", loss.svg(f"{title}: loss. {said}"), said, _table(checks))]
    if best is not None:
        found = f"At best {percent(best)}, at the end {percent(checks[-1][figures[0]])}."
        plot = quality.svg(f"{title}: share of validation photos that is right. {found}")
        drawn.append(figure(f"{title}: right on val", [keys, plot], found))
    return drawn


def _from_zero(top: float) -> Axis:
    return Axis(0, top * 1.05, round_ticks(top * 1.05), "", "{:.3g}".format)


def _table(checks: Sequence[Mapping[str, float]]) -> Markup:
    names = list(checks[0])
    rows: list[tuple[Child, ...]] = [
        tuple(f"{check[name]:,.0f}" if name == "step" else f"{check[name]:.4g}" for name in names)
        for check in checks
    ]
    return table_of(names, rows)
