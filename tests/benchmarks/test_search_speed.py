"""The benchmark of search, small: its recalls are asserted, its times are not."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import search_data, search_rebuild
from tests.benchmarks.search_data import DIM, SHARES, K, SearchData
from tests.benchmarks.search_peers import ENGINES, Hnswlib
from tests.benchmarks.search_speed import main, measured, nearest

ROWS = 3000
SMALL = ["--rows", str(ROWS), "--queries", "64", "--filtered", "8"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchData]:
    folder = tmp_path_factory.mktemp("data")
    search_data.make(folder, ROWS, queries=64, filtered=8)
    return folder, SearchData.load(folder)


def test_ours_is_exact_within_every_category_and_peers_are_measured_where_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    report = main([*SMALL, "--json", str(path)])
    assert json.loads(path.read_text()) == report
    (size,) = report["sizes"]
    engines = {engine["engine"]: engine for engine in size["engines"]}
    assert list(engines) == list(ENGINES)
    ours = engines["ours"]
    assert [told["recall"] for told in ours["filter"]] == [1.0] * 2 * len(SHARES)
    assert ours["search"][0]["recall"] >= 0.99
    printed = capsys.readouterr().out
    for name, engine in engines.items():
        if engine["problem"] == "absent":
            assert f"{name:12}absent" in printed
            continue
        assert engine["problem"] is None
        efforts = [told["effort"] for told in engine["search"]]
        assert efforts == list(ENGINES[name].efforts)
        assert max(told["recall"] for told in engine["search"]) >= 0.98
        assert bool(engine["filter"]) == ENGINES[name].filters
    assert engines["faiss-hnsw"]["problem"] is None
    assert "beside ours, at the effort of the nearest recall" in printed
    assert "50 %, from outside" in printed


def test_the_generator_makes_what_it_says(data: tuple[Path, SearchData]) -> None:
    _, made = data
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    sizes = np.bincount(made.categories)
    assert len(sizes) == len(SHARES) + 20
    assert sizes[: len(SHARES)].tolist() == [1500, 150, 15, 1]
    assert len(made.queries) == 1 + 2 * len(SHARES)
    for queries in made.queries:
        assert queries.vectors.shape[1] == DIM
        # Near rows, but none of them.
        assert (queries.vectors @ made.vectors.T).max() < 0.97
    centre = made.vectors[made.categories == 1].mean(axis=0)
    inside, outside = (
        next(one.vectors for one in made.queries if one.name == f"5 %, from {where}")
        for where in ("inside", "outside")
    )
    assert (inside @ centre).mean() > 2 * (outside @ centre).mean()


def test_the_same_seed_makes_the_same_data(tmp_path: Path, data: tuple[Path, SearchData]) -> None:
    search_data.make(tmp_path, ROWS, queries=64, filtered=8)
    assert (tmp_path / "vectors.npy").read_bytes() == (data[0] / "vectors.npy").read_bytes()
    again = SearchData.load(tmp_path)
    np.testing.assert_array_equal(again.categories, data[1].categories)
    np.testing.assert_array_equal(again.queries[-1].least, data[1].queries[-1].least)


def test_recall_counts_what_belongs_to_the_answer(data: tuple[Path, SearchData]) -> None:
    _, made = data
    for queries in made.queries:
        scores = queries.vectors.astype(np.float64) @ made.vectors.T.astype(np.float64)
        if queries.category is not None:
            scores[:, made.categories != queries.category] = -2
        exact = np.argsort(-scores, axis=1)[:, : queries.answers]
        assert made.recall(queries, exact) == 1
        halved = exact.copy()
        halved[:, : (queries.answers + 1) // 2] = -1
        assert made.recall(queries, halved) == queries.answers // 2 / queries.answers
        # The same row again is no further hit, and a row of another category is none.
        assert made.recall(queries, np.repeat(exact[:, :1], K, 1)) == 1 / queries.answers
        worst = np.argsort(scores, axis=1)[:, :K]
        assert made.recall(queries, worst) == 0


def test_an_engine_that_fails_or_takes_too_long_is_told(
    tmp_path: Path, data: tuple[Path, SearchData], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = measured("faiss-hnsw", data[0], tmp_path / "late", seconds=0.2)
    assert (late["problem"], late["search"]) == ("build: its time was up", [])
    failed = measured("ours", tmp_path / "nothing", tmp_path / "failed", seconds=60)
    assert failed["problem"].startswith("build: FileNotFoundError")
    monkeypatch.setattr(sys, "executable", "false")  # it ends at once and says nothing
    killed = measured("ours", data[0], tmp_path / "killed", seconds=60)
    assert killed["problem"] == "build: it ended with 1"

    monkeypatch.setattr(Hnswlib, "package", "no-such-package")
    assert measured("hnswlib", data[0], tmp_path / "absent", seconds=60)["problem"] == "absent"


def test_an_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--peers", "milvus"])
    assert (
        "no engine ['milvus']; there are ['ours', 'exact', 'faiss-hnsw'" in capsys.readouterr().err
    )


def test_the_effort_of_the_nearest_recall() -> None:
    search: list[dict[str, Any]] = [{"recall": 0.9}, {"recall": 0.97}, {"recall": 0.995}]
    assert nearest({"search": search}, 0.98) == {"recall": 0.97}
    assert nearest({"search": []}, 0.98) is None


def test_a_rebuild_is_measured_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    report = search_rebuild.main(["--items", "400", "--rate", "100", "--json", str(path)])
    assert json.loads(path.read_text()) == report
    (told,) = report["sizes"]
    assert told["changed"] == 4
    assert told["full"].keys() == told["rebuild"].keys()
    assert min(*told["full"].values(), *told["rebuild"].values()) >= 0
    printed = capsys.readouterr().out
    assert "400 items of one photo, 256-d; 4 of them changed" in printed


def test_the_share_of_a_rebuild_and_the_network_that_it_holds_for() -> None:
    full, again = {"write": 80.0, "verify": 20.0}, {"write": 10.0, "verify": 5.0}
    # 1,000 s and 10 s of embedding: (10 + 15) / (1000 + 100).
    assert search_rebuild.share(full, again, 100_000, 100) == pytest.approx(25 / 1100)
    rate = search_rebuild.greatest_rate(full, again, 100_000)
    assert search_rebuild.share(full, again, 100_000, rate) == pytest.approx(0.05)
    assert search_rebuild.greatest_rate(full, {"write": 5.0}, 100_000) == np.inf
