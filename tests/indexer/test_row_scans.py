"""What a device is asked, and what its answers together say for certain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.row_scans import parts_of, proposed
from indexer.vector_index import RowRange
from vsearch.exact_search import Found, Part, Shapes

SHAPES = Shapes(queries=(1,), takes=(4, 16), chunks=(64,))


def test_each_range_is_asked_for_a_size_that_has_a_program() -> None:
    assert parts_of([(0, 100), (120, 123)], 3, SHAPES) == ((0, 100, 4), (120, 123, 3))
    assert parts_of([(0, 100)], 5, SHAPES) == ((0, 100, 16),)


def test_more_rows_than_a_call_finds_are_asked_for_in_pieces() -> None:
    parts = parts_of([(10, 1010)], 50, SHAPES)
    assert parts == tuple((begin, min(begin + 160, 1010), 16) for begin in range(10, 1010, 160))
    assert sum(take for *_, take in parts) >= 2 * 50
    # So many that every row is asked for: pieces of as many rows as a call finds.
    assert parts_of([(0, 40)], 40, SHAPES) == ((0, 16, 16), (16, 32, 16), (32, 40, 8))


@given(
    cuts=st.lists(st.integers(0, 500), min_size=2, max_size=8, unique=True),
    take=st.integers(1, 400),
)
def test_parts_cover_the_ranges_once(cuts: list[int], take: int) -> None:
    bounds = sorted(cuts[: len(cuts) // 2 * 2])
    spans: list[RowRange] = list(zip(bounds[::2], bounds[1::2], strict=True))
    parts = parts_of(spans, take, SHAPES)
    covered = [row for start, stop, _ in parts for row in range(start, stop)]
    assert covered == [row for start, stop in spans for row in range(start, stop)]
    assert all(1 <= wanted <= min(16, stop - start) for start, stop, wanted in parts)
    assert sum(wanted for *_, wanted in parts) >= min(take, len(covered))


def answers(scores: np.ndarray, parts: tuple[Part, ...]) -> list[Found]:
    """Return what a device finds, given the rough scores of all rows, (n, rows)."""
    found = []
    for start, stop, take in parts:
        order = np.argsort(-scores[:, start:stop], axis=1, kind="stable")[:, :take]
        found.append((np.take_along_axis(scores[:, start:stop], order, 1), order + start))
    return found


@settings(deadline=None)
@given(seed=st.integers(0, 999), take=st.integers(1, 60), distinct=st.sampled_from([3, 10**6]))
def test_no_row_that_is_left_out_is_above_the_floor(seed: int, take: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, distinct, (2, 120)).astype(np.float32)
    parts = parts_of([(0, 50), (60, 120)], take, SHAPES)
    proposal = proposed(parts, answers(scores, parts), take)
    inside = [*range(50), *range(60, 120)]
    for line, rows, floor in zip(scores, proposal.rows, proposal.floors, strict=True):
        assert len({*rows.tolist()}) == len(rows) <= take
        left = [row for row in inside if row not in {*rows.tolist()}]
        assert {*rows.tolist()} <= {*inside}
        assert not left or line[left].max() <= floor
        if len(parts) == 2 and take <= 16:
            assert len(rows) == take
            assert line[rows].min() == np.sort(line[inside])[-take]


def test_where_all_rows_came_back_there_is_no_floor() -> None:
    scores = np.arange(6, dtype=np.float32)[None]
    parts = parts_of([(0, 6)], 10, SHAPES)
    proposal = proposed(parts, answers(scores, parts), 10)
    assert proposal.floors.tolist() == [-np.inf]
    assert sorted(proposal.rows[0].tolist()) == [0, 1, 2, 3, 4, 5]


def test_fewer_rows_that_count_than_were_asked_for_are_all_there_are() -> None:
    found = [
        (np.array([[0.5, 0.2, -np.inf, -np.inf]], np.float32), np.array([[7, 3, -1, -1]])),
        (np.array([[0.4, -np.inf, -np.inf, -np.inf]], np.float32), np.array([[90, -1, -1, -1]])),
    ]
    proposal = proposed(((0, 50, 4), (60, 100, 4)), found, 4)
    assert proposal.floors.tolist() == [-np.inf]
    assert sorted(proposal.rows[0].tolist()) == [-1, 3, 7, 90]
    (cut,) = proposed(((0, 50, 4), (60, 100, 4)), found, 2).floors
    assert cut == pytest.approx(0.2)
