"""The arithmetic of a GPU that network and index share."""

import pytest

from vsearch import device_memory
from vsearch.device_memory import (
    CONTEXTS,
    FAISS_TEMPORARY,
    GIB,
    JAX_SHARE,
    NETWORK,
    Need,
    Room,
    bound_preallocation,
    expects_gpu,
    faiss_temporary,
    fitting_rows,
    jax_share,
)
from vsearch.exact_search import SHAPES


def test_jax_takes_what_it_needs_up_to_its_share() -> None:
    environment: dict[str, str] = {}
    bound_preallocation(environment)
    assert environment == {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_CLIENT_MEM_FRACTION": "0.85",
    }
    assert jax_share(environment) == JAX_SHARE


@pytest.mark.parametrize(
    ("name", "value", "share"),
    [
        ("XLA_PYTHON_CLIENT_MEM_FRACTION", ".5", 0.5),  # two names of one thing: JAX takes one
        ("XLA_CLIENT_MEM_FRACTION", "0.3", 0.3),
        ("XLA_CLIENT_MEM_FRACTION", "much", 0.75),
        ("XLA_CLIENT_MEM_FRACTION", "0", 0.75),
    ],
)
def test_a_share_that_somebody_has_set_stays(name: str, value: str, share: float) -> None:
    environment = {name: value}
    bound_preallocation(environment)
    assert environment == {name: value, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert jax_share(environment) == share


@pytest.mark.parametrize("name", ["XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_ALLOCATOR"])
def test_an_allocator_that_somebody_has_set_stays(name: str) -> None:
    environment = {name: "platform"}
    bound_preallocation(environment)
    assert environment == {name: "platform", "XLA_CLIENT_MEM_FRACTION": "0.85"}


def need(rows: int) -> Need:
    return Need(SHAPES.bytes(rows, 256), SHAPES.scratch(256))


def room(card: int, used: int = 0) -> Room:
    """Return the room of a card of so many GiB."""
    return Room(round(JAX_SHARE * card * GIB), used)


def test_a_hundred_million_rows_fit_a_card_of_80_gib_beside_the_network() -> None:
    assert need(100_000_000).problem(room(80)) is None
    assert need(10_000_000).problem(room(16)) is None
    assert need(100_000_000).problem(None) is None  # a device that does not tell


def test_too_little_room_is_told_in_figures() -> None:
    told = need(100_000_000).problem(room(48))
    assert told is not None
    assert told.startswith("too little room on the GPU: the index needs 48.0 GiB, its searches 0.8")
    assert "of 40.8 GiB that JAX may take, 40.8 GiB are free" in told
    # An older version that still serves is in the way.
    told = need(100_000_000).problem(room(80, used=48 * GIB))
    assert told is not None
    assert "20.0 GiB are free" in told
    assert Room(1, 5).free == 0


def test_as_many_rows_as_are_told_fit() -> None:
    free, scratch = room(16), SHAPES.scratch(256)
    rows = fitting_rows(free, scratch, 256)
    assert Need(rows * 512, scratch).problem(free) is None
    assert Need((rows + 1) * 512, scratch).problem(free) is not None
    assert fitting_rows(Room(NETWORK, 0), scratch, 256) == 0


@pytest.mark.parametrize("card", [8, 16, 24, 48, 80, 141])
def test_all_that_shares_a_card_fits_it(card: int) -> None:
    limit = room(card).limit
    temporary = faiss_temporary(limit)
    assert temporary == FAISS_TEMPORARY
    assert limit + temporary + CONTEXTS <= card * GIB


def test_faiss_gets_nothing_where_nothing_is_to_spare() -> None:
    assert faiss_temporary(3 * GIB) == 0
    assert faiss_temporary(72 * GIB, share=0.99) == pytest.approx(0.227 * GIB, rel=0.01)
    assert faiss_temporary(80 * GIB, share=1.0) == 0


def test_a_gpu_is_expected_where_a_plugin_is_and_jax_may_use_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def installed(name: str) -> bool:
        asked.append(name)
        return name == "jax-cuda13-plugin"

    monkeypatch.setattr(device_memory, "_is_installed", installed)
    assert expects_gpu({})
    assert expects_gpu({"JAX_PLATFORMS": "cuda,cpu"})
    assert asked == ["jax-cuda12-plugin", "jax-cuda13-plugin"] * 2
    assert not expects_gpu({"JAX_PLATFORMS": "cpu"})
    monkeypatch.setattr(device_memory, "_is_installed", lambda _: False)
    assert not expects_gpu({})
