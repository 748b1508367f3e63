"""The delta against a plain dictionary: every search and order of ties, whatever came and went."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import delta as deltas
from indexer.delta import Delta, DeltaView, GrowingDelta
from indexer.vector_index import ExactIndex

DIM = 8
POOL = np.random.default_rng(0).standard_normal((40, DIM)).astype(np.float32)
POOL /= np.linalg.norm(POOL, axis=1, keepdims=True)
FEW = st.integers(0, 3)  # vectors, so that many rows are equally near
VECTORS = st.integers(0, len(POOL) - 1)
Views = dict[int, list[int]]  # vectors by item

CHANGES = st.lists(
    st.dictionaries(
        st.integers(0, 30), st.lists(st.one_of(FEW, VECTORS), max_size=4), min_size=1, max_size=8
    ),
    max_size=12,
)


def put(growing: GrowingDelta, changed: Views) -> None:
    """Let items have these vectors; a photo's key tells item and place."""
    growing.put(
        (key, [DeltaView(10 * key + place, POOL[vector]) for place, vector in enumerate(own)])
        for key, own in changed.items()
    )


def stacked(views: Views) -> tuple[np.ndarray, list[int]]:
    """Return vectors and photos as they were, were they put one below the other in order."""
    rows = [
        (10 * key + place, vector)
        for key in sorted(views)
        for place, vector in enumerate(views[key])
    ]
    vectors = POOL[[vector for _, vector in rows]] if rows else np.zeros((0, DIM), np.float32)
    return vectors, [photo for photo, _ in rows]


def check(now: Delta, views: Views, items: set[int] | None, k: int) -> None:
    """Compare with a scan of what there is, of some items or of all."""
    wanted = views if items is None else {key: views[key] for key in views if key in items}
    vectors, photos = stacked(wanted)
    places = None
    if items is not None:
        places = now.places[np.isin(now.item_keys[now.places], sorted(items))]
    scores, rows = now.search(POOL[:5], k, places)
    expected, order = ExactIndex(vectors).search(POOL[:5], k)
    np.testing.assert_array_equal(scores, expected)
    found = np.where(rows < 0, -1, now.photo_keys[rows] if len(now.photo_keys) else -1)
    told = np.where(order < 0, -1, np.array([*photos, -1])[order])
    np.testing.assert_array_equal(found, told)
    np.testing.assert_array_equal(found[found >= 0] // 10, now.item_keys[rows[rows >= 0]])


@pytest.mark.parametrize("spare", [0, 16])
@settings(deadline=None, max_examples=60)
@given(changes=CHANGES, k=st.integers(1, 12), some=st.sets(st.integers(0, 30)))
def test_a_delta_is_searched_as_if_it_was_stacked_anew(
    spare: int, changes: list[Views], k: int, some: set[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deltas, "_FEWEST", 4)
        patch.setattr(deltas, "_SPARE", spare)
        growing, views = GrowingDelta(DIM), Views()
        given_out: list[tuple[Delta, Views]] = [(growing.now(), {})]
        for changed in changes:
            put(growing, changed)
            views = {key: own for key, own in (views | changed).items() if own}
            given_out.append((growing.now(), dict(views)))
        for now, then in given_out:  # also those that others have changed since
            assert len(now) == sum(map(len, then.values()))
            check(now, then, None, k)
            check(now, then, some, k)


def test_a_change_copies_two_rows_at_most_for_each_of_its_own_on_average() -> None:
    growing = GrowingDelta(DIM)
    copied = 0
    for number in range(3000):
        before = growing._vectors
        put(growing, {number % 900: [number % len(POOL)]})
        copied += len(growing.now()) if growing._vectors is not before else 0
    assert len(growing.now()) == 900
    assert copied <= 2 * 3000
    assert len(growing._vectors) <= 2 * (900 + 1)  # however long it goes on
    put(growing, {key: [] for key in range(895)})
    for number in range(3000):
        put(growing, {number % 5 + 895: [0]})
    assert len(growing._vectors) == deltas._FEWEST
