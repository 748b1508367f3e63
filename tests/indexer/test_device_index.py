"""The index of a GPU: exact whatever it is asked for, and there when the device is not."""

import gc
import logging
import threading
import weakref
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.device_index import PLAN, DeviceIndex, DevicePlan
from indexer.device_placement import Placement
from indexer.faiss_index import FaissIndex
from indexer.row_scans import JaxScan
from indexer.vector_index import ExactIndex, Nearest, RowRange
from tests.indexer import device_indexes
from tests.indexer.device_indexes import EAGER, StubScan, by_jax, index_of, placed, worker
from tests.indexer.test_vector_index import unit_vectors
from vsearch.exact_search import Found, Part, Shapes

Vectors = NDArray[np.float32]
VECTORS = unit_vectors(0, 900, 24)
QUERIES = unit_vectors(1, 20, 24)
backends = pytest.mark.parametrize("backend", device_indexes.BACKENDS)


class Unasked:
    """An index that must not be asked."""

    dim, rows = 24, 900

    def search(self, *_: object) -> Nearest:
        raise AssertionError("the CPU was asked")


def same(found: Nearest | None, expected: Nearest) -> None:
    assert found is not None
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


def among(vectors: Vectors, queries: Vectors, k: int, mask: NDArray[np.bool_]) -> Nearest:
    """Return the reference's answer among the rows of a mask."""
    rows = np.flatnonzero(mask)
    scores, places = ExactIndex(vectors[rows]).search(queries, k)
    found = np.where(places < 0, -1, np.append(rows, -1)[places])
    return scores, found


@backends
def test_filters_hold_although_gpu_indexes_know_no_selector(
    backend: Callable[[Vectors], DeviceIndex],
) -> None:
    # Every query's own row and all that look like it lie outside of what may be found.
    vectors = np.concatenate([VECTORS[:300], np.repeat(QUERIES, 20, axis=0)])
    index = backend(vectors)
    scores, rows = index.search(QUERIES, 10, [(20, 120), (200, 300)])
    assert (((rows >= 20) & (rows < 120)) | ((rows >= 200) & (rows < 300))).all()
    assert scores.max() < 0.99
    mask = np.zeros(700, bool)
    mask[5:290:3] = True
    found = index.search_masked(QUERIES, 10, None, mask, int(mask.sum()))
    assert found is not None
    assert mask[found[1]].all()
    same(found, among(vectors, QUERIES, 10, mask))


