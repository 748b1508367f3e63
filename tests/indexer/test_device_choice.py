"""Which device an index is searched on: what is asked for, what is there, what fits."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from indexer import device_choice, device_opening
from indexer.build import build
from indexer.device_choice import DeviceReport, device_report, index_device, with_device
from indexer.device_index import DeviceIndex, DevicePlan
from indexer.device_worker import DeviceWorker
from indexer.faiss_gpu_index import FaissScan
from indexer.faiss_index import FaissError, FaissIndex
from indexer.row_scans import JaxScan
from indexer.search import Searcher
from indexer.vector_index import ExactIndex
from tests.indexer.device_indexes import SHAPES, host_knn, worker
from tests.indexer.test_vector_index import unit_vectors
from tests.indexer.tiny_shop import TinyEmbedder, make_shop, painted
from vsearch.device_memory import GIB, Room
from vsearch.errors import DeviceError

VECTORS = unit_vectors(0, 300, 24)
HOST = FaissIndex(VECTORS)
CPU = jax.devices("cpu")[0]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Ask for a device, where a GPU may be or not."""

    def asked(choice: str, *, gpu: bool) -> None:
        monkeypatch.setenv("VSEARCH_INDEX_DEVICE", choice)
        monkeypatch.setattr(device_choice, "expects_gpu", lambda _: gpu)

    return asked


def test_the_environment_says_which_device(ask: Callable[..., None]) -> None:
    for choice in ("auto", "cpu", "gpu", "gpu-faiss", "gpu-jax"):
        ask(choice, gpu=False)
        assert index_device() == choice
    ask("", gpu=False)
    assert index_device() == "auto"
    ask("cuda", gpu=False)
    with pytest.raises(DeviceError, match="VSEARCH_INDEX_DEVICE is 'cuda', expected one of auto, "):
        with_device(VECTORS, HOST)


def test_an_index_is_left_as_it_is_where_no_gpu_is_to_search_it(ask: Callable[..., None]) -> None:
    for choice, gpu in (("auto", False), ("cpu", True), ("cpu", False)):
        ask(choice, gpu=gpu)
        assert with_device(VECTORS, HOST) is HOST
    ask("gpu", gpu=True)
    empty = FaissIndex(VECTORS[:0])
    assert with_device(VECTORS[:0], empty) is empty


def test_where_a_gpu_may_be_nothing_is_brought_there_before_there_are_searches(
    ask: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(device_opening, "first_gpu", lambda: asked.append(1))
    ask("auto", gpu=True)
    index = with_device(VECTORS, HOST)
    assert isinstance(index, DeviceIndex)
    assert index.host is HOST
    for _ in range(20):  # too few rows to be worth a call of the device
        index.search(VECTORS[:1], 3)
    assert index.placement.state == "cpu"
    assert asked == []
    index.placement.scan(10**9)
    index.placement.wait()
    assert asked == [1]
    assert index.placement.problem == "there is no GPU that JAX can use: run `vsearch doctor`"


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(ask: Callable[..., None]) -> None:
    if any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("there is a GPU")
    ask("gpu", gpu=False)
    index = with_device(unit_vectors(0, 5000, 24), HOST)
    with pytest.raises(DeviceError, match="there is no GPU that JAX can use"):
        index.search(VECTORS[:1], 3)


def opened(wanted: Any) -> object:
    return device_opening.opened(VECTORS, CPU, wanted, worker(), shapes=SHAPES)


def test_faiss_goes_first_and_jax_where_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        device_opening, "open_scan", lambda rows, temporary: FaissScan(rows, host_knn)
    )
    assert isinstance(opened("auto"), FaissScan)
    assert isinstance(opened("gpu-faiss"), FaissScan)
    assert isinstance(opened("gpu-jax"), JaxScan)

    def absent(*_: object) -> None:
        raise FaissError("the FAISS wheel installed is one for CPUs")

    monkeypatch.setattr(device_opening, "open_scan", absent)
    assert isinstance(opened("gpu"), JaxScan)
    with pytest.raises(DeviceError, match="is gpu-faiss, but the FAISS wheel installed is one for"):
        opened("gpu-faiss")


