"""`backup` and `restore` on the command line: what scripts read and people see."""

import shutil
from pathlib import Path

import pytest

from tests.api.conftest import Manifests
from tests.api.test_cli import answer, run


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained shop, to be changed at will."""
    return Path(shutil.copytree(trained / "shop", tmp_path / "shop"))


def test_a_shop_goes_and_comes_back(shop: Path, tmp_path: Path, manifests: Manifests) -> None:
    kept = answer("backup", shop, tmp_path / "b.tar")
    status = answer("status", shop)
    assert (kept["items"], kept["photos"], kept["photos_elsewhere"]) == (13, 0, 48)
    assert (kept["model"], kept["version"]) == (status["model"], status["version"])
    again = answer("restore", tmp_path / "b.tar", tmp_path / "again")
    assert (again["name"], again["items"], again["notes"]) == ("Painted", 13, [])
    assert answer("status", tmp_path / "again") == status
    photo = manifests.folder / "images/test/red-box.png"
    hits = [answer("search", path, photo)["hits"] for path in (shop, tmp_path / "again")]
    assert hits[0] == hits[1]


def test_people_see_what_is_in_it_and_what_is_not(shop: Path, tmp_path: Path) -> None:
    shown = run("backup", shop, tmp_path / "b")
    assert "48, which stay where the manifest has them" in shown.output
    assert "Next: vsearch restore" in shown.output
    shown = run("restore", tmp_path / "b", tmp_path / "again")
    assert "Painted, in" in shown.output
    assert "status" in shown.output
    assert "Warning" not in shown.output
    whole = run("backup", shop, tmp_path / "whole.tar", "--photos").output
    assert "stay where" not in whole
    assert answer("restore", tmp_path / "whole.tar", tmp_path / "other")["photos_missing"] == 0


def test_refusals_are_told_in_one_line(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"letters" * 1000)
    assert "no tar file" in answer("restore", tmp_path / "b.tar", tmp_path / "x", code=1)["error"]
    assert "is there already" in answer("backup", shop, tmp_path / "b.tar", code=1)["error"]
    run("backup", shop, code=2)
    run("restore", tmp_path / "b.tar", code=2)
    assert "not empty" in answer("restore", tmp_path / "b.tar", shop, code=1)["error"]
