"""Codes: what they find is scored exactly, what they may miss is little, all else is the scan."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.coded_index import CodedIndex
from indexer.faiss_index import FaissIndex, RowCodes
from indexer.index_plan import PLAN, Effort, IndexPlan
from indexer.recall_sample import RecallSample
from indexer.vector_index import ExactIndex, scores_of
from tests.indexer.coded_versions import clustered_rows
from vsearch.progress import silent

Vectors = NDArray[np.float32]
ROWS, DIM, LISTS = 4000, 32, 64
QUERIES = clustered_rows(0, 96, DIM)[::-1]  # of the clusters that the rows are of


def codes_of(vectors: Vectors, lists: int = LISTS, block: int = 1500) -> RowCodes:
    codes = RowCodes.learn(vectors[::2], lists)
    rows = np.arange(len(vectors))
    for start in range(0, len(vectors), block):
        codes.add(vectors[start : start + block], rows[start : start + block])
    return codes


VECTORS = clustered_rows(0, ROWS, DIM)
CODES = codes_of(VECTORS)


def coded(probes: int = 16, candidates: int = 100) -> CodedIndex:
    return CodedIndex(VECTORS, CODES, Effort(probes, candidates))


def test_codes_hold_all_rows() -> None:
    assert (CODES.rows, CODES.dim) == (ROWS, DIM) == (coded().rows, coded().dim)
    everything = CODES.propose(QUERIES[:3], LISTS, ROWS)
    for found in everything:
        assert sorted(found.tolist()) == list(range(ROWS))


def test_recall_of_clustered_rows() -> None:
    sample = RecallSample.draw(VECTORS, FaissIndex(VECTORS), 300, silent)
    recalls = [sample.recalls(coded(probes)).mean() for probes in (1, 2, 4, 16)]
    # .8877 .9757 1 1 when written
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.95
    assert recalls[2] > 0.99


def test_more_candidates_find_what_fewer_miss() -> None:
    sample = RecallSample.draw(VECTORS, FaissIndex(VECTORS), 300, silent)
    recalls = [sample.recalls(coded(64, candidates)).mean() for candidates in (10, 20, 50, 100)]
    # .6623 .8960 .9957 1 when written
    assert recalls == sorted(recalls)
    assert recalls[1] < 0.95
    assert recalls[3] > 0.99


def test_recall_is_the_share_of_the_exact_answer() -> None:
    sample = RecallSample.draw(VECTORS, ExactIndex(VECTORS), 40, silent)
    scores, rows = ExactIndex(VECTORS).search(sample.queries, 10)
    np.testing.assert_array_equal(sample.rows, rows)
    np.testing.assert_array_equal(sample.scores, scores)
    np.testing.assert_allclose(np.linalg.norm(sample.queries, axis=1), 1, atol=1e-6)
    assert scores[:, 0].mean() == pytest.approx(0.8, abs=0.05)  # as far as a shopper's photo
    weak = coded(1)
    found = weak.search(sample.queries, 10)[1]
    shares = [len({*a} & {*b}) / 10 for a, b in zip(found.tolist(), rows.tolist(), strict=True)]
    assert 0.2 < np.mean(shares) < 0.95
    np.testing.assert_allclose(sample.recalls(weak), shares)


@pytest.mark.parametrize("k", [1, 10, 30, 100, ROWS, ROWS + 5])
def test_scores_are_exact_and_in_order(k: int) -> None:
    scores, rows = coded().search(QUERIES, k)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert rows.shape == (len(QUERIES), k)
    for query, told, found in zip(QUERIES, scores, rows, strict=True):
        there = found >= 0
        assert there.sum() == min(k, ROWS)
        assert len({*found[there].tolist()}) == there.sum()
        np.testing.assert_array_equal(told[there], scores_of(query, VECTORS, found[there]))
        order = np.lexsort((found[there], -told[there]))
        np.testing.assert_array_equal(order, np.arange(there.sum()))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_ranges_are_scanned_exactly(data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, ROWS), max_size=8), "cuts"))
    ranges = list(zip(cuts[::2], cuts[1::2], strict=False))
    if data.draw(st.booleans(), "one range of all rows"):
        ranges = [(0, ROWS)]
    queries = QUERIES[: data.draw(st.integers(0, 12), "queries")]
    k = data.draw(st.sampled_from([1, 10, 40, 500]), "k")
    expected = ExactIndex(VECTORS).search(queries, k, ranges)
    found = coded(1, 10).search(queries, k, ranges)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


@settings(deadline=None, max_examples=40)
@given(
    chosen=st.lists(st.integers(0, len(QUERIES) - 1), min_size=1, max_size=96),
    probes=st.sampled_from([1, 3, 16, 64, 1000]),
    k=st.sampled_from([1, 10, 25]),
)
def test_an_answer_does_not_depend_on_its_batch(chosen: list[int], probes: int, k: int) -> None:
    index = coded(probes)
    scores, rows = index.search(np.ascontiguousarray(QUERIES[chosen]), k)
    for i in {0, len(chosen) // 2, len(chosen) - 1}:
        alone = index.search(np.ascontiguousarray(QUERIES[chosen[i]][None]), k)
        np.testing.assert_array_equal(alone[1][0], rows[i])
        np.testing.assert_array_equal(alone[0][0], scores[i])


def test_threads_get_the_answers_that_one_thread_gets() -> None:
    index, found = coded(), [np.empty(0, np.int64)] * 8
    expected = index.search(QUERIES, 10)[1]

    def search(number: int) -> None:
        found[number] = np.concatenate([index.search(QUERIES[i : i + 1], 10)[1] for i in range(96)])

    threads = [threading.Thread(target=search, args=(number,)) for number in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rows in found:
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("k", [60, 500, ROWS])
def test_so_many_rows_that_a_scan_is_less_work_are_exact(k: int) -> None:
    assert not Effort(1, 100).of(k).saves(ROWS)
    found, expected = coded(1).search(QUERIES[:5], k), ExactIndex(VECTORS).search(QUERIES[:5], k)
    np.testing.assert_array_equal(found[1], expected[1])


def test_lists_that_hold_too_few_rows_are_not_enough() -> None:
    sizes = (CODES.propose(QUERIES, 1, ROWS) >= 0).sum(axis=1)
    short = sizes < 45
    assert 0 < short.sum() < len(QUERIES)
    found, expected = coded(1).search(QUERIES, 45), ExactIndex(VECTORS).search(QUERIES, 45)
    assert (found[1] >= 0).all()
    assert (found[1][short] == expected[1][short]).all()
    assert (found[1][~short] != expected[1][~short]).any()


@pytest.mark.parametrize("dim", [1, 7, 8, 33])
def test_any_number_of_dimensions(dim: int) -> None:
    vectors = clustered_rows(3, 1200, dim)
    index = CodedIndex(vectors, codes_of(vectors, 32), Effort(16, 100))
    expected = ExactIndex(vectors).search(vectors[:50], 10)[0]
    assert (index.search(vectors[:50], 10)[0] >= expected[:, -1:]).mean() > 0.9


def test_rows_that_are_all_alike() -> None:
    vectors = np.repeat(clustered_rows(0, 1, DIM), 1500, axis=0)
    index = CodedIndex(vectors, codes_of(vectors, 32), Effort(8, 100))
    scores, rows = index.search(vectors[:2], 10)
    assert (scores == scores[0, 0]).all()
    assert scores[0, 0] == pytest.approx(1)
    assert all(len({*line}) == 10 for line in rows.tolist())
    sample = RecallSample.draw(vectors, FaissIndex(vectors), 20, silent)
    assert (sample.recalls(index) == 1).all()  # another row of the same score is as good


def test_the_same_rows_get_the_same_codes() -> None:
    parts: list[list[bytes]] = [[], []]
    CODES.write(parts[0].append)
    codes_of(VECTORS, block=700).write(parts[1].append)  # in other blocks
    assert b"".join(parts[0]) == b"".join(parts[1])


def test_no_query_is_no_answer_and_wrong_arguments_are_told() -> None:
    index = coded()
    scores, rows = index.search(np.empty((0, DIM), np.float32), 3)
    assert scores.shape == rows.shape == (0, 3)
    with pytest.raises(ValueError, match=r"float32 of shape \(n, 32\)"):
        index.search(QUERIES[:, :7], 1)
    with pytest.raises(ValueError, match="finite"):
        index.search(np.full((1, DIM), np.nan, np.float32), 1)
    with pytest.raises(ValueError, match="at least 1"):
        index.search(QUERIES, 0)
    with pytest.raises(ValueError, match="sorted, disjoint and within 4000"):
        index.search(QUERIES, 1, [(0, ROWS + 1)])


def test_the_plan_scans_up_to_50_000_rows_and_wherever_all_are_asked_for() -> None:
    assert not PLAN.has_codes(50_000, 0.98)
    assert PLAN.has_codes(50_001, 0.98)
    assert not PLAN.has_codes(10_000_000, 1.0)
    assert [PLAN.lists(rows) for rows in (1, 16, 100_001, 1_000_000, 10_000_000)] == [
        1,
        16,
        1024,
        4096,
        16384,
    ]


@pytest.mark.parametrize("rows", [1000, 100_001, 1_000_000])
def test_efforts_go_up_and_all_are_less_work_than_a_scan(rows: int) -> None:
    efforts = IndexPlan().efforts(rows)
    assert efforts[0] == Effort(8, 100)
    assert all(effort.saves(rows) and 2 * effort.probes <= PLAN.lists(rows) for effort in efforts)
    for i, effort in enumerate(efforts):
        assert not any(
            later.probes <= effort.probes and later.candidates <= effort.candidates
            for later in efforts[i + 1 :]
        )


def test_an_effort_grows_with_what_is_asked_for() -> None:
    effort = Effort(8, 100)
    assert effort.of(1) == effort.of(10) == effort
    assert effort.of(40) == replace(effort, probes=16, candidates=400)
    assert effort.of(400).saves(100_000)
    assert not effort.of(500).saves(100_000)
