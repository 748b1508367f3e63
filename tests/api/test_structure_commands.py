"""How a version finds its nearest rows: chosen with `build`, told by `versions`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from indexer.shop import Shop
from indexer.versions import IndexVersion
from tests.api.conftest import Manifests
from tests.indexer.coded_versions import clustered_rows, write_rows


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "140"})
    assert result.exit_code == code, result.output
    return result.output


def answer(*arguments: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return document


def test_build_sets_the_recall_and_tells_how_the_version_is_searched(
    trained: Path, tmp_path: Path
) -> None:
    shop = Path(shutil.copytree(trained / "shop", tmp_path / "shop"))
    told = answer("build", shop, "--recall", "0.9", "--quiet")
    assert (told["structure"], told["recall"], told["published"]) == ("exact", 1.0, True)
    assert "recall = 0.9\n" in (shop / "shop.toml").read_text()
    assert not answer("build", shop, "--quiet")["published"]
    assert "scans all" in run("build", shop, "--exact")
    assert "recall = 1.0\n" in (shop / "shop.toml").read_text()


@pytest.mark.parametrize(
    "options", [("--exact", "--recall", "0.9"), ("--recall", "0.2"), ("--recall", "1.5")]
)
def test_a_recall_that_makes_no_sense_is_bad_usage(trained: Path, options: tuple[str, ...]) -> None:
    assert "recall" in run("build", trained / "shop", *options, code=2)


def test_versions_tell_structure_and_recall(tmp_path: Path) -> None:
    with Shop.create(tmp_path / "shop") as shop:
        write_rows(shop, clustered_rows(0, 50))
        coded = write_rows(shop, clustered_rows(0, 2000)).manifest
    newest, oldest = answer("versions", tmp_path / "shop")["versions"]
    assert (newest["structure"], newest["recall"]) == ("codes", coded.recall)
    assert (newest["probes"], newest["candidates"]) == (coded.probes, coded.candidates)
    assert (oldest["structure"], oldest["recall"]) == ("exact", 1.0)
    lines = run("versions", tmp_path / "shop").splitlines()
    assert sum(f"codes, recall {coded.recall:.3f}" in line for line in lines) == 1
    assert sum("scans all" in line for line in lines) == 1
    (tmp_path / "shop" / "indexes" / newest["version"] / "manifest.json").write_text("{")
    assert "unreadable" in run("versions", tmp_path / "shop")


def test_search_scans_all_where_it_is_asked_to(
    trained: Path, manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = manifests.folder / "images" / "test" / "red-box.png"
    usual = answer("search", trained / "shop", query)["hits"]
    opened: list[IndexVersion] = []

    def scanned(version: IndexVersion) -> IndexVersion:
        opened.append(version)
        return version

    monkeypatch.setattr(IndexVersion, "scanned", scanned)
    assert answer("search", trained / "shop", query, "--exact")["hits"] == usual
    assert len(opened) == 1
    answer("search", trained / "shop", query)
    assert len(opened) == 1
