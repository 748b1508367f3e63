import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest

from vsearch.device_memory import Room
from vsearch.devices import default_compile_cache, describe_devices, first_gpu, room

SHOW = (
    "import jax; from vsearch.devices import use_compile_cache; use_compile_cache();"
    "print(jax.config.values['jax_compilation_cache_dir'])"
)


def chosen_cache(**environment: str) -> str:
    """Return what a fresh process takes as its compile cache."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("VSEARCH", "JAX", "XDG"))}
    run = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=known | environment,
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.strip()


def test_every_device_is_described_with_the_version() -> None:
    lines = describe_devices()
    assert len(lines) == jax.device_count()
    assert all(jax.__version__ in line for line in lines)


def test_a_gpu_is_what_jax_computes_on_or_there_is_none() -> None:
    assert (first_gpu() is None) == (jax.default_backend() != "gpu")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (None, None),
        ({"bytes_in_use": 5}, None),
        ({"bytes_in_use": 5, "bytes_limit": 90, "num_allocs": 1}, Room(90, 5)),
    ],
)
def test_the_room_of_a_device_is_what_it_tells(told: Any, found: Room | None) -> None:
    assert room(SimpleNamespace(memory_stats=lambda: told)) == found


def test_the_compile_cache_is_the_users_and_can_be_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VSEARCH_COMPILE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_compile_cache() == tmp_path / "vsearch" / "compiled"
    monkeypatch.setenv("VSEARCH_COMPILE_CACHE", str(tmp_path / "own"))
    assert default_compile_cache() == tmp_path / "own"


def test_the_compile_cache_is_used_switched_off_or_done_without(tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert chosen_cache(VSEARCH_COMPILE_CACHE=str(own)) == str(own)
    assert own.is_dir()
    assert chosen_cache(VSEARCH_COMPILE_CACHE="off") == "None"
    (tmp_path / "file").touch()
    assert chosen_cache(VSEARCH_COMPILE_CACHE=str(tmp_path / "file" / "x")) == "None"
