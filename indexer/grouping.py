"""Variants of one product as one hit: the red and the blue of the same shirt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.search_hits import SearchHit

_WIDENING = 4

Grouping = Literal["none", "group_id"]
"""Whether variants of a product are one hit."""


@dataclass(frozen=True)
class Group:
    """Hits of one product.

    Attributes:
        hit: the best of them.
        others: the further ones that were found, best first.
    """

    hit: SearchHit
    others: tuple[SearchHit, ...] = ()


def grouped(hits: Sequence[SearchHit]) -> list[Group]:
    """Join hits that share a group_id, at the place of their best; one without stands alone."""
    groups: dict[str | int, list[SearchHit]] = {}
    for hit in hits:
        # An item that has no group is its own: its key is a number, and no group_id is.
        groups.setdefault(hit.group_id or hit.item.key, []).append(hit)
    return [Group(first, tuple(others)) for first, *others in groups.values()]


def search_groups(search: Callable[[int], Sequence[SearchHit]], top_k: int) -> list[Group]:
    """Return the `top_k` most similar products, fewer only where there are no more.

    Args:
        search: returns so many hits, best first, fewer only where there are no more; more hits
            begin with those of fewer.
        top_k: how many products, at least 1.
    """
    asked = top_k
    while True:
        hits = search(asked)
        groups = grouped(hits)
        if len(groups) >= top_k or len(hits) < asked:
            return groups[:top_k]
        asked *= _WIDENING
