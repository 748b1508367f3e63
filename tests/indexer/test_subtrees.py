"""Large categories with codes of their own: used wherever they are asked for, as good as a scan."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.coded_index import CodedIndex, CodedRows
from indexer.faiss_index import FaissIndex, RowCodes
from indexer.index_plan import Effort, IndexPlan, SubtreeStructure
from indexer.live_rows import LiveRows
from indexer.nearest_rows import nearest_rows
from indexer.row_ranges import merged
from indexer.selection import Selection
from indexer.shop import Shop
from indexer.vector_index import ExactIndex, RowRange, best_of_all, rows_in
from indexer.versions import IndexVersion, versions
from tests.indexer.coded_versions import CATEGORY_ROWS, clustered_rows, write_rows
from vsearch.errors import VersionError
from vsearch.taxonomy import CategoryPath

Vectors = NDArray[np.float32]
Ranges = tuple[RowRange, ...]
PLAN = IndexPlan(exact_rows=1000, subtree_rows=3000, recall_sample=100)
VECTORS = clustered_rows(0, 8000)
QUERIES = clustered_rows(0, 60)  # of the same clusters
EVEN, ODD = ("Even",), ("Odd",)


def path_of(category: int) -> CategoryPath:
    return (("Even", "Odd")[category % 2], f"C{category}")


def ranges_of(parity: int) -> Ranges:
    starts = range(parity * CATEGORY_ROWS, len(VECTORS), 2 * CATEGORY_ROWS)
    return tuple((start, start + CATEGORY_ROWS) for start in starts)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as shop:
        yield shop


def write(shop: Shop, plan: IndexPlan = PLAN, recall: float = 0.98) -> IndexVersion:
    return write_rows(shop, VECTORS, plan=plan, recall=recall, path_of=path_of)


def test_a_large_category_gets_codes_that_find_what_a_scan_does(shop: Shop) -> None:
    stages: dict[str, tuple[int, int]] = {}
    version = write_rows(
        shop,
        VECTORS,
        plan=PLAN,
        path_of=path_of,
        progress=lambda stage, *units: stages.update({stage: units}),
    )
    told = version.manifest
    assert [(one.path, one.rows) for one in told.subtrees] == [(EVEN, 4000), (ODD, 4000)]
    for one in told.subtrees:
        assert min(one.recall_inside, one.recall_outside) == one.codes_recall >= 0.9995
        assert one.probes >= 64
        assert one.candidates >= 400
    assert {"codes-0.faiss", "codes-1.faiss"} < set(told.files) == set(told.file_names)
    assert stages["codes of Odd"] == (4000, 4000)
    assert stages["recall of Even"] == (100, 100)
    assert isinstance(version.index, CodedIndex)
    assert [part.ranges for part in version.index.parts] == [ranges_of(0), ranges_of(1)]
    for path in (EVEN, ODD):
        within = version.ranges([path])
        expected = ExactIndex(VECTORS).search(QUERIES, 10, within)[0]
        found = version.index.search(QUERIES, 10, within)[0]
        assert (found >= expected[:, -1:]).mean() > 0.998
        exactly = version.scanned().index.search(QUERIES, 10, within)[0]
        np.testing.assert_array_equal(exactly, expected)


def test_each_has_a_canary_of_its_own(shop: Shop) -> None:
    version = write(shop)
    assert [canary.within for canary in version.canaries] == [None, ranges_of(0), ranges_of(1)]
    for canary in version.canaries:
        assert len(canary.queries) == 8
        expected = ExactIndex(VECTORS).search(canary.queries, 10, canary.within)
        np.testing.assert_array_equal(canary.scores, expected[0])
    version.verify()


def test_the_same_rows_make_the_same_version(shop: Shop) -> None:
    first, second = (write(shop).manifest for _ in range(2))
    assert first == replace(second, version=first.version, created=first.created)
    (listed, _) = [entry.to_json() for entry in versions(shop)]
    assert json.loads(json.dumps(listed))["subtrees"][1]["path"] == ["Odd"]


def test_where_codes_do_not_reach_what_a_filter_needs_the_category_is_scanned(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexPlan, "efforts", lambda *_: [Effort(1, 20), Effort(2, 20)])
    version = write(shop, recall=0.3)
    told = version.manifest
    assert told.structure == "codes"
    for path, one in zip((EVEN, ODD), told.subtrees, strict=True):
        assert 0.1 < one.codes_recall < 0.9995
        scanned = SubtreeStructure(path, 4000, codes_recall=one.codes_recall)
        assert one == scanned
        expected = ExactIndex(VECTORS).search(QUERIES, 10, version.ranges([path]))
        found = version.index.search(QUERIES, 10, version.ranges([path]))
        np.testing.assert_array_equal(found[1], expected[1])
    assert not list(version.folder.glob("codes-*.faiss"))
    assert len(version.canaries) == 1


@pytest.mark.parametrize(
    ("plan", "recall"), [(PLAN, 1.0), (replace(PLAN, subtree_rows=4000), 0.98)]
)
def test_small_categories_and_a_recall_of_all_are_scanned(
    shop: Shop, plan: IndexPlan, recall: float
) -> None:
    version = write(shop, plan, recall)
    assert version.manifest.subtrees == ()
    assert not list(version.folder.glob("codes-*.faiss"))


CODES = RowCodes.learn(VECTORS[::4], 32)
CODES.add(VECTORS, np.arange(len(VECTORS)))


def codes_of(ranges: Ranges) -> RowCodes:
    rows = rows_in(ranges)
    codes = RowCodes.learn(VECTORS[rows[::4]], 32)
    codes.add(VECTORS[rows], rows)
    return codes


PARTS = {ranges: codes_of(ranges) for ranges in (ranges_of(0), ranges_of(1), ((0, 4000),))}


def coded(effort: Effort) -> CodedIndex:
    parts = [CodedRows(ranges, codes, effort) for ranges, codes in PARTS.items()]
    return CodedIndex(VECTORS, CODES, effort, parts)


def thorough(patched: pytest.MonkeyPatch) -> CodedIndex:
    """Return an index whose codes propose all of their rows: only mistakes can differ."""
    patched.setattr(Effort, "saves", lambda *_: True)
    patched.setattr(Effort, "of", lambda effort, _: effort)
    return coded(Effort(32, len(VECTORS)))


pieces = st.sets(st.integers(0, 15), max_size=16).map(
    lambda some: merged((CATEGORY_ROWS * i, CATEGORY_ROWS * (i + 1)) for i in sorted(some))
)


@settings(deadline=None, max_examples=40)
@given(pieces, st.sampled_from([1, 10, 700]))
def test_ranges_are_put_together_from_codes_and_scans(ranges: Ranges, k: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        found = thorough(patched).search(QUERIES[:4], k, ranges)
    expected = ExactIndex(VECTORS).search(QUERIES[:4], k, ranges)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


def test_codes_are_used_where_all_of_their_rows_are_asked_for_and_only_there() -> None:
    index, exact = coded(Effort(1, 20)), FaissIndex(VECTORS)
    even = index.search(QUERIES, 10, ranges_of(0))
    assert (even[0] < exact.search(QUERIES, 10, ranges_of(0))[0]).any()
    one_more = merged(sorted((*ranges_of(0), (500, 1000))))
    expected = best_of_all([even, exact.search(QUERIES, 10, [(500, 1000)])], 10)
    np.testing.assert_array_equal(index.search(QUERIES, 10, one_more)[1], expected[1])
    for scanned in (ranges_of(0)[1:], ((1, 4000),)):
        expected = exact.search(QUERIES, 10, scanned)
        np.testing.assert_array_equal(index.search(QUERIES, 10, scanned)[1], expected[1])


def test_so_many_of_a_category_that_a_scan_is_less_work_are_exact() -> None:
    found = coded(Effort(1, 20)).search(QUERIES[:3], 300, ranges_of(0))
    expected = ExactIndex(VECTORS).search(QUERIES[:3], 300, ranges_of(0))
    np.testing.assert_array_equal(found[1], expected[1])


@settings(deadline=None, max_examples=30)
@given(pieces.filter(len), st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.5, 0.99]))
def test_dead_rows_and_bitmaps_leave_the_nearest_that_count(
    ranges: Ranges, seed: int, share: float
) -> None:
    mask = np.random.default_rng(seed).random(len(VECTORS)) < share
    rows = rows_in(ranges)
    counted = rows[mask[rows]]
    chosen = Selection(ranges, mask, len(counted), np.empty(0, np.int64))
    with pytest.MonkeyPatch.context() as patched:
        version = AsVersion(thorough(patched))
        found = nearest_rows(version, NOTHING_NEW, chosen, QUERIES[:3], 12)  # type: ignore[arg-type]
    scores, places = ExactIndex(VECTORS[counted]).search(QUERIES[:3], 12)
    np.testing.assert_array_equal(found.scores, scores)
    there = places >= 0
    np.testing.assert_array_equal(found.item_keys[there], counted[places[there]])


class AsVersion:
    """What a search of nearest rows needs of a version; a row is its own item and photo."""

    def __init__(self, index: CodedIndex) -> None:
        self.index, self.vectors = index, index.vectors
        self.item_keys = self.photo_keys = np.arange(index.rows)


NOTHING_NEW = LiveRows.__new__(LiveRows)  # no place in the delta is asked for


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def others(path: Path) -> None:
    """Put codes of other rows there, which the manifest says are right."""
    swap = path.with_name("codes-1.faiss").read_bytes()
    path.write_bytes(swap)
    manifest = path.with_name("manifest.json")
    told = json.loads(manifest.read_text())
    told["files"][path.name] = told["files"]["codes-1.faiss"]
    manifest.write_text(json.dumps(told))


def without_subtrees(path: Path) -> None:
    manifest = path.with_name("manifest.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"subtrees": [{"rows": 3}]}))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_a_bit, r"codes-0\.faiss is not what was written \(SHA-256 differs\)"),
        (Path.unlink, r"codes-0\.faiss has 0 bytes"),
        (others, "known queries are not answered as they were"),
        (without_subtrees, r"manifest\.json cannot be read"),
    ],
)
def test_damaged_codes_of_a_category_are_refused_when_the_version_is_opened(
    shop: Shop, damage: Callable[[Path], None], told: str
) -> None:
    folder = write(shop).folder
    damage(folder / "codes-0.faiss")
    with pytest.raises(VersionError, match=told):
        IndexVersion.open(folder)
