"""Fixtures shared by all tests: where the real photos are, and a JAX that forgives nothing."""

import os
from pathlib import Path

import pytest

# The index is searched on the CPU unless a test asks for another device.
os.environ["VSEARCH_INDEX_DEVICE"] = "cpu"
# Two CPU devices show code that silently assumes one; a rank that is promoted is a bug in waiting.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")

REAL_PHOTOS = Path(
    os.environ.get("VSEARCH_REAL_PHOTOS", Path(__file__).parents[2] / "shared" / "data")
)


def _real(name: str) -> Path:
    folder = REAL_PHOTOS / name
    if not folder.is_dir():
        pytest.skip(f"the real photos are absent: no folder {folder} (set VSEARCH_REAL_PHOTOS)")
    return folder


@pytest.fixture(scope="session")
def grocery_store() -> Path:
    """Phone photos of groceries with their shop's catalogue; see the README beside them."""
    return _real("grocery-store")


@pytest.fixture(scope="session")
def fashion_catalogue() -> Path:
    """A fashion shop's studio photos with attributes; see the README beside them."""
    return _real("fashion-catalogue")
