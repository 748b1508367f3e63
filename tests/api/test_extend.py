"""`vsearch extend` and `vsearch evaluate --shots` as people and scripts meet them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from indexer.build import build
from indexer.shop import Shop
from tests.indexer.bundled_shop import tiny_bundle
from tests.indexer.tiny_network import offer_tiny
from tests.indexer.tiny_shop import item_row, photo_row
from vsearch.data import Label

OLD = (("Fruit", "Apple"), ("Dairy", "Milk"))
WIDE = {"COLUMNS": "120"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built shop with items of one label that its model lacks, and of one spelt badly."""
    offer_tiny(monkeypatch)
    source = tmp_path / "source"
    source.mkdir()
    bundle = replace(tiny_bundle(), labels=tuple(Label(" > ".join(p), p) for p in OLD))
    with Shop.create(tmp_path / "shop") as shop:
        rows = [item_row(source, f"old-{i}", OLD[i % 2], [i]) for i in range(8)]
        rows += [item_row(source, f"new-{i}", ("Fruit", "Pear"), [100 + i]) for i in range(8)]
        rows += [item_row(source, "alike", ("fruit", "apple"), [200])]
        shop.catalogue.upsert_items(rows)
        bundle.save(shop.models)
        shop.set_trained_model(bundle.model_fingerprint)
        build(shop)
    return tmp_path / "shop"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env=WIDE)
    return result.exit_code, result.stdout


def test_scripts_read_what_was_added(shop: Path) -> None:
    code, shown = run("extend", shop, "--max-drop", 100, "--json")
    document = json.loads(shown)
    assert code == 0
    assert (document["added"], document["embedded"]) == (["Fruit > Pear"], 0)
    # Two of the eight are held out: the shop has no photos of split val.
    assert document["labels"] == [{"name": "Fruit > Pear", "photos": 6, "vectors": 1}]
    assert {one["label"]: one["added"] for one in document["problems"]} == {
        "Fruit > Pear": True,
        "fruit > apple": False,
    }
    assert document["serving"]
    assert document["seconds"] > 0
    assert document["gate"]["passed"]


def test_people_see_what_was_added_and_what_was_not(shop: Path) -> None:
    code, shown = run("extend", shop, "--max-drop", 100)
    assert code == 0
    for told in ("added     1 label", "embedded  0 photos", "serves    now", "Fruit > Pear"):
        assert told in shown
    assert "“fruit > apple” not added: it differs from “Fruit > Apple” only in case" in shown
    assert "“Fruit > Pear” added with a reservation: 2 held-out photos" in shown
    code, shown = run("extend", shop)
    assert code == 0
    assert "The catalogue has no label to add." in shown
    assert "serves    as before" in shown


def test_a_model_that_somebody_went_back_from_is_told(shop: Path) -> None:
    model = json.loads(run("extend", shop, "--max-drop", 100, "--json")[1])["model"]
    assert run("rollback", shop)[0] == 0
    result = CliRunner().invoke(app, ["extend", str(shop), "--max-drop", "100"], env=WIDE)
    assert result.exit_code == 1
    assert "serves    not" in result.stdout
    assert f"vsearch promote {shop} {model}" in result.stderr


def test_labels_of_the_same_problem_are_told_together(shop: Path) -> None:
    source = shop.parent / "source"
    with Shop.open(shop) as opened:
        names = [f"Soap {number}" for number in range(7)]
        rows = [item_row(source, n, (n,), [300 + i]) for i, n in enumerate(names)]
        opened.catalogue.upsert_items(rows)
    shown = run("extend", shop, "--max-drop", 100)[1]
    told = [line for line in shown.splitlines() if "added with a reservation" in line]
    assert len(told) == 2
    assert told[1].startswith("“Soap 0”, “Soap 1”, “Soap 2”, “Soap 3”, “Soap 4” and 2 more added")


def test_of_many_problems_the_first_are_told(shop: Path) -> None:
    source = shop.parent / "source"
    with Shop.open(shop) as opened:
        names = [f"soap {number:02}" for number in range(25)]
        rows = [item_row(source, n, (n,), [300 + i]) for i, n in enumerate(names)]
        rows += [item_row(source, n.upper(), (n.upper(),), [400 + i]) for i, n in enumerate(names)]
        opened.catalogue.upsert_items(rows)
    code, shown = run("extend", shop, "--max-drop", 100)
    assert code == 0
    assert shown.count("differs from") == 20
    assert "more: --json lists all" in shown


def test_the_curve_of_few_photos(shop: Path, tmp_path: Path) -> None:
    # Told before a query is asked about: the manifest is not even looked for.
    code, shown = run("evaluate", shop, tmp_path / "absent.csv", "--shots", "1", "--json")
    assert code == 1
    assert "came by `vsearch extend`" in json.loads(shown)["error"]
    run("extend", shop, "--max-drop", 100)
    for seed in range(300, 306):
        photo_row(tmp_path, seed)
    rows = [f"{('new-0', 'old-0')[seed % 2]},{seed}.png,test" for seed in range(300, 306)]
    manifest = tmp_path / "queries.csv"
    manifest.write_text("\n".join(["item_id,image_path,split", *rows]))
    code, shown = run("evaluate", shop, manifest, "--shots", "1,3", "--json")
    assert code == 0
    curve = json.loads(shown)["shots"]
    assert [(one["photos"], one["draws"]) for one in curve] == [(1, 5), (3, 5), (None, 1)]
    page = tmp_path / "report.html"
    code, shown = run("evaluate", shop, manifest, "--shots", "1", "--report", page)
    assert code == 0
    assert "photos a new label" in shown
    assert "all" in shown
    assert "How few photos are enough" in page.read_text()
    for wrong in ("0", "1,x", "-3"):
        assert run("evaluate", shop, manifest, f"--shots={wrong}")[0] == 2


def test_a_shop_without_an_index_is_told_what_to_do(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "empty"):
        pass
    code, shown = run("extend", tmp_path / "empty", "--json")
    assert code == 1
    assert "run `vsearch build" in json.loads(shown)["error"]
