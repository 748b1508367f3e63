"""`evaluate --report`, and what the command tells of intervals, views and unknown photos."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner, Result

from api.cli import app
from api.cli.evaluate import unknown_photos
from api.report.honesty import unknown_section
from tests.api.conftest import Manifests
from tests.api.report.page_reader import Page


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "140"})
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of photos of nothing that the shop sells."""
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        path = tmp_path / "foreign" / "noise" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "foreign"


def test_the_report_is_written_and_named(
    trained: Path, manifests: Manifests, foreign: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    told = run(
        "evaluate", trained / "shop", manifests.queries, "--report", file, "--unknown", foreign,
        "--audit", "--json",
    )  # fmt: skip
    document = json.loads(told.stdout)
    assert document["report"] == str(file)
    assert document["intervals"]["recall@1"][0] <= document["recall@1"]
    page = Page(file.read_text(encoding="utf-8"))
    assert "Painted" in page.text
    assert {"summary", "training", "why", "map"} <= set(page.ids())


def test_people_are_told_how_sure_the_figures_are(
    trained: Path, manifests: Manifests, foreign: Path
) -> None:
    told = run("evaluate", trained / "shop", manifests.queries, "--unknown", foreign)
    assert "95 % interval" in told.stdout
    assert "The report" not in told.stdout
    assert "needs 20 val photos" in " ".join(told.stderr.split())  # the shop has twelve


CURVE = {"name": "toys", "photos": 80, "auroc": 0.9, "rejected": 0.75}
UNKNOWN = {"own": 40, "own_rejected": 0.05, "curves": [CURVE | {"points": [[0, 0], [1, 1]]}]}


def test_unknown_photos_are_listed_and_drawn() -> None:
    [listed] = unknown_photos(UNKNOWN)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(listed)
    shown = console.export_text()
    assert "toys" in shown
    assert "own photos, by mistake" in shown
    page = Page(str(unknown_section({"unknown": UNKNOWN})))
    assert "75.0\N{NO-BREAK SPACE}%" in page.text
    assert "toys" in page.text
    assert unknown_section({"unknown": None}) is None
    assert unknown_photos(None) == []


def test_an_audit_without_a_report_to_show_it_in_is_bad_usage(tmp_path: Path) -> None:
    assert "--report" in run("evaluate", tmp_path, "queries.csv", "--audit", code=2).output


@pytest.mark.parametrize(("file", "why"), [("report.pdf", ".html"), ("none/report.html", "folder")])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, file: str, why: str
) -> None:
    told = run("evaluate", tmp_path, "queries.csv", "--report", tmp_path / file, code=2)
    assert why in told.output
    assert not list(tmp_path.iterdir())
