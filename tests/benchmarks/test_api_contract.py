"""Schemathesis at length: thousands of requests to the whole API, with every scope and without."""

import shutil
import time
from pathlib import Path

import pytest

from tests.api import contract
from tests.api.example_shop import make_example_shop

pytestmark = pytest.mark.slow

EXAMPLES = 2000  # of each scope, at least


@pytest.fixture(scope="module")
def example_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_example_shop(tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("scope", [None, "search", "write", "admin"])
def test_nothing_breaks_the_description(
    example_shop: Path, tmp_path: Path, scope: str | None
) -> None:
    shutil.copytree(example_shop.parent, tmp_path / "copied")
    started = time.perf_counter()
    with contract.served(tmp_path / "copied" / example_shop.name) as app:
        outcome = contract.run(app, scope, 30, contract.PHASES)
    seconds = time.perf_counter() - started
    statuses: dict[int, int] = {}
    for (_, status), count in outcome.answers.items():
        statuses[status] = statuses.get(status, 0) + count
    print(
        f"\n{scope or 'no key'}: {outcome.examples.total():,} requests in {seconds:.0f} s; "
        f"{dict(outcome.examples)}; answered {dict(sorted(statuses.items()))}"
    )
    assert outcome.failures == []
    assert outcome.examples.total() >= EXAMPLES
