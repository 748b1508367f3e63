"""The bound on what half precision can hide, and exact scores of what was proposed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.rescoring import Halves, rescored
from indexer.vector_index import ExactIndex, best_of, scores_of
from tests.indexer.test_vector_index import unit_vectors

Vectors = NDArray[np.float32]


def rounding(vectors: Vectors) -> tuple[NDArray[np.float16], float, float]:
    """Return rows in half precision, the greatest length lost, and the greatest length."""
    halves = vectors.astype(np.float16)
    lost = np.linalg.norm(vectors - halves.astype(np.float64), axis=1).max()
    return halves, float(lost), float(np.linalg.norm(vectors.astype(np.float64), axis=1).max())


def worst_sum(products: NDArray[np.float32], toward: float) -> NDArray[np.float32]:
    """Add float32 numbers one by one, each sum cut off rather than rounded: away from the truth."""
    total = np.zeros(products.shape[:-1], np.float32)
    for i in range(products.shape[-1]):
        exact = total.astype(np.float64) + products[..., i]
        total = exact.astype(np.float32)
        wrong = (total > exact) if toward < 0 else (total < exact)
        total = np.where(total == exact, total, np.nextafter(total, np.float32(toward)))
        total = np.where(wrong, np.nextafter(total, np.float32(toward)), total)
    return np.asarray(total, np.float32)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    dim=st.sampled_from([1, 2, 16, 256]),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 7.0, 1e5]),
    sparse=st.booleans(),
    toward=st.sampled_from([-np.inf, np.inf]),
)
def test_no_score_is_above_the_ceiling_of_its_rough_score(
    seed: int, dim: int, scale: float, sparse: bool, toward: float
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit_vectors(seed, 40, dim)
    if sparse:  # numbers of all sizes, also below what half precision has
        vectors *= (10.0 ** -rng.integers(0, 9, vectors.shape)).astype(np.float32)
    queries = (unit_vectors(seed + 1, 3, dim) * scale).astype(np.float32)
    rows, residual, longest = rounding(vectors)
    halves = Halves.of(queries)
    products = halves.queries[:, None].astype(np.float32) * rows[None].astype(np.float32)
    rough = worst_sum(products, toward)  # (3, 40)
    for i, query in enumerate(queries):
        exact = scores_of(query, vectors, np.arange(40))
        for j in range(40):
            (ceiling,) = halves.chosen(np.array([i])).ceilings(
                rough[i, j : j + 1], residual, longest
            )
            assert exact[j] <= ceiling


def test_the_bound_is_no_wider_than_it_need_be() -> None:
    vectors, queries = unit_vectors(0, 4000, 256), unit_vectors(1, 20, 256)
    rows, residual, longest = rounding(vectors)
    halves = Halves.of(queries)
    rough = halves.queries.astype(np.float64) @ rows.astype(np.float64).T
    exact = queries.astype(np.float64) @ vectors.astype(np.float64).T
    floors = np.zeros(20, np.float32)
    bounds = halves.ceilings(floors, residual, longest)
    # .0005 when written, of which the queries and the rows have .0002 each; errors reach .00005.
    assert bounds.max() < 6e-4
    assert np.abs(exact - rough).max() > bounds.max() / 20


def test_a_query_of_zeros_and_a_huge_one_have_halves() -> None:
    queries = np.array([[0, 0, 0], [3e38, -3e38, 1e38]], np.float32)
    halves = Halves.of(queries)
    assert np.isfinite(halves.queries).all()
    assert halves.lengths[0] == 0
    np.testing.assert_allclose(np.linalg.norm(halves.queries[1].astype(float)), 1, atol=1e-3)
    ceilings = halves.ceilings(np.array([0.5, 0.5], np.float32), 2**-11, 1.0)
    assert ceilings[0] == 0
    assert 2e38 < ceilings[1] < 3e38
    none = halves.ceilings(np.array([-np.inf, -np.inf], np.float32), 2**-11, 1.0)
    assert none.tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("k", [1, 7, 30])
def test_what_is_proposed_is_scored_as_the_reference_does(k: int) -> None:
    vectors, queries = unit_vectors(0, 500, 64, distinct=40), unit_vectors(1, 9, 64)
    rng = np.random.default_rng(2)
    rows = np.stack([rng.choice(500, 30, replace=False) for _ in queries])
    rows[3, 5:] = -1
    scores, found = rescored(queries, vectors, rows, k)
    assert scores.dtype == np.float32
    for i, query in enumerate(queries):
        there = rows[i][rows[i] >= 0]
        told, kept = best_of(scores_of(query, vectors, there), there, k)
        np.testing.assert_array_equal(scores[i, : len(told)], told)
        np.testing.assert_array_equal(found[i, : len(told)], kept)
        assert np.isneginf(scores[i, len(told) :]).all()
        assert (found[i, len(told) :] == -1).all()


def test_many_queries_are_scored_in_blocks() -> None:
    vectors, queries = unit_vectors(0, 900, 128), unit_vectors(1, 70, 128)
    everything = np.tile(np.arange(900), (70, 1))  # 8 million numbers, a million at a time
    expected = ExactIndex(vectors).search(queries, 5)
    found = rescored(queries, vectors, everything, 5)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])
