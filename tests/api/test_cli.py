"""Every command on a small shop that was really trained: what scripts read and people see."""

import csv
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from api.cli import app
from indexer.records import ItemRow, PhotoRow
from indexer.shop import Shop
from tests.api.conftest import Manifests
from tests.indexer.tiny_network import write_weights


def run(*arguments: object, code: int = 0) -> Result:
    """Run a command as a person would, on a terminal 120 wide."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result


def answer(*arguments: object, code: int = 0) -> dict[str, Any]:
    """Run a command with --json and return its document."""
    document: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return document


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained shop, to be changed at will."""
    return Path(shutil.copytree(trained / "shop", tmp_path / "shop"))


@pytest.fixture
def query(manifests: Manifests) -> Path:
    return manifests.folder / "images/test/red-box.png"


def test_init_makes_a_shop_once(tmp_path: Path) -> None:
    path = tmp_path / "new"
    assert answer("init", path, "--name", "Corner shop") == {
        "shop": str(path),
        "name": "Corner shop",
    }
    assert "already a shop" in answer("init", path, code=1)["error"]


def test_import_counts_and_lists_rejects(tmp_path: Path, manifests: Manifests) -> None:
    path = tmp_path / "new"
    run("init", path)
    arguments = ("import", path, manifests.catalogue, "--photos", manifests.photos)
    first = answer(*arguments)
    counted = ("rows", "added", "photos_added", "rejected")
    assert [first[name] for name in counted] == [49, 12, 48, 1]
    again = answer(*arguments)
    assert [again[name] for name in counted] == [49, 0, 0, 1]
    assert again["unchanged"] == 12
    shown = run(*arguments).output
    assert "none.png" in shown
    assert "lost" in shown


def test_status_counts_every_item_once(shop: Path) -> None:
    document = answer("status", shop)
    assert [document[name] for name in ("items", "indexed", "waiting", "rejected")] == [
        13,
        12,
        0,
        1,
    ]
    with Shop.open(shop) as opened:
        assert document["version"] == opened.current().index
    assert document["rejects_total"] == 1
    assert document["rejects"][0] | {"manifest": "", "reason": ""} == {
        "manifest": "",
        "row": 14,
        "item_id": "lost",
        "field": "image_path",
        "value": "images/none.png",
        "reason": "",
    }


def test_status_says_what_the_next_build_brings(shop: Path) -> None:
    photo = PhotoRow("ab" * 32, shop / "new.png", 64, 64)
    with Shop.open(shop) as opened:
        opened.catalogue.upsert_items([ItemRow("new", "New", ("Shapes", "box"), (photo,))])
    document = answer("status", shop)
    assert (document["indexed"], document["waiting"]) == (12, 1)
    assert "`vsearch build` takes in the 1 new or changed items" in run("status", shop).output


def test_status_shows_the_first_rejects_and_how_to_see_all(tmp_path: Path) -> None:
    path, manifest = tmp_path / "new", tmp_path / "bad.csv"
    rows = "".join(f"item{n},none{n}.png,Things\n" for n in range(30))
    manifest.write_text("item_id,image_path,category\n" + rows)
    run("init", path)
    run("import", path, manifest)
    assert "… and 10 more" in run("status", path).output
    assert len(answer("status", path)["rejects"]) == 20
    everything = run("status", path, "--rejects").output
    assert "none29.png" in everything
    assert "more" not in everything


def test_build_embeds_nothing_twice(shop: Path) -> None:
    document = answer("build", shop)
    assert (document["embedded"], document["indexed"], document["published"]) == (0, 12, False)
    more = answer("build", shop, "--views", "all")
    assert (more["embedded"], more["rows"]) == (24, 36)
    assert more["version"] != document["version"]


def test_evaluate_has_the_figures_that_scripts_read(shop: Path, manifests: Manifests) -> None:
    document = answer("evaluate", shop, manifests.queries)
    assert {"queries", "top1", "top5", "recall@1", "recall@5", "recall@10", "map@r", "ece"} <= set(
        document
    )
    assert document["queries"] == 12
    assert document["recall@1"] <= document["recall@5"] <= document["recall@10"] <= 1
    red = answer("evaluate", shop, manifests.queries, "--where", "colour=red")
    assert red["queries"] == 4
    shown = run("evaluate", shop, manifests.queries).output
    assert "12 held-out photos" in shown
    assert "recall@10" in shown


def test_search_answers_what_scripts_read(shop: Path, query: Path) -> None:
    document = answer("search", shop, query, "--top-k", 5)
    assert {"labels", "categories", "unknown", "hits", "model", "index"} <= set(document)
    assert len(document["hits"]) == 5
    assert {"item_id", "score", "category"} <= set(document["hits"][0])
    assert {"decode", "embed", "search"} <= set(document["timings"])
    assert document["load_seconds"] > 0


def test_search_shows_times_and_the_shops_words_as_they_are(shop: Path, query: Path) -> None:
    shown = run("search", shop, query).output
    assert "box [bold]" in shown
    assert "loaded in" in shown
    assert "embed" in shown


