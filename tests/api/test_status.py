"""`status --check` and `--clean` on the command line: what scripts read and people see."""

import shutil
from pathlib import Path

import pytest

from indexer.checks import Sample
from indexer.shop import Shop
from tests.api.test_cli import answer, run
from tests.indexer.bundled_shop import flip, tiny_bundle


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained shop, to be changed at will."""
    return Path(shutil.copytree(trained / "shop", tmp_path / "shop"))


def damage(path: Path) -> None:
    with Shop.open(path) as shop:
        index = shop.current().index
        assert index is not None
        flip(shop.indexes / index / "photos.npy", -2)


def test_a_sound_shop_ends_with_0(shop: Path) -> None:
    document = answer("status", shop, "--check")
    assert document["ok"] is True
    assert {"name", "ok", "detail"} == document["checks"][0].keys()
    told = {check["name"]: check["detail"] for check in document["checks"]}
    assert told["items"] == "13 = 12 indexed + 0 waiting + 1 rejected"
    assert told["vectors"].startswith("12 of 12 computed anew")
    assert document.items() >= answer("status", shop).items()
    shown = run("status", shop, "--check", "--sample", 0).output
    assert "The shop is sound." in shown
    assert "none was computed anew" in shown


def test_a_damaged_shop_ends_with_1_and_says_where(shop: Path) -> None:
    damage(shop)
    document = answer("status", shop, "--check", code=1)
    assert document["ok"] is False
    wrong = {check["name"] for check in document["checks"] if not check["ok"]}
    assert wrong == {"index versions", "rows", "items"}
    assert document["items"] == 13
    shown = run("status", shop, "--check", code=1).output
    assert "WRONG" in shown
    assert "3 of 10 checks failed." in shown
    assert "ok" not in answer("status", shop)  # asked without --check, nothing is checked


def test_an_index_that_cannot_be_read_does_not_hide_the_rest(shop: Path) -> None:
    with Shop.open(shop) as opened:
        index = opened.current().index
        assert index is not None
        (opened.indexes / index / "manifest.json").unlink()
    document = answer("status", shop, "--check", code=1)
    assert "there is no index version" in document["problem"]
    passed = {check["name"] for check in document["checks"] if check["ok"]}
    assert {"catalogue file", "item states", "models", "photo files"} <= passed
    assert "there is no index version" in answer("status", shop, code=1)["error"]


def test_what_is_not_needed_is_told_and_removed(shop: Path) -> None:
    with Shop.open(shop) as opened:
        unused = tiny_bundle(6).save(opened.models)
    left = {one["kind"]: one for one in answer("status", shop, "--check")["leftovers"]}
    models = left["models that nothing names"]
    assert (models["count"], models["removable"]) == (1, True)
    assert models["examples"] == [str(unused)]
    assert "--clean" in run("status", shop, "--check", "--sample", 0).output
    (removed,) = answer("status", shop, "--clean")["removed"]
    assert removed == models
    assert not unused.exists()
    assert answer("status", shop, "--clean")["removed"] == []
    assert "Nothing was to be removed." in run("status", shop, "--clean").output


def test_the_help_tells_how_many_vectors_are_computed() -> None:
    told = run("status", "--help").output
    assert f"[default: {Sample().size}]" in told
