"""Which device searches the index, for tests that are to hold on all of them."""

from collections.abc import Iterator

import pytest

from tests.indexer.device_indexes import by_jax, gpu, on_gpu, require_gpu


@pytest.fixture(scope="module", params=["cpu", "jax", pytest.param("gpu", marks=gpu)])
def index_device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Search on the CPU, then through the index of a GPU: without one, and on one (marker gpu)."""
    name: str = request.param
    with pytest.MonkeyPatch.context() as patch:
        if name == "gpu":
            require_gpu()
        if name != "cpu":
            backend = on_gpu if name == "gpu" else by_jax
            patch.setattr("indexer.item_search.with_device", lambda vectors, _: backend(vectors))
        yield name
