"""`doctor`: it notices what is broken and says what to do."""

import json
import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app, doctor, main
from indexer.device_choice import DeviceReport
from tests.api.test_cli import answer, run
from vsearch.device_memory import JAX_SHARE

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that these FAISS wheels are installed and no others, and these packages are not."""
    real = metadata.version

    def pretend(*wheels: str, without: str = "") -> None:
        def version(name: str) -> str:
            if name == without or (name in doctor.FAISS_WHEELS and name not in wheels):
                raise metadata.PackageNotFoundError(name)
            return "1.2.3" if name in wheels else real(name)

        monkeypatch.setattr(metadata, "version", version)

    return pretend


def diagnose(*arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["doctor", *arguments, "--json"])
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    assert document["ok"] == (code == 0)
    assert document["versions"]["numpy"] == metadata.version("numpy")
    return {finding["what"]: finding for finding in document["findings"]}


def test_a_sound_machine_passes() -> None:
    findings = diagnose()
    assert list(findings) == [
        "python", "memory", "libraries", "jax", "faiss", "index", "pretrained weights",
    ]  # fmt: skip
    assert findings["index"]["found"] == "searched on CPU: as VSEARCH_INDEX_DEVICE says"
    assert "cpu" in findings["jax"]["found"]
    shown = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert "processors" in shown.output


def test_a_command_bounds_what_jax_takes_before_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XLA_")}
    monkeypatch.setattr(os, "environ", kept)
    seen: list[str] = []
    monkeypatch.setattr("api.cli.app", lambda: seen.append(kept["XLA_CLIENT_MEM_FRACTION"]))
    main()
    assert seen == [str(JAX_SHARE)]
    assert kept["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


def test_two_faiss_wheels_are_broken(install: Install) -> None:
    install("faiss-cpu", "faiss-gpu")
    faiss = diagnose(code=1)["faiss"]
    assert faiss["found"] == "faiss-cpu 1.2.3 and faiss-gpu 1.2.3"
    assert "pip uninstall faiss-cpu faiss-gpu" in faiss["advice"]
    shown = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "120"})
    assert "overwrite one another" in shown.output


def test_no_faiss_wheel_is_broken(install: Install) -> None:
    install()
    assert "vsearch[cpu]" in diagnose(code=1)["faiss"]["advice"]


def test_a_gpu_that_is_asked_for_and_not_there_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VSEARCH_INDEX_DEVICE", "gpu-jax")
    monkeypatch.setattr("indexer.device_choice.expects_gpu", lambda _: False)
    index = diagnose()["index"]
    assert index["state"] == "warning"
    assert "VSEARCH_INDEX_DEVICE is gpu-jax, but JAX has no CUDA plugin" in index["found"]
    assert "set VSEARCH_INDEX_DEVICE to cpu" in index["advice"]
    monkeypatch.setenv("VSEARCH_INDEX_DEVICE", "tpu")
    wrong = diagnose(code=1)["index"]
    assert "expected one of auto, cpu, gpu, gpu-faiss, gpu-jax" in wrong["found"]


def test_an_index_with_too_little_room_is_told(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def report(rows: int = 0, dim: int = 256) -> DeviceReport:
        problem = f"too little room on the GPU: {rows} rows of {dim}" if rows else None
        return DeviceReport("CPU" if rows else "JAX on a GPU", problem=problem)

    monkeypatch.setattr("indexer.device_choice.device_report", report)
    findings = diagnose(str(trained / "shop"))
    assert findings["index"]["found"] == "searched on JAX on a GPU"
    told = findings["shop's index"]
    assert told["state"] == "warning"
    assert "searched on CPU: too little room on the GPU: 12 rows of" in told["found"]
    document = answer("status", trained / "shop")
    assert document["index_device"] == "CPU"
    assert document["index_device_problem"].startswith("too little room on the GPU: 12 rows")
    shown = run("status", trained / "shop").output
    assert "searched on" in shown
    assert "too little room on the GPU" in " ".join(shown.split())


def test_a_missing_library_is_broken(install: Install) -> None:
    install("faiss-cpu", without="uvicorn")
    assert "uvicorn" in diagnose(code=1)["libraries"]["found"]


def test_missing_weights_are_a_warning(install: Install) -> None:
    install("faiss-cpu", without=doctor.WEIGHTS_PACKAGE)
    weights = diagnose()["pretrained weights"]
    assert weights["state"] == "warning"
    assert "vsearch[pretrained]" in weights["advice"]


def test_a_shop_is_looked_at(trained: Path, tmp_path: Path) -> None:
    found = diagnose(str(trained / "shop"))["shop"]
    assert found["state"] == "ok"
    assert "12 rows, verified" in found["found"]
    assert diagnose(str(tmp_path), code=1)["shop"]["state"] == "broken"
    CliRunner().invoke(app, ["init", str(tmp_path / "new")])
    assert diagnose(str(tmp_path / "new"))["shop"]["state"] == "warning"


def test_a_shop_whose_network_cannot_be_loaded_is_broken(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vsearch.embed", None)  # what a broken JAX leaves
    found = diagnose(str(trained / "shop"), code=1)["shop"]
    assert found["state"] == "broken"
    assert "vsearch.embed" in found["advice"]
