"""`models`, `promote` and `rollback`, and a `build` whose new model is refused."""

import shutil
from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner

from api.cli import app, gate
from indexer.build import build
from indexer.gate import MAX_DROP, GateReport
from indexer.gate_figures import Change, Changes
from indexer.shop import Shop
from indexer.training import train_shop
from tests.api.test_cli import answer, run
from tests.indexer.colour_shop import make_colour_shop
from tests.indexer.shuffled import save_shuffled
from tests.indexer.tiny_network import TINY
from vsearch.fit_network import NetworkConfig
from vsearch.train import TrainConfig


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop whose model tells three colours apart; not to be changed."""
    folder = tmp_path_factory.mktemp("colours")
    network = NetworkConfig(epochs=4, batch=12, learning_rate=1e-2)
    with make_colour_shop(folder) as shop:
        report = train_shop(
            shop, TrainConfig(backbone=TINY, dim=16, network=network), labels=["colour"]
        )
        assert report.metrics["val_top1"] == 1.0
        build(shop)
    return folder / "shop"


@pytest.fixture
def shop(colours: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(colours, tmp_path / "shop"))


@pytest.fixture
def photo(colours: Path) -> Path:
    return colours.parent / "test" / "Red-0-0.png"


def poor_model(path: Path) -> tuple[str, str]:
    """Give the shop a new model whose labels are shuffled; return the good and the poor one."""
    with Shop.open(path) as shop:
        good = shop.current().model
        assert good is not None
        return good, save_shuffled(shop, good)


def test_a_refused_model_ends_the_build_with_1_and_the_service_answers_as_before(
    shop: Path, photo: Path
) -> None:
    before = answer("search", shop, photo)
    good, poor = poor_model(shop)
    document = answer("build", shop, code=1)
    assert (document["model"], document["published"], document["judged"]) == (good, False, True)
    told = document["gate"]
    assert (told["candidate"], told["standing"], told["passed"]) == (poor, good, False)
    assert (told["photos"], told["overall"]["before"], told["overall"]["after"]) == (24, 1.0, 0.0)
    assert [(one["label"], one["photos"], one["drop"]) for one in told["labels"]] == [
        ("Blue", 8, 1.0),
        ("Green", 8, 1.0),
        ("Red", 8, 1.0),
    ]
    after = answer("search", shop, photo)
    times = dict.fromkeys(("timings", "load_seconds"))
    assert {**after, **times} == {**before, **times}
    # It was told once; later builds go on with the model that serves.
    assert answer("build", shop)["gate"] == told
    assert poor in run("status", shop).output
    assert answer("status", shop)["trained_model"] == poor


def test_the_table_says_why(shop: Path) -> None:
    _, poor = poor_model(shop)
    told = " ".join(run("build", shop, code=1).output.split())
    assert f"New model {poor} was refused: more than 2 points lower in top-1: all photos" in told
    assert "Blue 8 100.0 % 0.0 % 100.0 points refused" in told
    assert f"vsearch promote {shop} {poor} --force" in told.replace("- ", "-")
    shown = run("models", shop)
    assert f"refused {poor}" in " ".join(shown.output.split())
    assert "all photos (100.0 % → 0.0 %)" in shown.stderr


def test_a_refused_model_serves_when_a_person_says_so_and_can_be_gone_back_from(
    shop: Path,
) -> None:
    good, poor = poor_model(shop)
    refused = answer("promote", shop, poor, code=1)
    assert (refused["promoted"], refused["build"], refused["gate"]["passed"]) == (
        False,
        None,
        False,
    )
    done = answer("promote", shop, poor[:8], "--force")
    assert (done["promoted"], done["model"], done["was"], done["gate"]) == (True, poor, good, None)
    assert answer("build", shop)["model"] == poor
    back = answer("rollback", shop)
    assert (back["model"], back["chosen_over"]) == (good, poor)
    assert answer("build", shop)["model"] == good
    states = {one["fingerprint"]: one["state"] for one in answer("models", shop)["models"]}
    assert states == {good: "serving", poor: "previous"}
    assert "set aside" in run("status", shop).output
    run("rollback", shop, "--to", done["version"])
    assert answer("promote", shop, good, "--max-drop", "0")["promoted"]
    assert f"Builds keep it; back to the newest model: vsearch promote {shop}" in " ".join(
        run("rollback", shop, "--to", back["version"]).output.split()
    )


def test_a_model_that_passes_serves_from_the_build_on(shop: Path) -> None:
    good, poor = poor_model(shop)
    answer("promote", shop, poor, "--force")
    with Shop.open(shop) as opened:
        opened.set_trained_model(good)
    document = answer("build", shop)
    assert (document["model"], document["gate"]["passed"]) == (good, True)
    assert document["gate"]["overall"]["drop"] == -1.0
    assert "neither all 24 held-out photos nor any of the 3 labels" in document["gate"]["reason"]


def test_a_backup_keeps_what_the_gate_found_and_what_a_person_chose(
    shop: Path, tmp_path: Path
) -> None:
    good, poor = poor_model(shop)
    answer("build", shop, code=1)
    answer("promote", shop, good)  # what serves already: it is to stay
    before = answer("models", shop)["models"]
    answer("backup", shop, tmp_path / "kept.tar")
    answer("restore", tmp_path / "kept.tar", tmp_path / "again")
    after = {one["fingerprint"]: one for one in answer("models", tmp_path / "again")["models"]}
    assert after.keys() == {good, poor}
    assert all(after[one["fingerprint"]]["gate"] == one["gate"] for one in before)
    assert (after[poor]["state"], after[poor]["parent"]) == ("refused", good)
    with Shop.open(tmp_path / "again") as opened:
        assert opened.current().chosen_over == poor


def test_what_nothing_names_is_cleaned_and_the_newest_model_stays(shop: Path) -> None:
    good, poor = poor_model(shop)
    with Shop.open(shop) as opened:
        newest = save_shuffled(opened, good, seed=3)
    assert newest != poor
    answer("build", shop, code=1)
    removed = answer("status", shop, "--clean")["removed"]
    assert [one["count"] for one in removed if one["kind"] == "models that nothing names"] == [1]
    states = {one["fingerprint"]: one["state"] for one in answer("models", shop)["models"]}
    assert states == {good: "serving", newest: "refused"}
    assert answer("build", shop)["judged"] is False


def test_names_to_copy_are_whole_in_a_narrow_terminal(shop: Path) -> None:
    good, poor = poor_model(shop)
    narrow = {"COLUMNS": "80"}
    shown = CliRunner().invoke(app, ["models", str(shop)], env=narrow).stdout
    assert [good in shown, poor in shown] == [True, True]
    versions = CliRunner().invoke(app, ["versions", str(shop)], env=narrow).stdout
    assert answer("versions", shop)["versions"][0]["version"] in versions


def test_models_of_an_empty_shop(tmp_path: Path) -> None:
    run("init", tmp_path / "shop")
    assert "No model yet" in run("models", tmp_path / "shop").output
    assert answer("models", tmp_path / "shop") == {"models": []}
    told = answer("promote", tmp_path / "shop", "abc", code=1)
    assert "there is no model “abc”" in told["error"]


def test_a_drop_of_all_photos_that_may_be_chance_is_marked() -> None:
    overall, label = Change(None, 40, 1.0, 0.95, 0.25, 0.25), Change("a", 9, 1.0, 0.8, 0.25, 0.25)
    changes = Changes(overall, (label,))
    report = GateReport("b" * 16, "a" * 16, "labels", 50, "", changes, (), MAX_DROP)
    told, table = gate.show_gate(report, "shop")
    assert "neither all 40 held-out photos" in str(told)
    assert isinstance(table, Table)
    assert [str(cell) for cell in table.columns[-1].cells] == ["may be chance", "too few photos"]


def test_the_default_that_help_shows_is_the_gates() -> None:
    assert pytest.approx(100 * MAX_DROP) == gate.DEFAULT_POINTS
