"""Classes with several vectors: the logit of a class is that of its best vector.

A class that came by extension may look like several things (a bag from the front and its inside),
and one that was made of two keeps the vectors of both. The largest logit counts, not the sum of
their exponentials: a copy of a vector changes nothing, no class gains by the mere number of its
vectors, and a logit stays the cosine with one vector, so that its map over a photo adds up to it.
"""

from collections.abc import Sequence

import jax
import numpy as np
from numpy.typing import NDArray

Vectors = tuple[int, ...]  # how many vectors each label has; empty: one each


def rows_of(vectors: Sequence[int]) -> list[NDArray[np.int64]]:
    """Return the rows of each label: those of a label follow each other, in the labels' order."""
    ends = np.cumsum(np.asarray(vectors, np.int64))
    return [np.arange(end - count, end) for end, count in zip(ends, vectors, strict=True)]


def best_of(logits: jax.Array, vectors: Vectors) -> jax.Array:
    """Return the largest logit of each label's vectors, (n, labels).

    Args:
        logits: of all vectors, (n, vectors) float32.
        vectors: how many each label has; where empty, logits come back as they are.
    """
    if not vectors:
        return logits
    most = max(vectors)
    # A place that a label has no vector for repeats its first: that changes no maximum.
    places = np.stack([np.resize(rows, most) for rows in rows_of(vectors)])
    return logits[:, places].max(axis=-1)
