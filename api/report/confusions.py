"""Which two are mixed up most, with photos of both."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from api.report.markup import Child, Markup, join, tag
from api.report.study import Face, Outcome, Study
from api.report.thumbnails import Gallery
from api.report.wording import count_of, percent
from indexer.records import Item

PAIRS = 9
EXAMPLES = 4  # photos of a pair that were taken for the other


@dataclass(frozen=True)
class Confusion:
    """Two labels (or items) and the photos of one that were taken for the other.

    Attributes:
        first: the one of which more photos were mistaken.
        second: the other one.
        as_second: photos of the first that were taken for the second.
        as_first: photos of the second that were taken for the first.
    """

    first: str
    second: str
    as_second: tuple[Outcome, ...]
    as_first: tuple[Outcome, ...]

    @property
    def times(self) -> int:
        """How many photos of either were taken for the other."""
        return len(self.as_second) + len(self.as_first)


def confusions(mistakes: Iterable[tuple[str, str, Outcome]]) -> list[Confusion]:
    """Return the pairs that were mixed up, the most frequent first.

    Args:
        mistakes: what was shown, what it was taken for, and the query.
    """
    taken: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for truth, guess, outcome in mistakes:
        taken[truth, guess].append(outcome)
    pairs = {tuple(sorted(pair)) for pair in taken}
    found = []
    for a, b in sorted(pairs):
        if len(taken.get((b, a), ())) > len(taken.get((a, b), ())):
            a, b = b, a  # noqa: PLW2901  the more often mistaken one comes first
        found.append(Confusion(a, b, tuple(taken[a, b]), tuple(taken.get((b, a), ()))))
    return sorted(found, key=lambda pair: (-pair.times, pair.first, pair.second))


def confusions_section(study: Study, gallery: Gallery) -> Markup | None:
    """Return the pairs that are mixed up most; None where nothing was mistaken.

    Labels, where a photo has exactly one; else items and what came as their first hit.

    Args:
        study: the evaluation.
        gallery: takes the photos.
    """
    found = confusions(_by_label(study) if study.exclusive else _by_item(study))
    if not found:
        return None
    asked = Counter(o.label if study.exclusive else o.item_id for o in study.outcomes)
    total = sum(pair.times for pair in found)
    shown = found[:PAIRS]
    share = percent(sum(pair.times for pair in shown) / total, 0)
    rng = np.random.default_rng(0)
    cards = [_card(study, gallery, pair, asked, rng) for pair in shown]
    what = "labels" if study.exclusive else "first hits"
    return tag(
        "section",
        tag("h2", "What is mixed up most"),
        tag(
            "p",
            f"{count_of(total, 'photo')} had wrong {what}; these "
            f"{count_of(len(shown), 'pair')} make up {share} of them. Large: the catalogue’s "
            "photos. Small: photos that were taken for the other one, drawn at random.",
        ),
        tag("div", cards, class_="pairs"),
        id="confused",
    )


def _by_label(study: Study) -> Iterable[tuple[str, str, Outcome]]:
    for one in study.outcomes:
        if one.label is not None and one.label_right is False:
            yield one.label, one.guess, one


def _by_item(study: Study) -> Iterable[tuple[str, str, Outcome]]:
    for one in study.sought:
        if one.item_id is not None and one.hits and not one.found:
            yield one.item_id, one.hits[0].item.item_id, one


def _card(
    study: Study,
    gallery: Gallery,
    pair: Confusion,
    asked: Counter[str | None],
    rng: np.random.Generator,
) -> Markup:
    faces = [_face(study, name) for name in (pair.first, pair.second)]
    return tag(
        "article",
        tag(
            "div",
            _side(study, gallery, faces[0]),
            tag("span", "⇄" if pair.as_first else "→", class_="arrow", aria_hidden="true"),
            _side(study, gallery, faces[1]),
            class_="sides",
        ),
        _said(pair, asked),
        tag("div", _examples(study, gallery, pair, rng), class_="examples"),
        class_="pair",
    )


def _face(study: Study, name: str) -> Face:
    if study.exclusive:
        return study.face(name)
    item: Item | None = study.items.get(name) or study.shop.catalogue.get(name)
    return Face(item.title or name, "", item) if item else Face(name, "", None)


def _side(study: Study, gallery: Gallery, face: Face) -> Markup:
    picture: Child = tag("span", "no photo", class_="shot none")
    if face.item is not None:
        load = study.item_photo(face.item)
        picture = gallery.show(("item", face.item.key), load, f"Catalogue photo: {face.title}")
    category = tag("small", face.category) if face.category else None
    return tag("div", picture, tag("h3", face.title), category, class_="side")


def _said(pair: Confusion, asked: Counter[str | None]) -> Markup:
    told = [("Left taken for right", pair.as_second, pair.first)]
    if pair.as_first:
        told.append(("right for left", pair.as_first, pair.second))
    parts = [
        join(f"{words}: ", tag("b", len(taken)), f" of {count_of(asked[name], 'photo')}")
        for words, taken, name in told
    ]
    return tag("p", parts[0], [["; ", part] for part in parts[1:]], ".")


def _examples(
    study: Study, gallery: Gallery, pair: Confusion, rng: np.random.Generator
) -> Sequence[Markup]:
    drawn = []
    for outcomes, truth, guess in (
        (pair.as_second, pair.first, pair.second),
        (pair.as_first, pair.second, pair.first),
    ):
        wanted = EXAMPLES if not pair.as_first else EXAMPLES // 2
        for i in sorted(rng.permutation(len(outcomes))[:wanted].tolist()):
            one = outcomes[i]
            alt = f"Photo of {_face(study, truth).title}, taken for {_face(study, guess).title}"
            drawn.append(
                gallery.show(("query", one.number), study.query_photo(one.path), alt, "little")
            )
    return drawn
