"""Every backend answers alike, to the bit; the reference agrees with plain NumPy."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import faiss_index
from indexer.faiss_index import FaissError, FaissIndex
from indexer.vector_index import ExactIndex, RowRange, VectorIndex
from tests.indexer import device_indexes

Vectors = NDArray[np.float32]
BACKENDS = [ExactIndex, FaissIndex, *device_indexes.BACKENDS]
backends = pytest.mark.parametrize("backend", BACKENDS)


def unit_vectors(seed: int, rows: int, dim: int, distinct: int | None = None) -> Vectors:
    """`rows` unit vectors, drawn from only `distinct` different ones where that is given."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((distinct or max(rows, 1), dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[rng.integers(0, distinct, rows)] if distinct else vectors[:rows]


def by_hand(vectors: Vectors, query: Vectors, k: int, ranges: list[RowRange]) -> list[int]:
    rows = [row for start, stop in ranges for row in range(start, stop)]
    wide = vectors.astype(np.float64) @ query.astype(np.float64)
    return sorted(rows, key=lambda row: (-np.float32(wide[row]), row))[:k]


@backends
def test_nearest_rows_are_those_of_a_full_sort(backend: Callable[[Vectors], VectorIndex]) -> None:
    vectors = unit_vectors(0, 500, 32)
    queries = unit_vectors(1, 20, 32)
    scores, rows = backend(vectors).search(queries, 10)
    for i, query in enumerate(queries):
        assert rows[i].tolist() == by_hand(vectors, query, 10, [(0, 500)])
        assert scores[i] == pytest.approx(vectors[rows[i]] @ query, abs=1e-6)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64


@pytest.mark.parametrize("backend", BACKENDS[1:])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_all_are_the_reference_to_the_bit(
    backend: Callable[[Vectors], VectorIndex], data: st.DataObject
) -> None:
    rows = data.draw(st.integers(0, 300), "rows")
    distinct = data.draw(st.sampled_from([None, 1, 3, 20]), "distinct vectors")
    vectors = unit_vectors(data.draw(st.integers(0, 99)), rows, 24, distinct)
    count = data.draw(st.integers(0, 60), "queries")  # both sides of the BLAS threshold
    queries = unit_vectors(data.draw(st.integers(0, 99)), count, 24)
    if rows and data.draw(st.booleans(), "queries are rows"):
        queries = vectors[np.arange(count) % rows]
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=8), "cuts"))
    ranges = list(zip(cuts[::2], cuts[1::2], strict=False))
    wanted = None if data.draw(st.booleans(), "all rows") else ranges
    k = data.draw(st.integers(1, 320), "k")
    expected = ExactIndex(vectors).search(queries, k, wanted)
    found = backend(vectors).search(queries, k, wanted)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


@backends
def test_equal_scores_come_in_the_order_of_the_rows(
    backend: Callable[[Vectors], VectorIndex],
) -> None:
    vectors = np.repeat(unit_vectors(0, 2, 256), 400, axis=0)  # twice 400 equal rows
    scores, rows = backend(vectors).search(vectors[[0, 799]], 30)
    assert rows[0].tolist() == list(range(30))
    assert rows[1].tolist() == list(range(400, 430))
    assert (scores == scores[:, :1]).all()


@backends
def test_an_answer_does_not_depend_on_its_batch(backend: Callable[[Vectors], VectorIndex]) -> None:
    index = backend(unit_vectors(0, 700, 128))
    queries = unit_vectors(1, 64, 128)
    together = index.search(queries, 20)
    for i in (0, 31, 63):
        alone = index.search(queries[i : i + 1], 20)
        np.testing.assert_array_equal(alone[0][0], together[0][i])
        np.testing.assert_array_equal(alone[1][0], together[1][i])


@backends
@pytest.mark.parametrize("ranges", [None, [], [(0, 0)]])
def test_an_empty_index_finds_nothing(
    backend: Callable[[Vectors], VectorIndex], ranges: list[RowRange] | None
) -> None:
    scores, rows = backend(np.empty((0, 8), np.float32)).search(unit_vectors(0, 3, 8), 4, ranges)
    assert (rows == -1).all()
    assert rows.shape == (3, 4)
    assert np.isneginf(scores).all()


@backends
def test_ranges_restrict_exactly_and_the_rest_is_filled_up(
    backend: Callable[[Vectors], VectorIndex],
) -> None:
    vectors = unit_vectors(0, 100, 16)
    query = vectors[50:51]  # its own row lies outside the ranges
    scores, rows = backend(vectors).search(query, 9, [(3, 6), (6, 6), (70, 72)])
    assert sorted(rows[0][:5].tolist()) == [3, 4, 5, 70, 71]
    assert rows[0][5:].tolist() == [-1] * 4
    assert np.isneginf(scores[0][5:]).all()
    assert (np.diff(scores[0][:5]) <= 0).all()


@backends
def test_no_query_is_no_answer(backend: Callable[[Vectors], VectorIndex]) -> None:
    scores, rows = backend(unit_vectors(0, 5, 8)).search(np.empty((0, 8), np.float32), 3)
    assert scores.shape == rows.shape == (0, 3)


@backends
def test_wrong_arguments_are_told(backend: Callable[[Vectors], VectorIndex]) -> None:
    index = backend(unit_vectors(0, 10, 8))
    query = unit_vectors(1, 1, 8)
    with pytest.raises(ValueError, match=r"float32 of shape \(n, 8\), not float32 \(1, 7\)"):
        index.search(query[:, :7], 1)
    with pytest.raises(ValueError, match="not float64"):
        index.search(query.astype(np.float64), 1)
    with pytest.raises(ValueError, match="finite"):
        index.search(np.full((1, 8), np.nan, np.float32), 1)
    with pytest.raises(ValueError, match="at least 1"):
        index.search(query, 0)
    for ranges in ([(5, 8), (0, 2)], [(0, 5), (4, 6)], [(0, 11)], [(3, 2)]):
        with pytest.raises(ValueError, match="sorted, disjoint and within 10"):
            index.search(query, 1, ranges)


@pytest.mark.parametrize("error", [ImportError("absent"), RuntimeError("no libcudart")])
def test_without_faiss_the_error_names_the_extras(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Absent:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "faiss":
                raise error

    monkeypatch.delitem(sys.modules, "faiss")
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    faiss_index.load_faiss.cache_clear()
    with pytest.raises(FaissError, match=r"vsearch\[cpu\].*vsearch\[gpu\].*vsearch\[gpu-cu13\]"):
        FaissIndex(unit_vectors(0, 3, 8))
    monkeypatch.undo()
    assert FaissIndex(unit_vectors(0, 3, 8)).rows == 3
