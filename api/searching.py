"""Searches with a photo, from what was asked to the JSON that answers it: plain, for threads."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pydantic_core import to_json

from api.explaining import Explanations
from api.facet_choice import facet_fields
from api.filtered import Filtered
from api.pages import found_groups, hits_needed, page_count
from api.problems import Kind, ProblemError, document_of
from api.schemas.answers import BatchAnswer, BatchedAnswer, ProblemDocument, SearchAnswer
from api.schemas.asking import ALL_FACETS, ExplainAsked, SearchAsked
from api.schemas.facets import FacetDocument, facet_documents
from api.seen import Seen
from api.shown import Shown
from indexer.facets import facets
from indexer.filter_syntax import Field, within
from indexer.grouping import Group
from indexer.item_columns import ItemColumns
from indexer.search import Searcher, SearchHit, SearchResult
from indexer.shop import Shop
from vsearch.errors import CategoryError, FilterError, ShopError, VsearchError
from vsearch.images import Crop

Outcome = str | VsearchError | ProblemError
"""The answer to one photo of several: its JSON, or what was wrong with it."""


@dataclass(frozen=True)
class Answering:
    """Answers the searches of one request.

    Attributes:
        documents: describes items.
        explanations: says why.
        most: hits that are found at most.
        root_path: what a proxy in front adds to every address.
        observed: told of each answer's timings, and of whether what the photo shows is unknown.
    """

    documents: Shown
    explanations: Explanations
    most: int
    root_path: str
    observed: Callable[[Mapping[str, float], bool | None], None]

    def check(self, searcher: Searcher, asked: SearchAsked) -> Filtered:
        """Understand what is asked, before the photo is looked at.

        Raises:
            ProblemError: 409 another index version serves, 422 more hits than may be or no such
                facet.
            CategoryError: the shop has no such category.
            FilterError: `where` is not understood.
        """
        hits_needed(asked.top_k, asked.page, self.most)
        serves = searcher.version.name
        if asked.index is not None and asked.index != serves:
            told = (
                f"Index version {serves} serves by now, not {asked.index}: its pages may differ, "
                "begin with the first one."
            )
            raise ProblemError(409, Kind.INDEX_CHANGED, told, index=serves)
        if asked.facets and ALL_FACETS not in asked.facets:
            facet_fields(searcher.shop, asked.facets)
        return Filtered.parse(searcher.shop, asked.category, asked.where)

    def search(self, searcher: Searcher, seen: Seen, asked: SearchAsked, filtered: Filtered) -> str:
        """Return a `SearchAnswer` as JSON.

        Args:
            searcher: the pair that has seen the photo.
            seen: the photo.
            asked: what is asked.
            filtered: what `check` has made of it.

        Raises:
            ProblemError: 422, `text` has no word.
            ImageError: the photo cannot be used.
        """
        started = time.perf_counter()
        fields = _fields(searcher.shop, asked)
        moment = partial(searcher.items.moment, filtered.categories, filtered.where)
        with moment(also=fields, columns=True) as now:
            groups, result = self._found(searcher, seen, asked, filtered)
            assert now.columns is not None  # they were asked for
            total, counted = _counted(now.columns, fields, filtered)
            told = self.told(asked, result, groups, total)
        told["facets"] = counted
        searched = time.perf_counter()
        stages = {"search": 1e3 * (searched - started)}
        if asked.explain:
            told["explanation"] = self.explanations.explain(
                searcher.embedder, seen.data, seen.crop, [group.hit for group in groups]
            )
            stages["explain"] = 1e3 * (time.perf_counter() - searched)
        return self.ended(told, seen, **stages)

    def told(
        self, asked: SearchAsked, result: SearchResult, groups: Sequence[Group], total: int
    ) -> dict[str, object]:
        """Return a `SearchAnswer` without facets, explanation and timings, at the search's moment.

        Args:
            asked: what was asked.
            result: what was found.
            groups: the hits of the page.
            total: how many items the filter leaves.
        """
        return {
            **replace(result, hits=()).to_json(),
            "hits": self.documents.told(groups),
            "page": asked.page,
            "pages": page_count(min(total, self.most), asked.top_k),
            "total": total,
            "facets": None,
            "explanation": None,
        }

    def ended(self, told: dict[str, object], seen: Seen, **stages: float) -> str:
        """Return an answer with its timings as JSON, and let them be observed.

        Args:
            told: the answer.
            seen: the photo.
            stages: the milliseconds of each stage after the network.
        """
        told["timings"] = timings = seen.timed(**stages)
        unknown = told["unknown"]
        self.observed(timings, unknown if isinstance(unknown, bool) else None)
        # What it is made of is checked by tests: to check it anew takes a tenth of a search.
        return to_json(told).decode()

    def together(
        self, searcher: Searcher, names: Sequence[str], outcomes: Sequence[Outcome]
    ) -> str:
        """Return a `BatchAnswer` as JSON.

        Args:
            searcher: the pair that has answered.
            names: of the photos.
            outcomes: theirs.
        """
        results = [
            BatchedAnswer(
                photo=name, answer=SearchAnswer.model_validate_json(outcome), problem=None
            )
            if isinstance(outcome, str)
            else BatchedAnswer(photo=name, answer=None, problem=self._problem(outcome))
            for name, outcome in zip(names, outcomes, strict=True)
        ]
        told = BatchAnswer(
            results=results,
            model=searcher.embedder.model_fingerprint,
            index=searcher.version.name,
        )
        return told.model_dump_json()

    def explain(
        self, searcher: Searcher, data: bytes, crop: Crop | None, asked: ExplainAsked
    ) -> str:
        """Return an `ExplanationDocument` as JSON.

        Raises:
            ProblemError: 404, there is no such item.
            ImageError: the photo cannot be used.
        """
        hits = []
        for item_id in asked.item_id:
            item = searcher.shop.catalogue.get(item_id)
            if item is None or item.state != "ok":
                told = f"The shop has no item “{item_id}”."
                raise ProblemError(404, Kind.UNKNOWN_ITEM, told)
            hits.append(SearchHit(item, 0.0, 0))
        found = self.explanations.explain(searcher.embedder, data, crop, hits)
        return found.model_dump_json()

    def _problem(self, error: VsearchError | ProblemError) -> ProblemDocument:
        return ProblemDocument.model_validate(document_of(error, self.root_path))

    def _found(
        self, searcher: Searcher, seen: Seen, asked: SearchAsked, filtered: Filtered
    ) -> tuple[list[Group], SearchResult]:
        """Return the hits of the page, and the result that they are of."""
        results: list[SearchResult] = []

        def search(count: int) -> Sequence[SearchHit]:
            results.append(
                searcher.answer(
                    seen.predictions,
                    sent=seen.sent,
                    top_k=count,
                    categories=filtered.categories,
                    where=filtered.where,
                    restrict=asked.restrict,
                    min_score=asked.min_score,
                    text=asked.text,
                )
            )
            return results[-1].hits

        try:
            groups = found_groups(search, asked.top_k, asked.page, asked.group)
        except (CategoryError, FilterError):
            raise
        except ShopError as error:  # of the text, which has no word
            raise ProblemError(422, Kind.INVALID_REQUEST, f"text: {error}") from error
        return groups, results[-1]


def _fields(shop: Shop, asked: SearchAsked) -> list[Field]:
    """Return the facets that are asked for."""
    names = asked.facets
    return facet_fields(shop, None if ALL_FACETS in names else names) if names else []


def _counted(
    columns: ItemColumns, fields: Sequence[Field], filtered: Filtered
) -> tuple[int, list[FacetDocument] | None]:
    """Return how many items the filter leaves, and the facets that are asked for, if any."""
    wanted = within(filtered.categories, filtered.where)
    total = int(columns.mask(wanted).sum())
    return total, facet_documents(facets(columns, fields, wanted)) if fields else None
