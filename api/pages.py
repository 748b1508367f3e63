"""Pages of lists, and of hits."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Query

from api.problems import Kind, ProblemError
from indexer.grouping import Group, Grouping, search_groups
from indexer.search import SearchHit

Page = Annotated[int, Query(ge=1, le=1_000_000, description="Which page, from 1 on.")]
PageSize = Annotated[int, Query(ge=1, le=200, description="Items on a page.")]

TOP_K = "How many items on a page."
PAGE = "Which page of `top_k` hits, from 1 on."
MIN_SCORE = "Only items that are at least as similar: a cosine, from -1 to 1."
GROUP = "“group_id” returns one hit for all variants of a product."


def page_count(total: int, size: int) -> int:
    """Return on how many pages so many things stand."""
    return -(-total // size)


def hits_needed(top_k: int, page: int, most: int) -> int:
    """Return how many hits are to be found for a page.

    Raises:
        ProblemError: 422, they are more than the server returns.
    """
    needed = top_k * page
    if needed > most:
        told = (
            f"page {page} of {top_k} items each asks for {needed} items; this server finds at most "
            f"{most}: narrow the search with a category or a filter."
        )
        raise ProblemError(422, Kind.INVALID_REQUEST, told)
    return needed


def found_groups(
    search: Callable[[int], Sequence[SearchHit]], top_k: int, page: int, group: Grouping
) -> list[Group]:
    """Return the hits of a page.

    Args:
        search: returns so many hits, best first.
        top_k: hits on a page.
        page: which, from 1 on.
        group: whether variants of a product are one hit.
    """
    needed = top_k * page
    if group == "none":
        found = [Group(hit) for hit in search(needed)]
    else:
        found = search_groups(search, needed)
    return found[needed - top_k : needed]
