"""The questions that most shoppers ask: what is this, and what looks like it, among all items."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from api.schemas.asking import SearchAsked
from api.searching import Answering
from api.seen import Seen
from indexer.classes import Classes
from indexer.grouping import Group
from indexer.prediction_rows import PredictionRows
from indexer.search import Searcher

_PLAIN = SearchAsked.model_validate({})
_WHATEVER = frozenset(("top_k", "page", "index", "crop", "photo_url"))


@dataclass(frozen=True)
class PlainSearch:
    """A search by looks alone among all items.

    Attributes:
        answering: answers the searches of the request.
        asked: what is asked.
    """

    answering: Answering
    asked: SearchAsked

    @staticmethod
    def fits(asked: SearchAsked) -> bool:
        """Say whether a search is plain: whatever page of however many items of whatever photo."""
        return all(
            value == getattr(asked, name)
            for name, value in vars(_PLAIN).items()
            if name not in _WHATEVER
        )

    @property
    def alike(self) -> Hashable:
        """How many items are to be found."""
        return self.asked.top_k * self.asked.page

    def together(
        self, searcher: Searcher, asked: Sequence[tuple["PlainSearch", Seen]]
    ) -> list[str]:
        """Return a `SearchAnswer` as JSON for each."""
        started = time.perf_counter()
        rows = PredictionRows.joined([seen.predictions for _, seen in asked])
        sent = [seen.sent for _, seen in asked]
        needed = self.asked.top_k * self.asked.page
        answers: list[str] = []
        with searcher.items.moment(columns=True) as now:
            assert now.columns is not None  # they were asked for
            total = int(now.columns.mask().sum())
            results = searcher.answers(rows, sent, needed)
            for (question, seen), result in zip(asked, results, strict=True):
                groups = [Group(hit) for hit in result.hits[needed - question.asked.top_k :]]
                told = question.answering.told(question.asked, result, groups, total)
                took = 1e3 * (time.perf_counter() - started)
                answers.append(question.answering.ended(told, seen, search=took))
        return answers


@dataclass(frozen=True)
class Classification:
    """What does the photo show?

    Attributes:
        observed: told of the answer's timings, and of whether what the photo shows is unknown.
    """

    observed: Callable[[Mapping[str, float], bool | None], None]

    @property
    def alike(self) -> Hashable:
        """All are."""
        return None

    def together(
        self, searcher: Searcher, asked: Sequence[tuple["Classification", Seen]]
    ) -> list[str]:
        """Return a `Prediction` as JSON for each."""
        started = time.perf_counter()
        rows = PredictionRows.joined([seen.predictions for _, seen in asked])
        results = searcher.told_together(rows)
        took = 1e3 * (time.perf_counter() - started)
        answers: list[str] = []
        for (question, seen), result in zip(asked, results, strict=True):
            timings = seen.timed(search=took)
            told = {"model": result.model, "index": result.index, "timings": timings}
            answers.append(to_json(Classes.to_json(result) | told).decode())
            question.observed(timings, result.unknown)
        return answers
