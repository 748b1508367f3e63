"""How every label fares, the worst first."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from api.report.markup import Markup, tag
from api.report.study import Study
from api.report.tables import Column, lazy_table
from api.report.thumbnails import Gallery
from vsearch.intervals import wilson

PICTURES = 400  # labels that get one: each is half a kilobyte or more
SHARES = {  # of a label's photos, so that Wilson's interval fits them
    "top1": ("Label right", "share of its photos whose first guess is this label"),
    "recall@1": ("First hit right", "share of its photos whose first hit is right"),
}
OTHERS = {
    "average_precision": ("Ranked right", "average precision of the label"),
    "f1": ("Given right", "F1 of the photos that were given it"),
}


def labels_section(study: Study, gallery: Gallery) -> Markup | None:
    """Return the table of all labels; None where the model has none to tell.

    Args:
        study: the evaluation.
        gallery: takes the labels' pictures.
    """
    per_label: Mapping[str, Mapping[str, Any]] = study.document["per_label"]
    if not per_label:
        return None
    figures = [name for name in next(iter(per_label.values())) if name != "queries"]
    worst = sorted(per_label, key=lambda name: (per_label[name][figures[0]], name))
    taken = _taken_for(study)
    names = list(dict.fromkeys([*worst, *taken.values()]))
    titles = [study.face(name).title for name in names]
    place = {name: number for number, name in enumerate(names)}
    rows = []
    for number, name in enumerate(worst):
        one, face = per_label[name], study.face(name)
        picture = None
        if number < PICTURES and face.item:
            picture = gallery.place(("item", face.item.key), study.item_photo(face.item))
        shares = [_share(figure, one) for figure in figures]
        other = place[taken[name]] if name in taken else None
        rows.append([picture, place[name], *shares, one["queries"], other, face.category])
    columns = [
        Column("", "picture"),
        Column("Label", "label"),
        *(
            Column((SHARES | OTHERS)[name][0], "share", (SHARES | OTHERS)[name][1])
            for name in figures
        ),
        Column("Photos", "count", "how many photos of it were asked with"),
        Column("Most often taken for", "label"),
        Column("Category"),
    ]
    kept = [i for i, column in enumerate(columns) if i in (0, 1) or _told(rows, i)]
    return tag(
        "section",
        tag("h2", "Every label, the weakest first"),
        tag(
            "p",
            "Bars show the share, the pale part its 95 % interval: with few photos a label can "
            "look weak or strong by chance. Press a heading to sort.",
        ),
        lazy_table(
            "labels",
            [columns[i] for i in kept],
            [[row[i] for i in kept] for row in rows],
            names=titles,
            sort=(kept.index(2), True),
            gallery=gallery,
            what="labels",
        ),
        id="labels",
    )


def _share(figure: str, one: Mapping[str, Any]) -> object:
    value = round(one[figure], 4)
    if figure not in SHARES:
        return value
    low, high = wilson(one[figure], one["queries"])
    return [value, round(low, 4), round(high, 4)]


def _told(rows: list[list[Any]], column: int) -> bool:
    return any(row[column] not in ("", None) for row in rows)


def _taken_for(study: Study) -> dict[str, str]:
    """Return for each label the wrong one that its photos were most often given."""
    if not study.exclusive:
        return {}
    wrong: dict[str, Counter[str]] = defaultdict(Counter)
    for one in study.outcomes:
        if one.label is not None and one.label_right is False:
            wrong[one.label][one.guess] += 1
    return {label: guesses.most_common(1)[0][0] for label, guesses in wrong.items()}
