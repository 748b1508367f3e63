"""Every photo that was asked with, and how it fared."""

import os
from collections.abc import Sequence

from api.report.markup import Markup, tag
from api.report.study import Outcome, Study
from api.report.tables import Column, lazy_table

MOST = 20_000  # rows; the worst are listed first, and `--json` has the figures of all


def queries_section(study: Study) -> Markup:
    """Return the table of all queries, those that fared worst first."""
    ranked = sorted(study.outcomes, key=lambda one: (_badness(one), -one.sure, one.number))
    shown = ranked[:MOST]
    names: dict[str, int] = {}

    def name(text: str) -> int:
        return names.setdefault(text, len(names))

    root = _common_folder([one.path.parent.as_posix() for one in shown])
    rows = [
        [
            one.path.as_posix()[len(root) :].lstrip("/"),
            name(study.title_of(one)),
            name(study.face(one.guess).title),
            round(one.sure, 3),
            one.label_right,
            one.rank,
            name(one.hits[0].item.title if one.hits else "–"),
        ]
        for one in shown
    ]
    columns = [
        Column("Photo"),
        Column("Shows", "label"),
        Column("First guess", "label"),
        Column("Sure", "sure", "probability of the first guess"),
        Column("Label", "mark", "whether the first guess is right"),
        Column("Place", "count", "place of what was sought among the first ten hits"),
        Column("First hit", "label"),
    ]
    left = len(ranked) - len(shown)
    said = f"The worst first. {f'{left:,} further photos are left out.' if left else ''}"
    return tag(
        "section",
        tag("h2", "Every photo"),
        tag("p", said),
        lazy_table(
            "queries",
            columns,
            rows,
            names=list(names),
            choices=(("label wrong", 4, False), ("not found", 5, None)),
            what="photos",
        ),
        id="queries",
    )


def _badness(one: Outcome) -> int:
    """Return how bad an answer is: least where label and first hit are right."""
    missed = 0 if one.found else 2 if one.rank is None else 1
    return -(missed + (one.label_right is False))


def _common_folder(folders: Sequence[str]) -> str:
    return os.path.commonpath(folders) if len(set(folders)) > 1 else (folders or [""])[0]
