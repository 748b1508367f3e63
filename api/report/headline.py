"""What the page says first: how good the search is, in words and a hundred dots."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from api.report.charts import bar
from api.report.markup import Child, Markup, join, tag
from api.report.study import Outcome, Study
from api.report.wording import FIGURES, between, count_of, percent

TILES = ("recall@1", "recall@5", "top1", "category_top1", "map", "micro_f1", "auroc", "map@r")
TILES_SHOWN = 4
WEAK = 0.75  # a label that is right less often is called weak
QUERIES_TO_JUDGE = 4  # with fewer it is weak by chance
SURE = 0.9


def headline(study: Study) -> Markup:
    """Return the summary."""
    document = study.document
    return tag(
        "section",
        tag("h2", "Summary", class_="unseen"),
        tag(
            "div",
            tag("div", _lead(study), _asked(document), class_="words"),
            _dots(document),
            class_="hero",
        ),
        _tiles(document),
        _findings(study),
        id="summary",
    )


def _lead(study: Study) -> Markup:
    document = study.document
    first, five = document["recall@1"], document["recall@5"]
    if first is None:
        return tag("p", "How well photos of what is not sold here are turned away.", class_="lead")
    named = [truth.item_id is not None for truth in study.evaluation.known]
    sought = "their own item" if all(named) else "an item of the right kind"
    if any(named) and not all(named):
        sought = "what they show"
    return tag(
        "p",
        "Of 100 photos that the search has never seen, ",
        tag("strong", _hundred(first), class_="first"),
        f" bring up {sought} as the very first hit, and ",
        tag("strong", _hundred(five), class_="five"),
        " among the first five.",
        class_="lead",
    )


def _hundred(share: float) -> str:
    """Return how many of 100, never all or none by rounding alone."""
    if 0.995 <= share < 1:
        return "more than 99"
    return "fewer than 1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def _asked(document: Mapping[str, Any]) -> Markup:
    said = f"Measured with {count_of(document['queries'], 'photo')} that were held out of training."
    interval = document["intervals"].get("recall@1")
    if interval is None:
        return tag("p", said)
    return tag(
        "p",
        said,
        " So many tell the first figure to within ",
        tag("b", between(*interval)),
        " (95 % interval).",
    )


def _dots(document: Mapping[str, Any]) -> Markup | None:
    """Return a hundred dots, one for each of a hundred photos."""
    reached = [document[f"recall@{k}"] for k in (1, 5, 10)]
    if None in reached:
        return None
    ends = [round(100 * share) for share in reached]
    parts = zip(("first", "five", "ten", "none"), [*ends, 100], [0, *ends], strict=True)
    kinds = [(kind, end - start) for kind, end, start in parts]
    words = ("first hit", "among the first five", "among the first ten", "not found")
    told = ", ".join(f"{n} {said}" for (_, n), said in zip(kinds, words, strict=True))
    dots = (tag("i", class_=kind) for kind, number in kinds for _ in range(number))
    keys = (
        tag("li", tag("i", class_=kind), tag("b", number), f" {said}")
        for (kind, number), said in zip(kinds, words, strict=True)
    )
    picture = tag("div", dots, class_="dots", role="img", aria_label=f"Of 100 photos: {told}")
    return tag("div", picture, tag("ul", keys, class_="dot-keys"), class_="hundred")


def _tiles(document: Mapping[str, Any]) -> Markup:
    told = [name for name in TILES if document.get(name) is not None][:TILES_SHOWN]
    return tag("div", (_tile(name, document) for name in told), class_="tiles")


def _tile(name: str, document: Mapping[str, Any]) -> Markup:
    value, interval = document[name], document["intervals"].get(name)
    ends = tag("p", "95 % interval ", tag("span", between(*interval))) if interval else None
    return tag(
        "div",
        tag("h3", FIGURES[name].title),
        tag("p", percent(value), class_="big"),
        bar(value, interval),
        tag("div", ends, tag("p", FIGURES[name].explained), class_="note"),
        class_="tile",
    )


def _findings(study: Study) -> Markup | None:
    """Return what stands out, the most useful first."""
    said = [*_weak(study.document), *_mistakes(study), *_honesty(study.document)]
    if not said:
        return None
    return tag(
        "div",
        tag("h2", "What stands out"),
        tag("ul", (tag("li", one) for one in said)),
        class_="findings",
    )


def _weak(document: Mapping[str, Any]) -> list[Child]:
    asked = [one for one in document["per_label"].values() if one["queries"] >= QUERIES_TO_JUDGE]
    asked = [one for one in asked if one.get("top1") is not None]
    if not asked:
        return []
    weak = sum(one["top1"] < WEAK for one in asked)
    perfect = sum(one["top1"] == 1 for one in asked)
    return [
        join(
            tag("b", f"{weak:,} of {count_of(len(asked), 'label')}"),
            f" {'is' if weak == 1 else 'are'} recognised in fewer than three of four photos, and "
            f"{perfect:,} in every one: ",
            tag("a", "see all labels", href="#labels"),
            ".",
        )
    ]


def _mistakes(study: Study) -> list[Child]:
    wrong = [one for one in study.outcomes if one.label_right is False]
    if not (study.exclusive and wrong):
        return []
    said: list[Child] = []
    pair, times = Counter(tuple(sorted((one.label or "", one.guess))) for one in wrong).most_common(
        1
    )[0]
    if times > 1:
        first, second = (study.face(label).title for label in pair)
        share = percent(times / len(wrong), 0)
        told = (
            f" are mixed up most: {times} of {len(wrong):,} wrong labels ({share}) are this pair. "
        )
        see = tag("a", "See the pairs", href="#confused")
        said.append(join(tag("b", first), " and ", tag("b", second), told, see, "."))
    return said + _sure(study.outcomes, wrong)


def _sure(outcomes: Sequence[Outcome], wrong: Sequence[Outcome]) -> list[Child]:
    sure = [one for one in outcomes if one.sure >= SURE and one.label_right is not None]
    if not sure:
        return []
    astray = sum(one.sure >= SURE for one in wrong)
    return [
        join(
            f"Where the model is at least {percent(SURE, 0)} sure, which is so for ",
            tag("b", percent(len(sure) / len(outcomes), 0)),
            " of the photos, it is right in ",
            tag("b", percent(1 - astray / len(sure))),
            " of them.",
        )
    ]


def _honesty(document: Mapping[str, Any]) -> list[Child]:
    levels = document.get("levels") or []
    if not levels:
        return []
    one = levels[0]
    return [
        join(
            "The probabilities it gives are off by ",
            tag("b", percent(one["ece"])),
            f" on average; before calibration it was {percent(one['ece_uncalibrated'])}: ",
            tag("a", "see how honest they are", href="#honesty"),
            ".",
        )
    ]
