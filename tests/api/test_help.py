"""The first contact: `vsearch --help` is instant because it loads next to nothing."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from api.cli import COMMANDS, app, train
from indexer.remote import Fetcher, RemoteError
from tests.indexer.tiny_network import TINY
from vsearch.fit_head import HeadConfig
from vsearch.fit_network import FINE_TUNING, FROM_SCRATCH
from vsearch.models.architectures import ARCHITECTURES
from vsearch.objectives import OBJECTIVES
from vsearch.precision import PRECISIONS

HEAVY = {"jax", "jaxlib", "flax", "faiss", "fastapi", "starlette", "uvicorn", "numpy", "PIL"}
HEAVY |= {"pydantic_settings", "pyarrow", "safetensors", "sqlite3"}  # typer itself loads pydantic

WIDE = {"COLUMNS": "100"}
SCRIPT = """
import sys
from api.cli import main
sys.argv = ["vsearch", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["search", "--help"], ["demo", "--help"], ["train", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    shown, _, loaded = ran.stdout.partition("LOADED")
    assert "Usage: vsearch" in shown
    assert "typer" in loaded.split()
    assert not HEAVY & set(loaded.split())


def test_every_command_says_what_it_does() -> None:
    names = [name for panel in COMMANDS.values() for name in panel]
    assert set(names) == {
        "init", "import", "train", "build", "evaluate", "audit", "classify", "search", "similar",
        "status", "versions", "rollback", "serve", "demo", "doctor", "backup", "restore",
        "upsert", "delete", "models", "promote", "keys", "extend",
    }  # fmt: skip
    for name in names:
        result = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "100"})
        assert result.exit_code == 0
        assert ("--json" in result.output) == (name != "serve")  # a server has no one answer


def test_paragraphs_flow_in_a_narrow_terminal() -> None:
    shown = CliRunner().invoke(app, ["extend", "--help"], env={"COLUMNS": "80"}).output
    lines = [line.strip() for line in shown.splitlines()]
    assert "as it is. The extended model serves at once if it passes the gate; the exit" in lines


def test_every_edit_of_the_tree_says_what_it_does() -> None:
    names = {"list", "rename", "move", "merge", "retire", "split", "undo", "forget"}
    told = CliRunner().invoke(app, ["categories", "--help"], env=WIDE).output
    for name in names:
        assert f" {name} " in told
        result = CliRunner().invoke(app, ["categories", "shop", name, "--help"], env=WIDE)
        assert result.exit_code == 0
        assert "--json" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["search"],
        ["search", "shop"],
        ["search", "shop", "photo.jpg", "--top-k", "0"],
        ["search", "shop", "photo.jpg", "--sheet", "sheet"],
        ["build", "shop", "--views", "some"],
        ["build", "shop", "--prune"],
        ["import", "shop", "catalogue.csv", "--force"],
        ["upsert", "shop"],
        ["upsert", "shop", "items.csv", "--item", "{}"],
        ["delete", "shop"],
        ["delete", "shop", "one", "two", "--photo", "a.jpg"],
        ["train", "shop", "--objective", "none"],
        ["train", "shop", "--backbone", "none"],
        ["train", "shop", "--precision", "none"],
        ["train", "shop", "--train", "none"],
        ["train", "shop", "--imbalance", "some"],
        ["train", "shop", "--steps", "0"],
        ["evaluate", "shop", "queries.csv", "--where", "colour"],
        ["audit", "shop", "--out", "a.csv", "--apply", "a.csv"],
        ["audit", "shop", "--overwrite"],
        ["audit", "shop", "--folds", "1"],
        ["demo", "--queries", "queries.csv"],
        ["serve", "shop", "--port", "70000"],
    ],
)
def test_bad_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_help_lists_every_name_that_train_takes() -> None:
    assert set(train.BACKBONES) == set(ARCHITECTURES) - {TINY}
    assert set(train.OBJECTIVES) == set(OBJECTIVES)
    assert set(train.PRECISIONS) == set(PRECISIONS)


def test_help_tells_defaults_that_are_not_one_value() -> None:
    assert (HeadConfig().steps, FINE_TUNING.epochs, FROM_SCRATCH.epochs) == (2000, 6, 15)
    shown = {
        "train": ("(category)", "(2000)", "(6 from pretrained weights, else 15)"),
        "build": ("(as before)",),
        "serve": ("(127.0.0.1, this machine)", "(8000)"),
        "rollback": ("(the one before)",),
        "init": ("(the folder's)",),
    }
    for name, defaults in shown.items():
        told = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "300"}).output
        assert all(f"[default: {default}]" in told for default in defaults), told


def test_messages_name_options_that_there_are() -> None:
    with pytest.raises(RemoteError, match=r"--remote-host cdn\.example"):
        Fetcher.of((), 1).fetch("https://cdn.example/a.jpg")
    told = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "100"}).output
    assert "--remote-host" in told
