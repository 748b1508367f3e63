"""`upsert`, `delete`, `import --prune` and `build --watch`, as scripts and people use them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import rebuild
from indexer.shop import Shop
from indexer.watch import Round, Watch
from tests.api.conftest import COLOURS, Manifests, paint
from tests.api.test_cli import answer, run

REPOSITORY = Path(__file__).parents[2]
CHILD = """
import pytest
from api.cli import main
from tests.indexer.tiny_network import offer_tiny
offer_tiny(pytest.MonkeyPatch())
main()
"""


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained shop, to be changed at will."""
    return Path(shutil.copytree(trained / "shop", tmp_path / "shop"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo that the shop does not have."""
    path = tmp_path / "files" / "new.png"
    paint(path, "frame", COLOURS["green"], 777)
    return path


def top(shop: Path, photo: Path) -> str:
    hits = answer("search", shop, photo)["hits"]
    return str(hits[0]["item_id"])


def item(photo: Path, **cells: object) -> str:
    return json.dumps(
        {"item_id": "new", "category": "Shapes > frame", "photos": [photo.name], **cells}
    )


def test_an_item_is_found_after_upsert_and_gone_after_delete(shop: Path, photo: Path) -> None:
    document = answer("upsert", shop, "--item", item(photo), "--folder", photo.parent)
    assert [document[key] for key in ("added", "embedded", "searchable", "waiting")] == [1, 1, 1, 0]
    assert top(shop, photo) == "new"
    assert answer("status", shop)["delta_rows"] == 1
    again = run("upsert", shop, "--item", item(photo), "--folder", photo.parent).output
    assert "items unchanged  1" in again
    document = answer("delete", shop, "new", "nobody")
    assert (document["deleted"], document["unknown"]) == (1, ["nobody"])
    assert top(shop, photo) != "new"
    assert "unknown         1: new" in run("delete", shop, "new").output


def test_what_is_refused_ends_with_1_and_the_rest_is_taken(shop: Path, photo: Path) -> None:
    bad = item(photo, item_id="bad", photos=["gone.png"])
    options = ("--item", item(photo), "--item", bad, "--item", "{", "--folder", photo.parent)
    document = answer("upsert", shop, *options, code=1)
    assert (document["added"], document["rejected"]) == (1, 2)
    assert [one["row"] for one in document["rejects"]] == [2, 3]
    shown = run("upsert", shop, *options, code=1).output
    assert "there is no file" in shown
    assert "it is not JSON" in shown


def test_a_small_manifest_and_further_photos(shop: Path, photo: Path) -> None:
    manifest = photo.with_name("items.csv")
    manifest.write_text("item_id,image_path,category\nnew,new.png,Shapes > frame\n")
    assert answer("upsert", shop, manifest)["added"] == 1
    paint(photo.with_name("more.png"), "frame", COLOURS["green"], 778)
    further = photo.with_name("photos.csv")
    further.write_text("item_id,image_path,split\nnew,more.png,val\n")
    assert answer("upsert", shop, "--photos", further)["photos_added"] == 1
    document = answer("delete", shop, "new", "--photo", photo)
    assert (document["deleted"], document["photos_deleted"]) == (0, 1)
    assert document["left_without"] == ["new"]
    ids = photo.with_name("ids.txt")
    ids.write_text("new\n\nred-box\n")
    assert answer("delete", shop, "--from", ids)["deleted"] == 2
    ids = photo.with_name("ids.csv")
    ids.write_text("id\ngreen-box\n")
    assert answer("delete", shop, "blue-box", "--from", ids)["deleted"] == 2
    ids.write_text("id,note\n,none\n")
    assert "row 2: it has no id" in answer("delete", shop, "--from", ids, code=1)["error"]


def test_without_an_index_upsert_says_that_items_wait(tmp_path: Path, photo: Path) -> None:
    path = tmp_path / "empty"
    run("init", path)
    told = run("upsert", path, "--item", item(photo), "--folder", photo.parent)
    assert "1 items wait for `vsearch build`" in told.stderr
    assert answer("status", path)["waiting"] == 1


def test_import_tells_what_is_not_named_and_removes_it_when_asked(
    shop: Path, manifests: Manifests, tmp_path: Path
) -> None:
    folder = shutil.copytree(manifests.folder, tmp_path / "catalogue")
    manifest = folder / "catalogue.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:-2]))
    assert answer("import", shop, manifest)["would_be_removed"] == 2
    assert "2 items stay; --prune removes them" in run("import", shop, manifest).output
    assert answer("import", shop, manifest, "--prune")["removed"] == 2
    manifest.write_text("\n".join(lines[:3]))
    refused = answer("import", shop, manifest, "--prune", code=1)["error"]
    assert "does not name 9 of the shop's 11 items" in refused
    assert "items removed    9" in run("import", shop, manifest, "--prune", "--force").output


def test_status_says_when_a_rebuild_is_due(
    shop: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = answer("status", shop)
    assert [document[key] for key in ("delta_rows", "dead_rows", "rebuild_due")] == [0, 0, None]
    run("upsert", shop, "--item", item(photo), "--folder", photo.parent)
    run("delete", shop, "red-box")
    monkeypatch.setattr(rebuild, "MOST_DELTA", 0)
    shown = run("status", shop).output
    assert "1 new rows beside the index, 1 of its rows gone" in shown
    assert "due: 1 views are searched beside the index" in shown
    with Shop.open(shop) as opened:
        name = opened.current().index
        assert name is not None
        (opened.indexes / name / "vectors.npy").write_bytes(b"")
    assert "vectors.npy has 0 bytes" in answer("status", shop)["rebuild_due"]


def test_a_build_can_keep_the_model_that_serves(shop: Path) -> None:
    serves = answer("status", shop)["model"]
    options = ("--backbone", "tiny", "--epochs", 1, "--dim", 8, "--seed", 3)
    trained = answer("train", shop, *options)["model"]
    run("delete", shop, "red-box")
    document = answer("build", shop, "--keep-model")
    assert (document["model"], document["published"]) == (serves, True)
    assert answer("build", shop)["model"] == trained != serves


def test_watch_follows_a_manifest_until_it_is_told_to_end(
    shop: Path, manifests: Manifests, tmp_path: Path
) -> None:
    folder = shutil.copytree(manifests.folder, tmp_path / "catalogue")
    manifest = folder / "catalogue.csv"
    text = manifest.read_text()
    manifest.unlink()
    options = ("--prune", "--poll", "0.05", "--json")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, "build", shop, "--watch", manifest, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    with child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert "waiting for it" in child.stderr.readline()
        rounds = []
        broken = text + '"open'
        shorter = "\n".join(text.splitlines()[:-2])  # the last one was rejected anyway
        for version in (text, broken, shorter):
            draft = manifest.with_suffix(".draft")
            draft.write_text(version)
            draft.rename(manifest)
            rounds.append(json.loads(child.stdout.readline()))
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == ""
        told = child.stderr.read()
    assert child.returncode == 0
    assert "Stopped." in told
    first, bad, last = rounds
    # Its photos lie elsewhere, so all items have changed; but nothing is embedded again.
    assert (first["import"]["changed"], first["build"]["embedded"]) == (12, 0)
    assert "quotation mark" in bad["error"]
    assert (last["import"]["removed"], last["build"]["embedded"]) == (2, 0)
    assert last["build"]["indexed"] == 11
    with Shop.open(shop) as opened:
        assert opened.current().index == last["build"]["version"]


def test_watch_shows_people_a_line_for_each_round(
    shop: Path, manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Watch.rounds

    def once(self: Watch) -> Iterator[Round]:
        yield next(rounds(self))
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Watch, "rounds", once)
    told = run("build", shop, "--watch", manifests.catalogue, "--poll", 0.05)
    assert "1 rejected" in told.stdout
    assert "12 items indexed" in told.stdout
    assert signal.getsignal(signal.SIGTERM) == before
