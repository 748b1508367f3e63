"""Questions about photos that the network has seen; those that are alike are answered together.

Photos come out of the network several at once. What is asked about them is answered in a row, as of
one moment of the catalogue and with one search of the index: one thread is woken for all of them,
and finds its code in the processor's caches.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from api.seen import Seen
from indexer.search import Searcher

Answer = str | Exception
"""The answer as JSON, or why there is none."""


class Question(Protocol):
    """What is asked about a photo."""

    @property
    def alike(self) -> Hashable:
        """Questions of one kind, for which this is equal, can be answered together."""

    def together(self, searcher: Searcher, asked: Sequence[tuple[Self, Seen]]) -> list[str]:
        """Return the answers to questions that are alike, in their order; this is one of them."""


@dataclass(frozen=True)
class Asked:
    """A question about a photo.

    Attributes:
        searcher: the pair that has seen the photo.
        question: what is asked.
        seen: the photo.
    """

    searcher: Searcher
    question: Question
    seen: Seen


def answered(asked: Sequence[Asked]) -> list[Answer]:
    """Return the answers in the order of the questions; one that fails fails alone."""
    groups: dict[Hashable, list[int]] = {}
    for place, one in enumerate(asked):
        kind = (id(one.searcher), type(one.question), one.question.alike)
        groups.setdefault(kind, []).append(place)
    answers: dict[int, Answer] = {}
    for places in groups.values():
        told = _answered([asked[place] for place in places])
        answers |= zip(places, told, strict=True)
    return [answers[place] for place in range(len(asked))]


def _answered(alike: Sequence[Asked]) -> Sequence[Answer]:
    first = alike[0]
    try:
        return first.question.together(first.searcher, [(one.question, one.seen) for one in alike])
    except Exception as error:
        if len(alike) == 1:
            return [error]
        return [_answered([one])[0] for one in alike]
