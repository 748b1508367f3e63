"""The benchmark of search on a GPU, small and on JAX's CPU: its recalls are asserted."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import gpu_search
from tests.benchmarks.gpu_data import SHARES, GpuData
from tests.indexer.tiny_network import TINY, offer_tiny

SMALL = [
    *("--on-cpu", "--rows", "6000", "--batches", "1,4", "--seconds", "0.01"),
    *("--copy-mb", "4", "--side", "64"),
]


def test_every_way_is_exact_and_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_tiny(monkeypatch)
    path = tmp_path / "figures.json"
    report = gpu_search.main([*SMALL, "--photos", TINY, "--json", str(path)])
    assert report is not None
    assert json.loads(path.read_text()) == report
    (size,) = report["sizes"]
    told = {(one["way"], one["filter"], one["batch"]): one for one in size["search"]}
    assert set(told) == {(w, f, b) for w in ("jax", "cpu") for f in SHARES for b in (1, 4)}
    assert {one["recall"] for one in told.values()} == {1.0}
    floors = [told["jax", name, 1]["floor_ms"] for name in SHARES]
    assert floors == sorted(floors, reverse=True)
    assert [one["batch"] for one in size["photos_jax"]] == [1, 64]
    assert size["memory"]["reckoned_rows"] == 8192 * 256 * 2
    printed = capsys.readouterr().out
    assert "faiss      not here: " in printed
    assert "JAX on cpu" in printed
    assert "GB/s copied" in printed


def test_without_a_gpu_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_search, "first_gpu", lambda: None)
    assert gpu_search.main([]) is None
    assert capsys.readouterr().out.startswith("no GPU: JAX finds ")


def test_data_are_the_same_whatever_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made = GpuData.make(70_000, 16, 20, seed=3)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    again = GpuData.make(70_000, 16, 20, seed=3)
    np.testing.assert_array_equal(made.vectors, again.vectors)
    np.testing.assert_array_equal(made.queries, again.queries)
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    assert [made.range_of(name) for name in SHARES] == [
        (0, 70_000), (0, 35_000), (35_000, 38_500), (38_500, 38_850),
    ]  # fmt: skip
    # Near some rows, and none of them.
    best = (made.queries @ made.vectors.T).max(axis=1)
    assert 0.5 < np.median(best) < 0.97


def test_recall_is_counted_by_scores() -> None:
    data = GpuData.make(3000, 16, 8)
    exact = -np.sort(-(data.queries[:4] @ data.vectors[1500:1650].T), axis=1)[:, :10]
    assert data.recall("5 %", exact) == 1
    worse = exact.copy()
    worse[:, 5:] -= 0.5
    assert data.recall("5 %", worse) == 0.5