def test_what_keeps_rows_from_a_device_is_one_kind_of_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(DeviceError, match="rows of about unit length were expected"):
        device_opening.opened(VECTORS * 9, CPU, "auto", worker(), shapes=SHAPES)
    with pytest.raises(DeviceError, match="not needed any more"):
        device_opening.opened(VECTORS, CPU, "auto", worker(), shapes=SHAPES, go_on=lambda: False)
    closed = DeviceWorker()
    closed.close()
    with pytest.raises(DeviceError, match="its worker is closed"):
        device_opening.opened(VECTORS, CPU, "auto", closed, shapes=SHAPES)
    monkeypatch.setattr(device_opening, "room", lambda _: Room(GIB, 0))
    with pytest.raises(DeviceError, match="too little room on the GPU"):
        device_opening.opened(VECTORS, CPU, "auto", worker())


def test_an_opened_index_answers_as_the_reference_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_opening, "first_gpu", lambda: CPU)
    vectors = unit_vectors(5, 9000, 24)
    index = device_opening.device_index(vectors, FaissIndex(vectors), "gpu-jax")
    expected = ExactIndex(vectors).search(VECTORS[:3], 10)
    scores, rows = index.search(VECTORS[:3], 10)
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_array_equal(scores, expected[0])
    assert index.placement.state == "gpu"


def test_searches_go_to_the_device_and_nothing_else_does(
    ask: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_opening, "first_gpu", lambda: CPU)
    monkeypatch.setattr(
        device_opening, "DeviceIndex", partial(DeviceIndex, plan=DevicePlan(least_rows=0))
    )
    with make_shop(tmp_path, {"apple": (("Fruit",), [0, 1]), "milk": (("Dairy",), [2])}) as shop:
        build(shop, embedder=TinyEmbedder())
        ask("cpu", gpu=True)
        expected = Searcher.open(shop, embedder=TinyEmbedder()).search(painted(0)).hits
        ask("gpu-jax", gpu=True)
        searcher = Searcher.open(shop, embedder=TinyEmbedder())
        index = searcher.items.version.index
        assert isinstance(index, DeviceIndex)
        searcher.version.verify()
        states = [index.placement.state]
        assert searcher.search(painted(0)).hits == expected
        assert [*states, index.placement.state] == ["cpu", "gpu"]


def test_reports_say_what_searches_and_why_not_the_gpu(
    ask: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("cpu", gpu=True)
    assert device_report() == DeviceReport("CPU", "as VSEARCH_INDEX_DEVICE says")
    ask("auto", gpu=False)
    missing = "JAX has no CUDA plugin, or JAX_PLATFORMS leaves it out"
    assert device_report() == DeviceReport("CPU", missing)
    ask("gpu", gpu=False)
    assert device_report().problem == f"VSEARCH_INDEX_DEVICE is gpu, but {missing}"
    ask("auto", gpu=True)
    monkeypatch.setattr(device_opening, "first_gpu", lambda: None)
    assert "finds no GPU" in str(device_report().problem)
    gpu = SimpleNamespace(platform="gpu", local_hardware_id=0, device_kind="NVIDIA H100")
    monkeypatch.setattr(device_opening, "first_gpu", lambda: gpu)
    monkeypatch.setattr(device_opening, "room", lambda _: Room(68 * GIB, GIB))
    monkeypatch.setattr(device_opening, "why_absent", lambda _: None)
    report = device_report(10_000_000)
    assert report.device == "FAISS on NVIDIA H100"
    assert report.problem is None
    assert report.detail.startswith("room for 136,")
    assert "too little room" in str(device_report(200_000_000).problem)
    monkeypatch.setattr(device_opening, "why_absent", lambda _: "one for CPUs")
    assert device_report().device == "JAX on NVIDIA H100"
    ask("gpu-faiss", gpu=True)
    assert device_report().problem == "VSEARCH_INDEX_DEVICE is gpu-faiss, but one for CPUs"

    def broken() -> None:
        raise RuntimeError("no driver")

    monkeypatch.setattr(device_opening, "first_gpu", broken)
    assert device_report().problem == "JAX cannot start: no driver"
    assert "VSEARCH_INDEX_DEVICE" in os.environ
