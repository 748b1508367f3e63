"""`doctor`: it notices what is broken and says what to do."""

import json
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app, doctor

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
    assert list(findings) == ["python", "memory", "libraries", "jax", "faiss", "pretrained weights"]
    assert "cpu" in findings["jax"]["found"]
    shown = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert "processors" in shown.output


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
