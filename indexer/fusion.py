"""Joining what looks like a photo with what a text says, by reciprocal rank.

Cormack, Clarke & Büttcher, Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank
Learning Methods, SIGIR 2009: an item's worth is the sum of 1 / (60 + rank) over the two lists.
Ranks need no common scale, which cosines and BM25 do not have.
"""

from collections.abc import Sequence

CONSTANT = 60


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Return all keys of some rankings, the best first.

    Equal ones are in the order of the first ranking that has them.

    Args:
        rankings: keys, best first; each once in a ranking.
    """
    worth: dict[int, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            worth[key] = worth.get(key, 0.0) + 1 / (CONSTANT + rank)
    return sorted(worth, key=lambda key: -worth[key])
