"""Restoring: what is damaged, foreign or hostile is refused, and nothing of it is left."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from indexer.archive import HEADER, KIND, LIST
from indexer.archive_reader import read_archive
from indexer.backup import backup
from indexer.restore import restore
from indexer.shop import Shop
from tests.indexer.bundled_shop import answers, bundled, flip, use_model
from tests.indexer.tiny_network import offer_tiny
from vsearch.errors import ArchiveError, BusyError, ShopError

__all__ = ["bundled"]


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


@pytest.fixture(scope="module")
def kept(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup of the shop as `b.tar` and as `b`; not to be changed."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch, Shop.open(bundled) as shop:
        offer_tiny(patch)
        backup(shop, folder / "b.tar")
        backup(shop, folder / "b")
    return folder


def refused(archive: Path, told: str, target: Path) -> None:
    """Check that a backup is refused, and that nothing of it is left."""
    with pytest.raises(ArchiveError, match=told) as caught:
        restore(archive, target)
    assert str(archive) in str(caught.value)
    assert not target.exists()
    assert not list(target.parent.glob(".*"))


def signed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with a list of them that is in order."""
    entries = [
        {
            "path": name,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "mtime_ns": 0,
        }
        for name, data in files.items()
    ]
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    end = {"files": len(entries), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    return {**files, LIST: (lines + json.dumps(end) + "\n").encode()}


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a tar file as other programs do."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def contents(kept: Path) -> dict[str, bytes]:
    """Return the files of the backup, its list left out, the header first."""
    with tarfile.open(kept / "b.tar") as tar:
        files = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        return {name: file.read() for name, file in files.items() if file and name != LIST}


def test_no_flipped_bit_is_restored(kept: Path, tmp_path: Path) -> None:
    archive = Path(shutil.copy(kept / "b.tar", tmp_path / "b.tar"))
    chance = random.Random(5)
    for place in chance.sample(range(archive.stat().st_size), 60):
        flip(archive, place)
        with pytest.raises(ArchiveError):
            read_archive(archive, None, lambda _: None)
        flip(archive, place)
    flip(archive, archive.stat().st_size // 2)
    refused(archive, "damaged", tmp_path / "again")
    flip(archive, archive.stat().st_size // 2)
    restore(archive, tmp_path / "again")


def test_no_part_of_a_file_is_restored(kept: Path, tmp_path: Path) -> None:
    data = (kept / "b.tar").read_bytes()
    for length in (0, 100, 512, len(data) // 3, len(data) - 10240, len(data) - 1):
        (tmp_path / "b.tar").write_bytes(data[:length])
        refused(tmp_path / "b.tar", "not copied whole|no tar file", tmp_path / "again")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: flip(f / "catalogue.db", 5000), r"catalogue\.db is damaged"),
        (lambda f: flip(f / LIST, 10), rf"{LIST} is damaged"),
        (lambda f: (f / LIST).unlink(), f"{LIST}, is missing"),
        (lambda f: (f / HEADER).unlink(), "no backup of a shop: it begins with “CURRENT”"),
        (lambda f: (f / "shop.toml").unlink(), r"shop\.toml is missing"),
        (lambda f: (f / "photos" / "more.jpg").write_bytes(b"x"), "not in its list"),
        (lambda f: (f / "cache.db").write_bytes(b"x"), r"“cache\.db” is no file of a shop"),
        (lambda f: (f / "photos" / "link.jpg").symlink_to("/etc/passwd"), "not a plain file"),
        (lambda f: (f / "photos" / "out").symlink_to("/etc"), "not a plain file"),
        (lambda f: os.mkfifo(f / "photos" / "pipe"), "not a plain file"),
    ],
)
def test_a_folder_is_looked_at_as_closely(
    kept: Path, tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    folder = Path(shutil.copytree(kept / "b", tmp_path / "b"))
    damage(folder)
    refused(folder, told, tmp_path / "again")


HEAD = {HEADER: json.dumps({"kind": KIND, "schema": 1}).encode()}


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "photos/../../evil",
        "photos//evil",
        "photos/./evil",
        "photos/.hidden",
        "photos/a\\b",
        "photos/C:evil",
        "photos/a b",
        "photos",
        "indexes/20260101T000000-00000000",
        "models/short/model.json",
        "cache/features.db",
        "import.lock",
        "evil",
    ],
)
def test_a_name_that_no_shop_has_is_refused(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "b.tar", signed({**HEAD, name: b"evil"}))
    refused(archive, "is no file of a shop", tmp_path / "again")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(packed(tmp_path / "b.tar", HEAD), "a") as tar:
        member = tarfile.TarInfo("photos/a.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    refused(tmp_path / "b.tar", r"“photos/a\.jpg” in it is not a plain file", tmp_path / "again")


def test_what_is_no_backup_is_told(tmp_path: Path) -> None:
    packed(tmp_path / "letters.tar", {"letter.txt": b"dear"})
    refused(tmp_path / "letters.tar", r"begins with “letter\.txt”", tmp_path / "again")
    packed(tmp_path / "other.tar", {HEADER: b'{"kind": "of another program", "schema": 1}'})
    refused(tmp_path / "other.tar", "says it is “of another program”", tmp_path / "again")
    packed(tmp_path / "odd.tar", {HEADER: b"[]"})
    refused(tmp_path / "odd.tar", f"its {HEADER} cannot be read", tmp_path / "again")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8" * 5000)
    refused(tmp_path / "photo.jpg", "no tar file", tmp_path / "again")
    refused(tmp_path / "absent.tar", "no such file", tmp_path / "again")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "is missing", tmp_path / "again")


