"""Versions of many rows: when there are codes, and that they reach the recall asked for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import version_files
from indexer.build import build
from indexer.coded_index import CodedIndex
from indexer.faiss_index import FaissIndex
from indexer.index_plan import Effort, IndexPlan
from indexer.search import Searcher
from indexer.shop import Shop, ShopSettings
from indexer.vector_index import ExactIndex, VectorIndex
from indexer.versions import IndexVersion, versions
from tests.indexer.coded_versions import PLAN, clustered_rows, write_rows
from tests.indexer.tiny_shop import TinyEmbedder, item_row, make_shop
from vsearch.errors import ShopError

Vectors = NDArray[np.float32]
VECTORS = clustered_rows(0, 3000)
QUERIES = clustered_rows(0, 50)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as shop:
        yield shop


def test_up_to_the_threshold_a_version_is_scanned(shop: Shop) -> None:
    version = write_rows(shop, VECTORS[:1000])
    told = version.manifest
    assert (told.structure, told.recall, told.recall_sample) == ("exact", 1.0, 0)
    assert (told.probes, told.candidates, told.codes_recall) == (0, 0, None)
    assert isinstance(version.index, FaissIndex)
    assert not (version.folder / "codes.faiss").exists()


def test_above_it_has_codes_that_reach_the_recall_asked_for(shop: Shop) -> None:
    done: dict[str, list[tuple[int, int]]] = {}
    version = write_rows(
        shop, VECTORS, progress=lambda stage, *units: done.setdefault(stage, []).append(units)
    )
    told = version.manifest
    assert (told.structure, told.recall_sample, told.least_recall) == ("codes", 200, 0.98)
    assert 0.98 <= told.recall <= 1
    assert told.codes_recall == told.recall
    assert isinstance(version.index, CodedIndex)
    assert version.index.whole.effort == Effort(told.probes, told.candidates)
    assert set(told.files) == set(told.file_names)
    assert {"codes.faiss", "canary.json"} < set(told.files)
    exact = ExactIndex(VECTORS).search(QUERIES, 10)[0]
    assert (version.index.search(QUERIES, 10)[0] >= exact[:, -1:]).mean() > 0.97
    for stage, total in (("codes", 3000), ("recall", 200)):
        assert done[stage][0] == (0, total)
        assert done[stage][-1] == (total, total)


def test_a_higher_recall_is_searched_further_for(shop: Shop) -> None:
    scattered = clustered_rows(0, 3000, clusters=3000)
    least = (0.5, 0.9, 0.99)
    told = [write_rows(shop, scattered, recall=recall).manifest for recall in least]
    assert [one.structure for one in told] == ["codes"] * 3
    assert all(one.recall >= recall for one, recall in zip(told, least, strict=True))
    probes = [one.probes for one in told]
    assert probes == sorted(probes)
    assert probes[0] < probes[2]


def test_where_codes_do_not_reach_it_the_version_is_scanned(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexPlan, "efforts", lambda *_: [Effort(1, 20), Effort(2, 20)])
    version = write_rows(shop, VECTORS)
    told = version.manifest
    assert (told.structure, told.recall, told.recall_sample) == ("exact", 1.0, 0)
    assert told.codes_recall is not None
    assert 0.5 < told.codes_recall < 0.98
    assert set(told.files) == set(version_files.FILES)
    assert isinstance(version.index, FaissIndex)
    version.verify()


def test_a_recall_of_all_is_a_scan(shop: Shop) -> None:
    assert write_rows(shop, VECTORS, recall=1.0).manifest.structure == "exact"


def test_the_exact_search_is_always_there_and_ranges_are_always_exact(shop: Shop) -> None:
    version = write_rows(shop, VECTORS, recall=0.6)
    expected = ExactIndex(VECTORS).search(QUERIES, 10)
    for found in (
        version.exact.search(QUERIES, 10),
        version.index.search(QUERIES, 10, version.ranges()),
    ):
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[0], expected[0])
    within = version.ranges([("C1",), ("C3",)])
    assert within == [(500, 1000), (1500, 2000)]
    expected = ExactIndex(VECTORS).search(QUERIES, 10, within)
    np.testing.assert_array_equal(version.index.search(QUERIES, 10, within)[1], expected[1])


def test_the_same_rows_make_the_same_version(shop: Shop) -> None:
    first, second = (write_rows(shop, VECTORS).manifest for _ in range(2))
    assert first.files == second.files
    assert first == replace(second, version=first.version, created=first.created)


def test_versions_tell_structure_and_recall(shop: Shop) -> None:
    write_rows(shop, VECTORS[:900])
    coded = write_rows(shop, VECTORS)
    told = [entry.to_json() for entry in versions(shop)]
    assert [(one["structure"], one["recall_sample"]) for one in told] == [
        ("codes", 200),
        ("exact", 0),
    ]
    assert told[0]["recall"] == coded.manifest.recall
    assert told[0]["probes"] == coded.manifest.probes


def test_an_open_version_with_codes_outlives_its_folder(shop: Shop) -> None:
    version = write_rows(shop, VECTORS)
    expected = version.index.search(QUERIES, 10)[1]
    for path in version.folder.iterdir():
        path.unlink()
    np.testing.assert_array_equal(version.index.search(QUERIES, 10)[1], expected)


def test_blocks_of_vectors_are_not_held(shop: Shop) -> None:
    held: list[int] = []

    def blocks(vectors: Vectors) -> Iterator[Vectors]:
        for start in range(0, len(vectors), 100):
            held.append(start)
            yield vectors[start : start + 100]

    assert write_rows(shop, VECTORS, blocks=blocks).manifest.rows == 3000
    assert held == list(range(0, 3000, 100))


def test_a_build_keeps_the_recall_asked_for_and_builds_anew_for_another(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    with make_shop(tmp_path, {}) as shop:
        rows = [
            item_row(folder, f"item-{i}", (f"C{i % 3}",), range(110 * i, 110 * i + 110))
            for i in range(10)
        ]
        shop.catalogue.upsert_items(rows)
        reports = [
            build(shop, embedder=TinyEmbedder(), plan=PLAN, recall=recall)
            for recall in (0.9, None, 1.0, 0.9)
        ]
        assert [report.published for report in reports] == [True, False, True, True]
        assert [report.structure for report in reports] == ["codes", "codes", "exact", "codes"]
        assert reports[0].recall >= 0.9
        assert reports[2].recall == 1
        assert reports[0].to_json()["structure"] == "codes"
        assert shop.settings.recall == 0.9
        assert ShopSettings.from_toml(shop.settings.to_toml()).recall == 0.9
        opened: VectorIndex = IndexVersion.open(shop.indexes / reports[3].version).index
        assert isinstance(opened, CodedIndex)


@pytest.mark.parametrize("recall", ["0", "0.0", "1.01", '"all"', "nan"])
def test_a_recall_that_cannot_be_is_refused(recall: str) -> None:
    with pytest.raises(ShopError, match=r"recall is .*, expected a share such as 0\.98"):
        ShopSettings.from_toml(f'name = "A shop"\nrecall = {recall}\n')


def test_a_search_may_be_exact_whatever_the_version_has(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexPlan, "efforts", lambda *_: [Effort(1, 20)])
    vectors = clustered_rows(0, 3000, TinyEmbedder.dim)
    write_rows(shop, vectors, recall=0.3)
    usual = Searcher.open(shop, embedder=TinyEmbedder())
    exact = Searcher.open(shop, embedder=TinyEmbedder(), exact=True)
    assert isinstance(usual.version.index, CodedIndex)
    queries = clustered_rows(0, 100, TinyEmbedder.dim)
    expected = ExactIndex(vectors).search(queries, 10)[0]
    assert (usual.items.nearest(queries, 10).scores < expected).any()
    np.testing.assert_array_equal(exact.items.nearest(queries, 10).scores, expected)