def test_search_stays_within_the_categories(shop: Path, query: Path) -> None:
    hits = answer("search", shop, query, "--category", "Shapes/half")["hits"]
    assert {hit["category"] for hit in hits} == {"Shapes > half"}
    assert len(hits) == 3
    two = answer("search", shop, query, "--category", "frame", "--category", "Shapes > half")
    assert {hit["category"] for hit in two["hits"]} == {"Shapes > half", "Shapes > frame"}
    assert (
        "no category “frames”"
        in answer("search", shop, query, "--category", "frames", code=1)["error"]
    )


def test_search_goes_on_after_a_bad_photo(shop: Path, query: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "out.png"
    document = answer("search", shop, query, "none.jpg", query, "--sheet", sheet, code=1)
    first, bad, last = document["photos"]
    assert first["hits"] == last["hits"]
    assert "none.jpg" in bad["error"]
    assert size_of(tmp_path / "out-1.png") == size_of(tmp_path / "out-3.png")
    assert not (tmp_path / "out-2.png").exists()
    assert "none.jpg" in run("search", shop, "none.jpg", code=1).output


def test_search_looks_at_the_crop_alone(shop: Path, query: Path, tmp_path: Path) -> None:
    wide = Image.new("RGB", (128, 64), "white")
    with Image.open(query) as photo:
        wide.paste(photo, (64, 0))
    wide.save(tmp_path / "wide.png")
    cropped = answer("search", shop, tmp_path / "wide.png", "--crop", "0.5,0,0.5,1")
    assert [hit["item_id"] for hit in cropped["hits"]] == [
        hit["item_id"] for hit in answer("search", shop, query)["hits"]
    ]
    assert "crop" in answer("search", shop, query, "--crop", "1,1", code=1)["error"]


def test_classify_one_photo_agrees_with_search(shop: Path, query: Path) -> None:
    document = answer("classify", shop, query)
    searched = answer("search", shop, query)
    assert [one["name"] for one in document["labels"]] == [
        one["name"] for one in searched["labels"]
    ]
    assert document["labels"][0]["probability"] == pytest.approx(
        searched["labels"][0]["probability"], abs=1e-5
    )
    assert document["model"] == searched["model"]


@pytest.fixture
def folder(manifests: Manifests, tmp_path: Path) -> Path:
    """Twelve photos, and a file that is none."""
    photos = Path(shutil.copytree(manifests.folder / "images/test", tmp_path / "photos"))
    (photos / "notes.txt").write_text("not a photo")
    (photos / ".hidden").write_text("never looked at")
    return photos


def test_classify_a_folder_lists_what_cannot_be_read(shop: Path, folder: Path) -> None:
    document = answer("classify", shop, folder)
    assert document["photos"] == len(document["tags"]) == 12
    assert [Path(one["photo"]).name for one in document["unreadable"]] == ["notes.txt"]
    shown = run("classify", shop, folder).output
    assert "red-box.png" in shown
    assert "notes.txt" in shown


def test_classify_writes_a_row_for_each_photo(shop: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "tags.csv"
    document = answer("classify", shop, folder, "--out", out)
    assert (document["photos"], document["out"]) == (12, str(out))
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    assert [Path(row["photo"]).name for row in rows if row["error"]] == ["notes.txt"]
    tags = {one["photo"]: one["labels"][0] for one in answer("classify", shop, folder)["tags"]}
    for row in rows[:-1]:
        assert row["label"] == tags[row["photo"]]["name"]
        assert float(row["probability"]) == pytest.approx(
            tags[row["photo"]]["probability"], abs=1e-5
        )


def test_classify_fails_where_nothing_can_be_read(shop: Path, folder: Path, tmp_path: Path) -> None:
    assert "notes.txt" in answer("classify", shop, folder / "notes.txt", code=1)["error"]
    (tmp_path / "empty").mkdir()
    assert "holds no file" in answer("classify", shop, tmp_path / "empty", code=1)["error"]


def test_versions_and_the_way_back(shop: Path) -> None:
    old = answer("build", shop)["version"]
    new = answer("build", shop, "--views", "all")["version"]
    entries = answer("versions", shop)["versions"]
    assert [(entry["version"], entry["current"]) for entry in entries] == [
        (new, True),
        (old, False),
    ]
    back = answer("rollback", shop)
    assert (back["version"], back["was"], back["chosen_over"]) == (old, new, None)
    assert answer("rollback", shop, "--to", new)["version"] == new
    assert "“none”" in answer("rollback", shop, "--to", "none", code=1)["error"]
    assert "serves" in run("versions", shop).output


def test_train_refuses_what_it_does_not_know(shop: Path) -> None:
    assert "resnet-small" in run("train", shop, "--backbone", "vgg", code=2).output
    assert "one-class" in run("train", shop, "--objective", "regression", code=2).output
    assert "fp32" in run("train", shop, "--precision", "fp1", code=2).output
    assert "colour" in answer("train", shop, "--label", "shade", code=1)["error"]
    refused = answer("train", shop, "--backbone", "tiny", "--train", "head", code=1)["error"]
    assert "needs pretrained weights" in refused
    assert "“none”" in answer("train", shop, "--weights", "none.pth", code=1)["error"]


def config_of(shop: Path, report: dict[str, Any]) -> dict[str, Any]:
    kept = json.loads((shop / "models" / report["model"] / "model.json").read_text())
    assert kept["training"]["photos"] == report["photos"]
    config: dict[str, Any] = kept["training"]["config"]
    return config


def test_what_train_was_told_is_kept_with_the_model(shop: Path) -> None:
    options = ("--backbone", "tiny", "--epochs", 1, "--dim", 8, "--seed", 3)
    report = answer(
        "train", shop, *options, "--imbalance", "logit-adjusted", "--set", "network.batch=8"
    )
    config = config_of(shop, report)
    assert config["network"]["batch"] == 8
    assert "no setting" in answer("train", shop, "--set", "network.x=8", code=1)["error"]
    assert (config["network"]["epochs"], config["dim"], config["seed"]) == (1, 8, 3)
    assert (config["imbalance"], config["objective"]) == ("logit-adjusted", "normalised-softmax")
    assert (report["label"], report["labels"]) == ("category", 4)
    assert not report["serving"]
    assert report["speed"]["bound"] in ("input", "compute")
    assert report["speed"]["photos_per_second"] > 0
    assert report["skipped_steps"] == 0
    assert answer("build", shop)["model"] == report["model"]
    assert "photos a second" in run("train", shop, *options).output


def test_several_labels_from_a_head_on_given_weights(
    shop: Path, query: Path, manifests: Manifests, tmp_path: Path
) -> None:
    weights = write_weights(tmp_path / "tiny.safetensors")
    options = ("--backbone", "tiny", "--weights", weights, "--train", "head", "--steps", 30)
    labels = ("--label", "category", "--label", "colour", "--dim", 16, "--precision", "fp32")
    report = answer("train", shop, *options, *labels)
    assert (report["objective"], report["label"]) == ("multi-label", "category, colour")
    assert report["labels"] == 7
    assert report["speed"] is None
    config = config_of(shop, report)
    assert (config["trained"], config["head"]["steps"]) == ("head", 30)
    assert (config["weights"], config["precision"]) == (str(weights), "fp32")
    answer("build", shop)
    shown = run("search", shop, query).output
    assert "colour: red" in shown
    assert "Shapes > box" in shown
    figures = answer("evaluate", shop, manifests.queries)
    assert figures["by_column"].keys() == {"category", "colour"}
    told = run("evaluate", shop, manifests.queries).output
    assert "top1, colour" in told
    assert "mean average precision" in told
    assert "top5" not in told
    again = answer("train", shop, *options, "--objective", "one-class")
    assert (again["objective"], again["label"], again["labels"]) == ("one-class", "", 1)
    # What is sold here says nothing of categories: a person has to say that it may serve.
    assert "cannot be compared" in answer("build", shop, code=1)["gate"]["reason"]
    answer("promote", shop, again["model"], "--force")
    assert answer("search", shop, query)["unknown"] in {True, False}
    told = run("evaluate", shop, manifests.queries).output
    assert "12 show what is sold here, 0 something else" in told


def test_a_folder_that_is_no_shop_is_told_in_one_line(tmp_path: Path) -> None:
    result = run("status", tmp_path, code=1)
    assert result.stdout == ""
    assert "vsearch init" in result.stderr


def test_serve_on_a_port_that_is_taken_ends_with_1(tmp_path: Path) -> None:
    run("init", tmp_path / "new")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        # A process of its own: uvicorn sets up the logging of the whole one that it runs in.
        program = [sys.executable, "-c", "from api.cli import main; main()"]
        ran = subprocess.run(
            [*program, "serve", str(tmp_path / "new"), "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert "address already in use" in ran.stderr


def test_demo_on_a_given_catalogue_uses_again_what_is_there(
    trained: Path, manifests: Manifests, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "demo"))
    arguments = (
        *("demo", folder, "--catalogue", manifests.catalogue, "--photos", manifests.photos),
        *("--queries", manifests.queries, "--label", "item_id"),
    )
    document = answer(*arguments)
    steps = {step["name"]: step["outcome"] for step in document["steps"]}
    assert list(steps) == ["import", "train", "build", "evaluate", "report", "search"]
    assert "from the walk before" in steps["train"]
    assert steps["build"].startswith("0 photos embedded")
    assert document["evaluation"]["queries"] == 12
    assert document["thumbnail_recall@1"] is None
    assert len(document["search"]["hits"]) == 10
    assert size_of(Path(document["sheet"]))[0] > 1000
    shown = run(*arguments, "--views", "all").output
    assert "24 photos embedded" in shown
    assert f"vsearch serve {folder / 'shop'}" in shown.replace("\n", "")
