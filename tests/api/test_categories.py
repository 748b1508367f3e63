"""`vsearch categories`, and a server that runs while the tree is edited."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from api.app import create_app
from api.cli import app
from api.settings import ServerSettings
from tests.indexer.edited_shop import edited_folder, edited_original
from tests.indexer.tiny_shop import painted

__all__ = ["edited_folder", "edited_original"]  # fixtures

WIDE = {"COLUMNS": "120"}


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["categories", str(folder), *arguments], env=WIDE)


def told(folder: Path, *arguments: str) -> dict[str, object]:
    """Return what a command prints for scripts."""
    result = run(folder, *arguments, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout)
    return document


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    listed = told(folder, "list")["categories"]
    assert isinstance(listed, list)
    return {one["path"]: (one["own"], one["subtree"]) for one in listed}


def test_the_tree_is_shown_with_its_items(edited_folder: Path) -> None:
    assert tree(edited_folder) == {
        "Dairy": (0, 3),
        "Dairy > Cream": (1, 1),
        "Dairy > Milk": (2, 2),
        "Fruit": (0, 4),
        "Fruit > Apple": (3, 3),
        "Fruit > Pear": (1, 1),
    }
    shown = run(edited_folder).stdout
    assert [line.split() for line in shown.splitlines() if "Apple" in line] == [["Apple", "3", "3"]]
    assert run(edited_folder, "list").stdout == shown
    assert run(edited_folder, "--json").stdout == run(edited_folder, "list", "--json").stdout


def test_edits_are_told_listed_and_undone(edited_folder: Path) -> None:
    report = told(edited_folder, "rename", "Apple", "Apples")
    assert report["number"] == 1
    assert (report["kind"], report["from"], report["to"], report["items"], report["undone"]) == (
        "rename", "Fruit > Apple", "Fruit > Apples", 3, False
    )  # fmt: skip
    assert len(report["models"]) == 1  # type: ignore[arg-type]
    shown = run(edited_folder, "merge", "Pear", "Fruit/Apples")
    assert shown.exit_code == 0
    assert "merge (edit 2)" in shown.stdout
    assert "Fruit > Apples" in shown.stdout
    assert tree(edited_folder)["Fruit > Apples"] == (4, 4)
    listed = told(edited_folder, "list", "--edits")["edits"]
    assert isinstance(listed, list)
    assert [(one["kind"], one["from"], one["to"], one["forgotten"]) for one in listed] == [
        ("rename", "Fruit > Apple", "Fruit > Apples", False),
        ("merge", "Fruit > Pear", "Fruit > Apples", False),
    ]
    assert "are led on" in run(edited_folder, "list", "--edits").stdout
    assert "are led on" in run(edited_folder, "--edits").stdout
    assert told(edited_folder, "undo")["undone"] is True
    assert tree(edited_folder)["Fruit > Pear"] == (1, 1)
    assert told(edited_folder, "forget", "1")["forgotten"] is True
    assert "mean what they say" in run(edited_folder, "list", "--edits").stdout


def test_categories_move_split_and_retire(edited_folder: Path, tmp_path: Path) -> None:
    assert told(edited_folder, "move", "Milk", "", "-q")["to"] == "Milk"
    assert told(edited_folder, "move", "Milk", "Drinks > Cold", "--create")["items"] == 2
    shown = run(edited_folder, "split", "Apple", "--by", "colour").stdout
    assert [line.split()[-2:] for line in shown.splitlines() if "Apple >" in line] == [
        ["1", "item"], ["2", "items"]
    ]  # fmt: skip
    assert told(edited_folder, "undo")["items"] == 3
    split = told(edited_folder, "split", "Apple", "--by", "colour")
    assert split["parts"] == {"Fruit > Apple > green": 1, "Fruit > Apple > red": 2}
    where = ("--into", "Gala", "--where", "item_id = 'gala'", "--siblings")
    assert told(edited_folder, "split", "red", *where)["parts"] == {"Fruit > Apple > Gala": 1}
    parts = tmp_path / "parts.csv"
    parts.write_text("item_id,category\nwhole,Whole\n")
    assert told(edited_folder, "split", "Milk", "--items", str(parts))["items"] == 1
    assert told(edited_folder, "retire", "Cream", "--to", "Milk")["items"] == 1
    assert told(edited_folder, "retire", "Pear", "--remove-items")["removed"] == 1
    assert tree(edited_folder) == {
        "Drinks": (0, 3),
        "Drinks > Cold": (0, 3),
        "Drinks > Cold > Milk": (2, 3),
        "Drinks > Cold > Milk > Whole": (1, 1),
        "Fruit": (0, 3),
        "Fruit > Apple": (0, 3),
        "Fruit > Apple > Gala": (1, 1),
        "Fruit > Apple > green": (1, 1),
        "Fruit > Apple > red": (1, 1),
    }
    checked = CliRunner().invoke(app, ["status", str(edited_folder), "--check", "--sample", "0"])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rename", "Aple", "x"], "did you mean “Fruit > Apple”"),
        (["rename", "Apple", "pear"], "differs from “Fruit > Pear” only in case or spaces"),
        (["retire", "Dairy"], "“Dairy” has 3 items"),
        (["split", "Apple", "--by", "size"], "no attribute “size”"),
        (["split", "Apple", "--into", "x", "--where", "size > 3"], "items have no “size”"),
        (["undo"], "no edit of the category tree"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_says_why(
    edited_folder: Path, arguments: list[str], told: str
) -> None:
    result = run(edited_folder, *arguments, "--json")
    assert result.exit_code == 1
    assert told in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["rename", "Apple"],
        ["--json", "rename", "Apple", "Apples"],
        ["--create"],
        ["split", "Apple"],
        ["split", "Apple", "--into", "x"],
        ["split", "Apple", "--by", "colour", "--items", "a.csv"],
        ["retire", "Apple", "--to", "Pear", "--remove-items"],
        ["forget", "first"],
        ["sell", "Apple"],
    ],
)
def test_bad_usage_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path, *arguments).exit_code == 2


@pytest.fixture
def client(edited_folder: Path) -> Iterator[TestClient]:
    """A server with a network of its own, that looks for a newer pair all the time."""
    with TestClient(create_app(ServerSettings(shop=edited_folder, poll_seconds=0.05))) as client:
        yield client


def asked(client: TestClient, **question: object) -> dict[str, object]:
    """Search with the photo of an apple."""
    answer = client.post("/v1/search", files={"photo": painted(1)}, data=question)
    assert answer.status_code == 200, answer.text
    document: dict[str, object] = answer.json()
    return document


def names(answer: dict[str, object]) -> set[str]:
    """Return every category that an answer names."""
    hits, categories, labels = (answer[key] for key in ("hits", "categories", "labels"))
    assert isinstance(hits, list)
    assert isinstance(categories, list)
    assert isinstance(labels, list)
    return (
        {hit["category"] for hit in hits}
        | {one["path"] for one in categories}
        | {one["path"] for one in labels}
    )


def test_a_server_that_runs_uses_one_name_in_every_answer(
    client: TestClient, edited_folder: Path
) -> None:
    before = asked(client)
    assert "Fruit > Apple" in names(before)
    told(edited_folder, "rename", "Apple", "Apples")
    told(edited_folder, "merge", "Cream", "Milk")
    after = asked(client)  # the pair that follows is hardly open yet
    for _ in range(600):
        assert names(after) == {"Fruit", "Dairy", "Fruit > Apples", "Fruit > Pear", "Dairy > Milk"}
        if after["model"] != before["model"]:
            break
        time.sleep(0.05)
        after = asked(client)
    assert after["model"] != before["model"]
    hits = asked(client, category="Fruit > Apples")["hits"]
    assert {hit["item_id"] for hit in hits} == {"gala", "fuji", "granny"}  # type: ignore[attr-defined]
    tree = client.get("/v1/categories").json()
    assert "Apples" in json.dumps(tree)
    assert "Cream" not in json.dumps(tree)
