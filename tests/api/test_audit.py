"""`audit` as people and scripts use it: listed, written, decided, taken over."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from indexer.shop import Shop
from tests.api.conftest import Manifests


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "400"})
    assert result.exit_code == code, result.output
    return result


def answer(*arguments: object, code: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return document


@pytest.fixture(scope="module")
def shop(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained shop; one photo of a red box has become one of a blue frame."""
    path = tmp_path_factory.mktemp("audit") / "shop"
    shutil.copytree(trained / "shop", path)
    (model,) = path.glob("models/*/model.json")
    told = json.loads(model.read_text())
    told["training"]["config"]["head"]["steps"] = 40  # heads as quick as the tests'
    model.write_text(json.dumps(told))
    with Shop.open(path) as opened, opened.catalogue.transaction() as connection:
        connection.execute(
            "UPDATE photos SET item_key = (SELECT item_key FROM items WHERE item_id = 'blue-frame')"
            " WHERE path LIKE '%/train/red-box.png'"
        )
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_an_audit_is_listed_written_decided_and_taken_over(
    shop: Path, tmp_path: Path, manifests: Manifests
) -> None:
    file = tmp_path / "audit.csv"
    shown = run("audit", shop, "--folds", 2, "--limit", 1, "--out", file).output
    assert "Doubtful labels" in shown
    assert "the model's own trunk" in shown
    assert f"vsearch audit {shop} --apply {file}" in shown
    assert "… and" in shown
    document = answer("audit", shop, "--folds", 2, "--out", file)
    assert document["judged"] == 48
    assert {"photo", "item_id", "label", "suggested", "doubt"} <= document["labels"][0].keys()
    assert document["out"] == str(file)
    rows = rows_of(file)
    assert len([row for row in rows if row["kind"] == "label"]) == document["suspects"]
    wrong = next(r for r in rows if r["photo"].endswith("train/red-box.png"))
    wrong |= {"decision": "relabel", "new_label": "red-box"}
    rows[rows.index(wrong) - 1]["decision"] = "no such thing"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(wrong))
        writer.writeheader()
        writer.writerows(rows)
    assert "holds 2 decisions" in answer("audit", shop, "--out", file, code=1)["error"]
    applied = answer("audit", shop, "--apply", file, code=1)
    assert (applied["relabelled"], len(applied["refused"])) == (1, 1)
    assert "is no decision" in applied["refused"][0]["reason"]
    again = run("audit", shop, "--apply", file, code=1).output
    assert "taken before  1" in again
    assert "no such thing" in again
    imported = run("import", shop, manifests.catalogue, "--photos", manifests.photos).output
    # In the manifest the photo has always been the red box's.
    assert "kept as decided" not in imported


def test_import_tells_what_was_kept_and_what_was_overtaken(
    trained: Path, tmp_path: Path, manifests: Manifests
) -> None:
    path, file = tmp_path / "shop", tmp_path / "audit.csv"
    shutil.copytree(trained / "shop", path)
    with Shop.open(path) as opened:
        hashes = {p.path.name: p.content_hash for _, p in opened.catalogue.photos(role="catalogue")}
    cells = ("red-box.png", hashes["red-box.png"], "red-box", "label", "category")
    labels = ("Shapes > box", "Shapes > half", "0.9", "", "relabel", "")
    header = (
        "photo,content_hash,item_id,kind,column,label,suggested,doubt,flagged,decision,new_label"
    )
    file.write_text(header + "\n" + ",".join((*cells, *labels)) + "\n")
    shown = run("audit", path, "--apply", file).output
    assert "relabelled    1" in shown
    assert f"Next: vsearch train {path}, then vsearch build {path}" in shown
    assert "kept as decided  1" in run("import", path, manifests.catalogue).output
    changed = manifests.folder / "changed.csv"
    changed.write_text(
        manifests.catalogue.read_text(encoding="utf-8").replace("Shapes > box", "Shapes > cube"),
        encoding="utf-8",
    )
    told = run("import", path, changed).output
    assert "Decisions that the manifest has overtaken (1)" in told
    assert "kept as decided" not in told