@backends
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_masks_are_kept_as_the_reference_keeps_them(
    backend: Callable[[Vectors], DeviceIndex], data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    distinct = data.draw(st.sampled_from([None, 4, 60]), "distinct vectors")
    vectors = unit_vectors(data.draw(st.integers(0, 9)), 600, 24, distinct)
    mask = rng.random(600) < data.draw(st.sampled_from([0.002, 0.1, 0.5, 0.99]), "share")
    mask[int(rng.integers(600))] = True
    queries = QUERIES[: data.draw(st.integers(1, 20), "queries")]
    k = data.draw(st.sampled_from([1, 10, 100, 700]), "k")
    inside = np.flatnonzero(mask)
    hull: list[RowRange] | None = [(int(inside[0]), int(inside[-1]) + 1)]
    ranges = hull if data.draw(st.booleans(), "hull") else None
    found = backend(vectors).search_masked(queries, k, ranges, mask, len(inside))
    same(found, among(vectors, queries, k, mask))


def tight(take: int, most: int = 10**6) -> tuple[Shapes, DevicePlan]:
    """Return shapes and a plan under which a call finds few rows."""
    shapes = Shapes(queries=(1, 16), takes=(take // 4, take), chunks=(64, 256))
    return shapes, DevicePlan(least_rows=0, spare=2, most=most, least_share=10**9)


@pytest.mark.parametrize("k", [15, 16, 17, 100, 899, 900, 5000])
@pytest.mark.parametrize("distinct", [None, 30])
def test_more_rows_than_a_call_finds_come_in_pieces(k: int, distinct: int | None) -> None:
    shapes, plan = tight(16)
    vectors = unit_vectors(3, 900, 24, distinct)
    scan = JaxScan(placed(vectors, shapes))
    placement = Placement(lambda _: scan, 900, at_once=True)
    index = DeviceIndex(vectors, Unasked(), placement, worker(), plan)
    for ranges in (None, [(10, 300), (500, 640)]):
        expected = ExactIndex(vectors).search(QUERIES[:5], k, ranges)
        same(index.search(QUERIES[:5], k, ranges), expected)


def test_where_too_many_rows_are_alike_the_cpu_scans_what_is_left() -> None:
    shapes, plan = tight(16, most=64)
    vectors = np.concatenate([np.repeat(QUERIES[:1], 300, axis=0), VECTORS[:300]])
    index = index_of(vectors, JaxScan(placed(vectors, shapes)), plan)
    asked = counting(index)
    expected = ExactIndex(vectors).search(QUERIES, 10)
    same(index.search(QUERIES, 10), expected)
    assert asked == [1]  # the one query whose nearest rows are alike
    mask = np.ones(600, bool)
    assert index.search_masked(QUERIES, 10, None, mask, 600) is None


def counting(index: DeviceIndex) -> list[int]:
    """Note how many queries the exact index on the CPU is asked."""
    asked: list[int] = []
    search = index._exact.search

    def noted(queries: Vectors, k: int, ranges: Sequence[RowRange] | None = None) -> Nearest:
        asked.append(len(queries))
        return search(queries, k, ranges)

    index._exact.search = noted  # type: ignore[method-assign]
    return asked


def test_rows_that_half_precision_cannot_tell_apart_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    near = QUERIES[:1] + rng.normal(0, 1e-6, (400, 24)).astype(np.float32)
    vectors = np.concatenate([near / np.linalg.norm(near, axis=1, keepdims=True), VECTORS[:100]])
    assert len(np.unique(vectors[:400].astype(np.float16), axis=0)) < 300
    index = by_jax(vectors)
    same(index.search(QUERIES[:2], 5), ExactIndex(vectors).search(QUERIES[:2], 5))


@pytest.mark.parametrize("backend", [device_indexes.by_jax, device_indexes.by_faiss])
def test_queries_of_any_length_are_answered(backend: Callable[[Vectors], DeviceIndex]) -> None:
    scales = np.array([0, 1e-30, 1e-4, 70_000, 1e30], np.float32)
    queries = QUERIES[:5] * scales[:, None]
    same(backend(VECTORS).search(queries, 10), ExactIndex(VECTORS).search(queries, 10))


def test_many_threads_get_the_answers_that_one_gets() -> None:
    index, found = by_jax(VECTORS), {}
    filters: list[list[RowRange] | None] = [None, [(0, 450)], [(100, 200), (300, 800)]]
    mask = np.arange(900) % 3 == 0

    def ask(number: int) -> None:
        query, ranges = QUERIES[number % 20][None], filters[number % 3]
        masked = index.search_masked(query, 7, None, mask, int(mask.sum()))
        found[number] = index.search(query, 7 + number % 5, ranges), masked

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (plain, masked) in found.items():
        query = QUERIES[number % 20][None]
        same(plain, ExactIndex(VECTORS).search(query, 7 + number % 5, filters[number % 3]))
        same(masked, among(VECTORS, query, 7, mask))
    assert len(found) == 60


def failing(calls: int) -> StubScan:
    """Return a scan that works so many times, and never again."""
    scan = JaxScan(placed(VECTORS))

    def answer(queries: NDArray[np.float16], parts: Sequence[Part]) -> list[Found]:
        if len(stub.calls) > calls:
            raise RuntimeError("CUDA_ERROR_ECC_UNCORRECTABLE: uncorrectable memory error")
        return scan(queries, parts, None)

    stub = StubScan(answer, scan.shapes, scan.rounding)
    return stub


def test_after_a_call_that_fails_the_cpu_answers_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scan = failing(2)
    index = index_of(VECTORS, scan)
    expected = ExactIndex(VECTORS).search(QUERIES[:1], 3)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            same(index.search(QUERIES[:1], 3), expected)
    assert len(scan.calls) == 3
    (told,) = caplog.messages
    assert told.startswith("a search with a stub has failed: CUDA_ERROR_ECC_UNCORRECTABLE")
    assert told.endswith("the CPU answers from here on")
    assert index.placement.state == "cpu"
    assert index.placement.problem is not None
    assert index.search_masked(QUERIES[:1], 3, None, np.ones(900, bool), 900) is None


def test_a_mask_whose_call_fails_is_left_to_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    index = index_of(VECTORS, failing(0))
    assert index.search_masked(QUERIES[:1], 3, None, np.ones(900, bool), 900) is None
    assert "ECC" in caplog.text


def test_what_the_cpu_does_sooner_it_does() -> None:
    scan = failing(0)
    plan = DevicePlan(least_rows=100, spare=8, least_share=9)
    index = index_of(VECTORS, scan, plan)
    for queries, ranges in ((1, [(0, 99)]), (3, [(0, 33)]), (1, [(0, 50), (60, 159)])):
        expected = ExactIndex(VECTORS).search(QUERIES[:queries], 3, ranges)
        same(index.search(QUERIES[:queries], 3, ranges), expected)
    mask = np.zeros(900, bool)
    mask[:99] = True
    assert index.search_masked(QUERIES, 3, None, mask, 99) is None
    assert scan.calls == []
    index.search(QUERIES[:1], 3, [(0, 100)])
    assert len(scan.calls) == 1
    assert PLAN.least_rows > 0


def test_an_index_that_is_let_go_lets_its_rows_go() -> None:
    rows = placed(VECTORS)
    index, held = index_of(VECTORS, JaxScan(rows)), weakref.ref(rows)
    index.search(QUERIES, 3)
    placement = index.placement
    del index
    assert placement.scan(10**9) is None
    assert placement.state == "cpu"
    # Nothing else holds them, the worker's last search neither.
    placement._place = None  # type: ignore[assignment]
    del rows
    worker().call(lambda: None)
    gc.collect()
    assert held() is None


def test_before_the_rows_are_there_the_cpu_answers() -> None:
    host = FaissIndex(VECTORS)
    index = DeviceIndex(VECTORS, host, Placement(lambda _: failing(0), 900), worker(), EAGER)
    expected = host.search(QUERIES[:1], 3)
    same(index.search(QUERIES[:1], 3), expected)
    assert index.placement.state == "cpu"
    assert (index.dim, index.rows) == (24, 900)
