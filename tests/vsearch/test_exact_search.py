"""Exact search over rows on a device: against NumPy, with few programs, on JAX's CPU."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vsearch import exact_search
from vsearch.device_rows import DeviceRows, place
from vsearch.exact_search import SHAPES, Found, PackedMask, Part, Shapes, nearest_rows

Vectors = NDArray[np.float32]
SMALL = Shapes(queries=(1, 4), takes=(8, 32), chunks=(64, 256), scores=4 * 256)
DIM = 16


def unit_rows(seed: int, rows: int, dim: int = DIM, distinct: int | None = None) -> Vectors:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((distinct or rows, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[rng.integers(0, distinct, rows)] if distinct else vectors


def placed(vectors: Vectors, shapes: Shapes = SMALL) -> DeviceRows:
    rows = place(vectors, shapes=shapes)
    assert rows is not None
    return rows


@cache
def rows_of(seed: int, rows: int, distinct: int | None) -> DeviceRows:
    return placed(unit_rows(seed, rows, distinct=distinct))


def stored(rows: DeviceRows) -> NDArray[np.float64]:
    """Return the rows as the device has them."""
    return np.asarray(rows.array)[: rows.rows].astype(np.float64)


def check(
    rows: DeviceRows,
    queries: NDArray[np.float16],
    part: Part,
    mask: NDArray[np.bool_] | None,
    found: Found,
) -> None:
    """Compare with NumPy: the scores are the best ones, and belong to the rows told."""
    start, stop, take = part
    counts = np.zeros(rows.rows, bool)
    counts[start:stop] = True
    if mask is not None:
        counts &= mask
    products = queries.astype(np.float64) @ stored(rows).T
    scores, places = found
    assert scores.shape == places.shape == (len(queries), take)
    assert scores.dtype == np.float32
    there = min(take, int(counts.sum()))
    assert np.isneginf(scores[:, there:]).all()
    assert (places[:, there:] == -1).all()
    for line, told, row in zip(products, scores, places, strict=True):
        best = np.sort(line[counts])[::-1][:there]
        np.testing.assert_allclose(told[:there], best, atol=1e-6)
        np.testing.assert_allclose(told[:there], line[row[:there]], atol=1e-6)
        assert counts[row[:there]].all()
        assert len({*row[:there].tolist()}) == there


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_ranges_and_masks_are_searched_as_numpy_does(data: st.DataObject) -> None:
    count = data.draw(st.sampled_from([1, 63, 64, 65, 300, 700]), "rows")
    rows = rows_of(data.draw(st.integers(0, 2)), count, data.draw(st.sampled_from([None, 1, 5])))
    queries = unit_rows(9, data.draw(st.integers(1, 9), "queries")).astype(np.float16)
    start = data.draw(st.integers(0, count - 1), "start")
    stop = data.draw(st.integers(start + 1, count), "stop")
    part = start, stop, data.draw(st.integers(1, 32), "take")
    mask = None
    if data.draw(st.booleans(), "masked"):
        share = data.draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))
        mask = np.random.default_rng(3).random(count) < share
    (found,) = rows.search(queries, [part], None if mask is None else PackedMask.of(mask))
    check(rows, queries, part, mask, found)


def test_several_parts_are_answered_in_their_order() -> None:
    rows = rows_of(0, 700, None)
    queries = unit_rows(1, 3).astype(np.float16)
    parts = [(500, 700, 8), (0, 10, 10), (10, 11, 1)]
    for part, found in zip(parts, rows.search(queries, parts), strict=True):
        check(rows, queries, part, None, found)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The programs that are traced: queries, rows of a chunk, rows taken."""
    found: list[tuple[int, ...]] = []
    best = exact_search._best

    def noted(scores: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
        found.append((*scores.shape, k))
        return best(scores, k)

    monkeypatch.setattr(exact_search, "_best", noted)
    return found


def test_ranges_of_any_length_and_place_share_a_few_programs(
    traced: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact_search, "_TURN", 16)  # in proportion to such small chunks
    rows, rng = placed(unit_rows(0, 700, 8)), np.random.default_rng(0)

    def ask(count: int, start: int, stop: int, take: int) -> None:
        queries = unit_rows(2, count, 8).astype(np.float16)
        rows.search(queries, [(start, stop, take)])

    for count, length, take in product((1, 3, 9), (50, 500), (5, 20)):
        ask(count, 100, 100 + length, take)
    assert set(traced) == set(product((1, 4), (64, 256), (8, 32)))
    before = len(traced)
    for _ in range(40):
        start, stop = np.sort(rng.choice(701, 2, replace=False)).tolist()
        ask(int(rng.integers(1, 10)), start, stop, int(rng.integers(1, 33)))
    assert len(traced) == before


def test_what_most_searches_need_is_compiled_before_they_come(
    traced: list[tuple[int, ...]],
) -> None:
    rows = placed(unit_rows(0, 700, 12))
    rows.warm_up()
    assert set(traced) == {(1, 256, 8), (4, 256, 8)}
    before = len(traced)
    for count in (1, 2, 4):
        rows.search(unit_rows(2, count, 12).astype(np.float16), [(0, 700, 7)])
    assert len(traced) == before


def test_rows_are_placed_as_half_precision_and_their_rounding_is_measured() -> None:
    vectors = unit_rows(4, 1000, 256)
    vectors[7, :3] = [3e-6, -2e-5, 0]  # below what half precision has in full
    rows = placed(vectors)
    assert rows.array.shape == (1024, 256)
    assert (rows.rows, rows.dim) == (1000, 256)
    assert (np.asarray(rows.array)[1000:] == 0).all()
    lost = np.linalg.norm(vectors - stored(rows), axis=1)
    assert lost.max() <= rows.rounding.residual <= 1.01 * lost.max()
    assert 0 < rows.rounding.residual < 2**-11  # of unit vectors
    longest = np.linalg.norm(vectors.astype(np.float64), axis=1).max()
    assert longest <= rows.rounding.longest <= 1.01 * longest
    usual = np.abs(vectors) > 2.0**-14
    same = vectors.astype(np.float16)[usual] == np.asarray(rows.array)[:1000][usual]
    assert same.all()


def test_rows_that_half_precision_has_no_room_for_are_refused() -> None:
    vectors = unit_rows(0, 70)
    for wrong in (np.nan, np.inf, 3.0, 1e30):
        vectors[40, 2] = wrong
        with pytest.raises(ValueError, match="unit length"):
            place(vectors, shapes=SMALL)


def test_placing_stops_when_nobody_wants_the_rows_any_more() -> None:
    asked: list[int] = []

    def go_on() -> bool:
        asked.append(1)
        return len(asked) < 3

    assert place(unit_rows(0, 1000), shapes=SMALL, go_on=go_on) is None
    assert len(asked) == 3


def test_rows_lie_on_the_device_asked_for_at_one_address() -> None:
    device = jax.devices()[1]
    vectors = unit_rows(0, 130)
    rows = place(vectors, device, SMALL)
    assert rows is not None
    assert rows.device == device
    assert rows.pointer > 0
    queries = vectors[:2].astype(np.float16)
    (found,) = rows.search(queries, [(0, 130, 3)], PackedMask.of(np.ones(130, bool)))
    assert found[1][:, 0].tolist() == [0, 1]


def test_parts_that_cannot_be_are_refused() -> None:
    rows = rows_of(0, 65, None)
    query = unit_rows(0, 1).astype(np.float16)
    for part in ((-1, 4, 1), (5, 4, 1), (0, 900, 1), (0, 60, 0), (0, 60, 33)):
        with pytest.raises(ValueError, match="no part of 128 rows"):
            nearest_rows(rows.array, query, [part], shapes=SMALL)
    with pytest.raises(ValueError, match="32 rows cannot be taken of 16"):
        Shapes(takes=(32,), chunks=(16,))


def test_no_query_is_no_answer() -> None:
    (found,) = rows_of(0, 65, None).search(np.zeros((0, DIM), np.float16), [(0, 65, 4)])
    assert found[0].shape == found[1].shape == (0, 4)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 99),
    k=st.sampled_from([1, 5, 32]),
    length=st.sampled_from([64, 4096]),
    distinct=st.sampled_from([2, 50, 10**6]),
)
def test_the_best_of_blocks_are_the_best(seed: int, k: int, length: int, distinct: int) -> None:
    scores = np.random.default_rng(seed).integers(0, distinct, (3, length)).astype(np.float32)
    scores[:, ::7] = -np.inf
    values, places = (np.asarray(part) for part in exact_search._best(jnp.asarray(scores), k))
    np.testing.assert_array_equal(values, -np.sort(-scores, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(scores, places, 1), values)
    assert all(len({*line}) == k for line in places.tolist())


@pytest.mark.parametrize(
    ("length", "k", "width"),
    # Both steps look at about as many: 2^20 / 128 = 8,192 blocks, then 64 · 128 = 8,192 scores.
    [(1 << 20, 64, 128), (1 << 20, 2048, 16), (1 << 13, 64, 8), (64, 32, 1), (1000, 1, 8)],
)
def test_blocks_are_as_wide_as_saves_most(length: int, k: int, width: int) -> None:
    assert exact_search._block_width(length, k) == width


@pytest.mark.parametrize(
    ("rows", "padded"),
    [(1, 1 << 13), (8193, 1 << 14), (1_000_000, 1 << 20), (10_000_000, 10 << 20)],
)
def test_padding_is_small(rows: int, padded: int) -> None:
    assert SHAPES.padded(rows) == padded
    assert SHAPES.bytes(rows, 256) == padded * 512


@pytest.mark.parametrize(
    ("length", "queries", "chunk"),
    [
        (10_000_000, 1, 1 << 20),
        (1_000_000, 1, 1 << 20),
        (500_000, 1, 1 << 18),  # two turns of a quarter, not one of twice as much
        (50_000, 1, 1 << 16),
        (5_000, 16, 1 << 13),
        (10_000_000, 256, 1 << 18),  # as many scores as may be held
    ],
)
def test_chunks_fit_the_range_and_the_scores(length: int, queries: int, chunk: int) -> None:
    assert SHAPES.chunk(length, queries, SHAPES.padded(max(length, 10**6))) == chunk


@pytest.mark.parametrize("rows", [1, 8, 63, 64, 100])
def test_a_packed_mask_is_the_mask(rows: int) -> None:
    mask = np.random.default_rng(rows).random(rows) < 0.5
    packed = PackedMask.of(mask)
    bits = packed.padded(128)
    unpacked = np.asarray(exact_search._unpacked(jnp.asarray(bits)))
    assert unpacked[:rows].tolist() == mask.tolist()
    assert not unpacked[rows:].any()
    assert packed.name == PackedMask.of(mask.copy()).name
    mask[0] = ~mask[0]
    assert packed.name != PackedMask.of(mask).name


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("queries", [1, 16])
def test_the_search_can_be_lowered_for_a_gpu(queries: int, masked: bool) -> None:
    rows = jax.ShapeDtypeStruct((1 << 20, 256), jnp.float16)
    asked = jax.ShapeDtypeStruct((queries, 256), jnp.float16)
    bound = jax.ShapeDtypeStruct((), jnp.int32)
    mask = jax.ShapeDtypeStruct((1 << 20,), jnp.bool_) if masked else None
    lower = jax.export.export(exact_search._scan, platforms=["cuda"])
    program = lower(rows, asked, bound, bound, mask, chunk=1 << 18, take=64)
    assert program.platforms == ("cuda",)
    assert [(one.shape, one.dtype) for one in program.out_avals] == [
        ((queries, 64), jnp.float32),
        ((queries, 64), jnp.int32),
    ]
