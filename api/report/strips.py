"""Photos and what the search found for them: good answers and bad ones, drawn by a fixed rule."""

from collections.abc import Sequence

import numpy as np

from api.report.markup import Child, Markup, join, tag
from api.report.study import Outcome, Study
from api.report.thumbnails import Gallery
from api.report.wording import percent
from indexer.search import SearchHit

SHOWN = {"sure": 4, "wrong": 8, "right": 6}
HITS = 6


def drawn_from(outcomes: Sequence[Outcome], wanted: int, seed: int) -> list[Outcome]:
    """Draw queries at random, no label twice before every label had its turn.

    Args:
        outcomes: what to draw from.
        wanted: how many, fewer where there are fewer.
        seed: decides which.
    """
    order = np.random.default_rng(seed).permutation(len(outcomes)).tolist()
    return _by_turns([outcomes[place] for place in order], wanted)


def _by_turns(outcomes: Sequence[Outcome], wanted: int) -> list[Outcome]:
    """Return the first queries, no label twice before every label had its turn."""
    turns: dict[str | None, int] = {}
    ranked = []
    for place, one in enumerate(outcomes):
        label = one.label or one.item_id
        turns[label] = turns.get(label, -1) + 1
        ranked.append((turns[label], place))
    return [outcomes[place] for _, place in sorted(ranked)[:wanted]]


def chosen(outcomes: Sequence[Outcome], seed: int = 0) -> dict[str, list[Outcome]]:
    """Return the queries that are shown: mistakes made with most confidence, misses, good ones."""
    told = [one for one in outcomes if one.hits]
    wrong = [one for one in told if not one.found]
    right = [one for one in told if one.found]
    sure = _by_turns(sorted(wrong, key=lambda one: (-one.sure, one.number)), SHOWN["sure"])
    rest = [one for one in wrong if one not in sure]
    return {
        "sure": sure,
        "wrong": drawn_from(rest, SHOWN["wrong"], seed),
        "right": drawn_from(right, SHOWN["right"], seed),
    }


def strips_section(study: Study, gallery: Gallery) -> Markup | None:
    """Return strips of a photo and its hits; None where no query was searched with.

    Args:
        study: the evaluation.
        gallery: takes the photos.
    """
    asked = study.sought
    groups = chosen(asked)
    if not any(groups.values()):
        return None
    misses = sum(not one.found for one in asked)
    heads = {
        "sure": (
            "Wrong, and sure of it",
            "The misses with the surest labels, one of a label.",
        ),
        "wrong": (
            "Wrong",
            f"{len(groups['wrong'])} of the other misses ({misses:,} in all), drawn at random, no "
            "label twice while others have none.",
        ),
        "right": ("Right", f"{len(groups['right'])} photos whose first hit is right, drawn alike."),
    }
    shown: list[Child] = [
        tag(
            "div",
            tag("h3", heads[kind][0]),
            tag("p", heads[kind][1], class_="note"),
            [_strip(study, gallery, one) for one in group],
            class_=f"strips {kind}",
        )
        for kind, group in groups.items()
        if group
    ]
    return tag(
        "section",
        tag("h2", "Photos and what was found for them"),
        tag(
            "p",
            "Left the photo that was asked with, then the first hits, best first, with how alike "
            "they are (1 is the same). What was sought is marked with a tick.",
        ),
        shown,
        id="hits",
    )


def _strip(study: Study, gallery: Gallery, one: Outcome) -> Markup:
    title = study.title_of(one)
    photo = gallery.show(
        ("query", one.number), study.query_photo(one.path), f"Query: {title}", "asked"
    )
    guess = study.face(one.guess).title
    verdict = _verdict(one)
    words = tag(
        "figcaption",
        tag("b", title),
        tag("span", f"label: {guess}, {percent(one.sure)}", class_="note"),
        tag("span", verdict, class_="verdict"),
    )
    hits = [_hit(study, gallery, one, hit, rank) for rank, hit in enumerate(one.hits[:HITS], 1)]
    return tag(
        "div",
        tag("figure", photo, words, class_="query"),
        _sought(study, gallery, one),
        tag(
            "ol",
            hits,
            class_="hits",
            tabindex=0,
            aria_label=f"Hits for {title}, best first",
        ),
        class_="strip",
    )


def _verdict(one: Outcome) -> str:
    if one.found:
        return "found at once"
    return f"found at place {one.rank}" if one.rank else "not among the first ten"


def _sought(study: Study, gallery: Gallery, one: Outcome) -> Markup | None:
    """Return the catalogue's photo of what should have come first, where it is not to be seen."""
    item = study.items.get(one.item_id or "")
    if item is None or (one.rank and one.rank <= HITS):
        return None
    photo = gallery.show(("item", item.key), study.item_photo(item), f"Sought: {item.title}")
    return tag(
        "figure", photo, tag("figcaption", "what was sought", class_="note"), class_="sought"
    )


def _hit(study: Study, gallery: Gallery, one: Outcome, hit: SearchHit, rank: int) -> Markup:
    right = one.right_hits[rank - 1]
    alt = f"{'Right: ' if right else ''}hit {rank}: {hit.item.title}"
    return tag(
        "li",
        gallery.show(("item", hit.item.key), study.item_photo(hit.item), alt),
        tag("span", hit.item.title, class_="title", title=hit.item.title),
        join(
            tag("span", f"{hit.score:.2f}", class_="score"),
            tag("span", "✓ right", class_="tick") if right else None,
        ),
        class_="right" if right else None,
    )
