"""Folds: photos split so that each is judged by a model that has seen neither it nor its copies."""

import numpy as np
from numpy.typing import NDArray


def assign_folds(
    strata: NDArray[np.int64], groups: NDArray[np.int64], folds: int, seed: int = 0
) -> NDArray[np.int64]:
    """Return the fold of each photo, shape (n,), int64 within 0..folds - 1.

    A group lies in one fold as a whole. The groups of a stratum are spread over the folds as evenly
    as their number allows, and so are all groups.

    Args:
        strata: shape (n,), what shall be in all folds, such as the photo's label.
        groups: shape (n,), a number from 0 on without gaps, the same for photos that belong
            together; a group is of the stratum of its first photo.
        folds: how many.
        seed: draws which group comes to which fold.
    """
    names, first, member = np.unique(groups, return_index=True, return_inverse=True)
    drawn = np.random.default_rng(seed).random(len(names))
    order = np.lexsort((drawn, strata[first]))
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % folds
    return fold[member]


def learnable(
    given: NDArray[np.int64], trained: NDArray[np.bool_], fold: NDArray[np.int64], folds: int
) -> NDArray[np.bool_]:
    """Say which photos' labels can be learned outside their own fold, shape (n,).

    Where they cannot, a photo would look wrong only because nobody has ever seen its label.

    Args:
        given: shape (n,), the label of each photo.
        trained: shape (n,), whether it is trained on where it does not lie in the fold left out.
        fold: shape (n,).
        folds: how many.
    """
    labels = int(given.max(initial=-1)) + 1
    everywhere = np.bincount(given[trained], minlength=labels)
    cells = given * folds + fold
    inside = np.bincount(cells[trained], minlength=labels * folds)
    return np.asarray(everywhere[given] > inside[cells])


def grouped(pairs: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the group of each of `count` things, shape (count,), int64, from 0 on without gaps.

    Things that a chain of pairs joins are of one group; groups are numbered by their first member.

    Args:
        pairs: shape (m, 2), positions.
        count: how many things there are.
    """
    parent = list(range(count))

    def root(thing: int) -> int:
        while parent[thing] != thing:
            parent[thing] = parent[parent[thing]]
            thing = parent[thing]
        return thing

    for one, other in pairs.tolist():
        first, last = sorted((root(one), root(other)))
        parent[last] = first
    roots = np.array([root(thing) for thing in range(count)], np.int64)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)
