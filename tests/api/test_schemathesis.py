"""The whole API keeps what its description promises, whoever asks: a short run of Schemathesis."""

import shutil
from pathlib import Path

import pytest

from tests.api import contract
from tests.api.example_shop import make_example_shop


@pytest.fixture(scope="module")
def example_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_example_shop(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def changeable(example_shop: Path, tmp_path: Path) -> Path:
    """A copy of the shop, which requests may change; its photos lie beside it."""
    shutil.copytree(example_shop.parent, tmp_path / "copied")
    return tmp_path / "copied" / example_shop.name


@pytest.mark.parametrize("scope", [None, "search", "write", "admin"])
def test_the_api_keeps_its_description(changeable: Path, scope: str | None) -> None:
    phases = ("examples", "fuzzing", "stateful")
    with contract.served(changeable) as app:
        outcome = contract.run(app, scope, 2, phases)
    assert outcome.failures == []
    assert all(outcome.examples[phase] for phase in phases)
    operations = {label for label, _ in outcome.answers}
    described = app.openapi()["paths"]
    assert len(operations) == sum(len(methods) for methods in described.values())
    answered = {status for _, status in outcome.answers}
    assert answered >= {None: {401}, "search": {200, 403}}.get(scope, {200, 404, 422})
