"""The notebooks run from top to bottom without a warning, and are what their text says."""

from pathlib import Path

import jupytext
import pytest
from nbformat import NotebookNode
from nbmake.nb_run import NotebookRun

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
TEXTS = sorted(NOTEBOOKS.glob("*.py"))
SECONDS_A_CELL = 240


def cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_there_is_a_notebook() -> None:
    assert [text.name for text in TEXTS] == ["first_walk.py"]
    assert sorted(NOTEBOOKS.glob("*.ipynb")) == [text.with_suffix(".ipynb") for text in TEXTS]


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_and_its_text_are_one(text: Path) -> None:
    notebook = jupytext.read(text.with_suffix(".ipynb"))

    assert cells(notebook) == cells(jupytext.read(text)), f"run `jupytext --sync {text}`"
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs"


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_runs(text: Path) -> None:
    run = NotebookRun(text.with_suffix(".ipynb"), default_timeout=SECONDS_A_CELL).execute()

    assert run.error is None, run.error.trace
    outputs = [output for cell in run.nb.cells for output in cell.get("outputs", [])]
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert warned == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
