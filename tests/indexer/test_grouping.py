"""Variants of one product as one hit."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from indexer.grouping import grouped, search_groups
from indexer.records import Item
from indexer.search_hits import SearchHit

BLANK = Item(0, "", "", ("Shirts",), 1, (), None, {}, "ok", None)


def hits_of(groups: list[str | None]) -> list[SearchHit]:
    return [
        SearchHit(
            replace(BLANK, key=key, item_id=f"item {key}", group_id=group), 1 - key / 100, key
        )
        for key, group in enumerate(groups)
    ]


def test_variants_join_at_the_place_of_their_best() -> None:
    found = grouped(hits_of(["shirt", None, "shoe", "shirt", None, "shirt"]))
    told = [(group.hit.item.key, [hit.item.key for hit in group.others]) for group in found]
    assert told == [(0, [3, 5]), (1, []), (2, []), (4, [])]
    assert grouped([]) == []


@given(
    st.lists(st.sampled_from(["shirt", "shoe", "hat", None, ""]), max_size=40),
    st.integers(1, 8),
)
def test_as_many_products_as_there_are(groups: list[str | None], top_k: int) -> None:
    hits = hits_of(groups)
    asked: list[int] = []

    def search(count: int) -> list[SearchHit]:
        asked.append(count)
        return hits[:count]

    found = search_groups(search, top_k)
    everything = grouped(hits)
    assert [group.hit for group in found] == [group.hit for group in everything[:top_k]]
    assert len(asked) <= 5