def test_a_backup_of_a_newer_program_says_so(kept: Path, tmp_path: Path) -> None:
    files = contents(kept)
    newer = {**files, HEADER: json.dumps({"kind": KIND, "schema": 2}).encode()}
    packed(tmp_path / "b.tar", signed(newer))
    refused(tmp_path / "b.tar", "of schema 2.*update the program", tmp_path / "again")
    settings = re.sub(rb"schema = \d+", b"schema = 99", files["shop.toml"])
    packed(tmp_path / "s.tar", signed({**files, "shop.toml": settings}))
    refused(tmp_path / "s.tar", r"shop\.toml.*99.*update the program", tmp_path / "again")


def edited(kept: Path, name: str, **values: object) -> dict[str, bytes]:
    """Return the files of the backup with other values in a JSON file of the model or version."""
    files = contents(kept)
    full = next(one for one in files if one.endswith(name))
    return {**files, full: json.dumps(json.loads(files[full]) | values).encode()}


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("manifest.json", {"schema": 99}, "schema 99"),
        ("manifest.json", {"embedding_fingerprint": "0" * 16}, "holds embeddings 0000000000000000"),
        ("manifest.json", {"sequence": 10**6}, "it is an older one"),
        ("manifest.json", {"rows": 4}, "is damaged"),
        ("model.json", {"schema": 99}, "schema 99"),
        ("model.json", {"calibration": {"scale": 3.0}}, "changed or damaged"),
        ("CURRENT", {"model": "0" * 16}, "model.json is missing"),
        ("CURRENT", {"index": "20260101T000000-00000000"}, "manifest.json is missing"),
        ("TRAINED", {"model": "../../etc"}, "is missing"),
    ],
)
def test_what_could_not_serve_is_refused_though_its_list_is_in_order(
    kept: Path, tmp_path: Path, name: str, values: dict[str, object], told: str
) -> None:
    packed(tmp_path / "b.tar", signed(edited(kept, name, **values)))
    refused(tmp_path / "b.tar", told, tmp_path / "again")


def test_a_catalogue_that_is_damaged_inside_is_refused(kept: Path, tmp_path: Path) -> None:
    files = contents(kept)
    data = bytearray(files["catalogue.db"])
    data[4096 * 2 : 4096 * 20] = bytes(4096 * 18)
    packed(tmp_path / "b.tar", signed({**files, "catalogue.db": bytes(data)}))
    refused(tmp_path / "b.tar", "damaged|malformed", tmp_path / "again")


def test_an_index_and_a_model_of_an_older_program_wait_for_a_build(
    kept: Path, tmp_path: Path
) -> None:
    packed(tmp_path / "b.tar", signed(edited(kept, "manifest.json", schema=1)))
    (note,) = restore(tmp_path / "b.tar", tmp_path / "again").notes
    assert "of an older program: run `vsearch build`" in note
    packed(tmp_path / "m.tar", signed(edited(kept, "model.json", schema=1)))
    (note,) = restore(tmp_path / "m.tar", tmp_path / "another").notes
    assert "of an older program: run `vsearch train` again" in note


def test_a_target_that_holds_something_is_left_alone(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    restore(kept / "b.tar", tmp_path / "shop")  # an empty folder may become one
    before = (tmp_path / "shop" / "CURRENT").stat()
    with pytest.raises(ShopError, match="is there already and not empty"):
        restore(kept / "b.tar", tmp_path / "shop")
    assert (tmp_path / "shop" / "CURRENT").stat() == before
    (tmp_path / "file").write_text("a letter")
    with pytest.raises(ShopError, match="is there already"):
        restore(kept / "b.tar", tmp_path / "file")
    with pytest.raises(ShopError, match="there is no folder"):
        restore(kept / "b.tar", tmp_path / "none" / "shop")
    with pytest.raises(ShopError, match="a disk is mounted"):
        restore(kept / "b.tar", Path("/"))


def test_two_restores_to_one_place_do_not_meet(kept: Path, tmp_path: Path) -> None:
    def second(stage: str, done: int, total: int) -> None:
        if stage == "photo files" and not done:
            with pytest.raises(BusyError, match="another process is writing"):
                restore(kept / "b.tar", tmp_path / "again")

    restore(kept / "b.tar", tmp_path / "again", progress=second)
    assert {p.name for p in tmp_path.iterdir()} == {"again"}


def test_an_interrupt_leaves_nothing(kept: Path, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "photo files":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(kept / "b.tar", tmp_path / "again", progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_a_restored_shop_can_be_kept_and_restored_again(kept: Path, tmp_path: Path) -> None:
    restore(kept / "b", tmp_path / "one")
    with Shop.open(tmp_path / "one") as shop:
        use_model(shop, seed=3)
        backup(shop, tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "two")
    assert answers(tmp_path / "one") == answers(tmp_path / "two")
