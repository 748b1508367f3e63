"""Folders of photos into tags.csv and category folders: resumed, mended, never overwritten."""

import csv
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api import sorting
from api.bulk_tagging import BulkReport, tag_folder
from api.cli import app
from api.sorting import Sorter, safe_name
from api.tagging import SORTED, Tagger, photos_in
from api.tags_file import COLUMNS, PhotoSet, Row, TagsFile, digest, state_of
from indexer.shop import Shop
from tests.api.tagging_child import LABELS, tiny_tagger
from tests.indexer.tiny_shop import OWN_OR_FOREIGN, TinyEmbedder, painted
from vsearch.data import Label
from vsearch.errors import BusyError, ShopError

REPOSITORY = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("tagging_child.py")
MODEL = "a" * 16


def fill(folder: Path, photos: int) -> Path:
    """Paint photos into two folders of the same file names, and put some files that are none."""
    for seed in range(photos):
        path = folder / f"{seed % 2}" / f"{seed // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(painted(seed))
        if seed % 10 == 0:
            path.with_suffix(".txt").write_text("no photo")
    return folder


def rows_of(out: Path) -> list[dict[str, str]]:
    with out.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def told(out: Path) -> list[tuple[str, str]]:
    """Return photos and categories; the last decimal of a probability may depend on the batch."""
    return sorted((row["photo"], row["category"]) for row in rows_of(out))


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below the folder, hidden ones too, but for the mark of a sorted folder."""
    paths = [path for path in folder.rglob("*") if not path.is_dir() and path.name != SORTED]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def row_of(photo: Path, category: str = "Fruit > Apple", **told: str) -> Row:
    known = Row(str(photo), "a label", category, "0.900000", "", "", "", MODEL, *state_of(photo))
    return known._replace(**told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "photos", 20)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "tags.csv"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return path


def again(folder: Path, out: Path, **options: Any) -> tuple[BulkReport, int]:
    """Tag the folder; return what is reported and how many photos the network has seen."""
    embedder = TinyEmbedder(LABELS)
    return tag_folder(Tagger(embedder, 10**6, 10**6), folder, out, **options), embedder.photos


def test_a_second_run_classifies_what_is_new(folder: Path, out: Path) -> None:
    stages: list[tuple[str, int, int]] = []
    first, _ = again(folder, out, progress=lambda *one: stages.append(one))
    assert (first.tagged, first.already, first.unreadable, first.photos) == (20, 0, 2, 20)
    assert (stages[0], stages[-1]) == (("classify", 0, 22), ("classify", 22, 22))
    assert first.seconds > 0
    before = out.read_bytes()
    second, seen = again(folder, out)
    assert (second.tagged, second.already, second.unreadable, second.photos) == (0, 20, 2, 20)
    assert (seen, out.read_bytes()) == (2, before)  # what could not be read is tried again
    (folder / "0/0.txt").write_bytes(painted(100))
    (folder / "0/1.png").write_bytes(painted(101) + b"edited")
    stages.clear()
    third, seen = again(folder, out, progress=lambda *one: stages.append(one))
    assert (third.tagged, third.already, third.unreadable, seen) == (2, 20, 1, 3)
    assert (stages[0], stages[-1]) == (("classify", 20, 23), ("classify", 23, 23))
    assert [Path(row["photo"]).name for row in rows_of(out)[22:]] == ["0.txt", "1.png"]
    assert {row["model"] for row in rows_of(out)} == {MODEL}


def test_a_cut_anywhere_is_mended(tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "tags.csv"
    folder.mkdir()
    names = ['with "quotes", and\na line break.png', "plain.png", os.fsdecode(b"caf\xe9.png")]
    for seed, name in enumerate(names):
        (folder / name).write_bytes(painted(seed))
    again(folder, out)
    whole = out.read_bytes()
    wanted = told(out)
    assert [photo for photo, _ in wanted] == sorted(str(folder / name) for name in names)
    for length in range(0, len(whole), 5):
        out.write_bytes(whole[:length])
        report, seen = again(folder, out)
        assert (report.photos, report.tagged) == (3, seen)
        assert told(out) == wanted


def test_a_file_that_is_not_ours_is_left_alone(folder: Path, out: Path) -> None:
    again(folder, out)
    written = out.read_bytes()
    other = Tagger(TinyEmbedder(LABELS, model_fingerprint="b" * 16), 10**6, 10**6)
    with pytest.raises(ShopError, match=rf"model {MODEL}, and {'b' * 16} .* --overwrite"):
        tag_folder(other, folder, out)
    assert out.read_bytes() == written
    header = written[: written.index(b"\n") + 1]
    damaged = (
        b"my,own,table\n1,2,3\n",
        header + b"one,two\r\n",
        header + written.splitlines()[1].replace(b",0.", b",x.") + b"\r\n",
        header + written.splitlines()[1].replace(b",0.", b",7.") + b"\r\n",
        header + b'"' + b"a line\r\n" * 10_000,  # far more than a half-written row
    )
    for content in damaged:
        out.write_bytes(content)
        with pytest.raises(ShopError, match="name another --out, or give --overwrite"):
            again(folder, out)
        assert out.read_bytes() == content
    tag_folder(other, folder, out, overwrite=True)
    assert {row["model"] for row in rows_of(out)} == {"b" * 16}


def test_every_photo_of_an_earlier_run_is_known() -> None:
    digests = b"".join(digest(f"{n}.png", ("1", "2")) for n in range(3000))
    assert any(digests[end - 1] == 0 for end in range(16, len(digests), 16))
    known = PhotoSet(digests)
    assert len(known) == 3000
    assert all((f"./{n}.png", ("1", "2")) in known for n in range(3000))
    for other in (("3000.png", ("1", "2")), ("1.png", ("1", "3")), ("x/1.png", ("1", "2"))):
        assert other not in known
        assert other not in PhotoSet()


def test_two_runs_do_not_write_one_file(folder: Path, out: Path) -> None:
    with TagsFile.open(out, MODEL), pytest.raises(BusyError, match="another --out"):
        again(folder, out)


def test_what_is_written_within_the_folder_is_not_classified(folder: Path) -> None:
    out, into = folder / "tags.csv", folder / "sorted"
    again(folder, out)
    report, seen = again(folder, out, sorter=Sorter(into, link=True))
    assert (report.photos, report.unreadable, seen) == (20, 2, 2)
    assert len(list(into.rglob("*.png"))) == 20
    before = tree(folder)
    sorter = Sorter(into, link=True)
    again(folder, out, sorter=sorter)
    assert (sorter.placed, sorter.duplicates, tree(folder)) == (0, 0, before)
    # The folder is known later, too, when other photos go elsewhere or nowhere.
    for option in (None, Sorter(folder / "elsewhere", link=True)):
        report, seen = again(folder, out, sorter=option)
        assert (report.tagged, report.unreadable, seen) == (0, 2, 2)
    assert len(photos_in(into)) == 20  # unless it is asked for
    for wrong in (folder, folder.parent):
        with pytest.raises(ShopError, match=r"such as .*sorted"):
            again(folder, out, sorter=Sorter(wrong))


def test_photos_go_where_their_rows_say(folder: Path, out: Path, tmp_path: Path) -> None:
    contents = {data for name, data in tree(folder).items() if name.endswith("png")}
    sorter = Sorter(tmp_path / "sorted")
    again(folder, out, sorter=sorter)
    assert (sorter.placed, sorter.failed) == (20, 0)
    assert set(tree(folder)) == {"0/0.txt", "0/5.txt"}  # what cannot be read stays
    moved = tree(tmp_path / "sorted")
    assert set(moved.values()) == contents
    assert any("(2)" in name for name in moved)  # two folders had the same names
    places = {row["category"].replace(" > ", "/") for row in rows_of(out) if not row["error"]}
    assert {str(Path(name).parent) for name in moved} == places
    # The camera begins its numbers anew: the old row does not decide for the new photo.
    (folder / "0/3.png").write_bytes(painted(6) + b"another")
    report, seen = again(folder, out, sorter=sorter)
    assert (report.tagged, report.already, seen, sorter.placed) == (1, 20, 3, 21)
    assert len(tree(tmp_path / "sorted")) == 21


def test_unknown_unsure_and_placeless_photos(photo: Path, tmp_path: Path) -> None:
    sorter = Sorter(tmp_path / "sorted", min_probability=0.5)
    places = {
        "_unknown": row_of(photo, unknown="true"),
        "_unsure": row_of(photo, probability="0.499999"),
        "Fruit/Apple": row_of(photo, probability="0.500000", unknown="false"),
        "red": row_of(photo, "", label="red | round"),
        "_unknown/": row_of(photo, "", label=""),
        "A_B/__unknown": row_of(photo, "A/B > _unknown"),
        "_/etc": row_of(photo, ".. > etc"),
    }
    for place, row in places.items():
        assert sorter.folder_of(row) == tmp_path / "sorted" / place
    tagger = Tagger(TinyEmbedder([Label("ours", ())], objective=OWN_OR_FOREIGN), 10**6, 10**6)
    folder, out = fill(tmp_path / "photos", 20), tmp_path / "tags.csv"
    tag_folder(tagger, folder, out, sorter=Sorter(tmp_path / "sorted"))
    foreign = [row for row in rows_of(out) if row["unknown"] == "true"]
    assert len(list((tmp_path / "sorted/_unknown").iterdir())) == len(foreign) > 0
    assert len(list((tmp_path / "sorted/ours").iterdir())) == 20 - len(foreign) > 0


def test_names_that_a_file_system_refuses_are_made_safe() -> None:
    safe = {
        "Crème brûlée": "Crème brûlée", "A/B: 3\" <x>|*?\\": "A_B_ 3_ _x_____", "nul": "_nul",
        "COM1.old": "_COM1.old", "..": "_", ".git": "_.git", "end. ": "end", "": "_", "\0\n": "__",
        "_unsure": "__unsure", "Nullarbor": "Nullarbor", "\ud800": "_",
    }  # fmt: skip
    assert {name: safe_name(name) for name in safe} == safe
    long = [safe_name("é" * 200 + end) for end in "ab"]
    assert long[0] != long[1]
    assert all(200 < len(name.encode()) <= 255 for name in long)


@pytest.mark.parametrize("link", [False, True])
def test_nothing_is_overwritten(photo: Path, tmp_path: Path, link: bool) -> None:
    place = tmp_path / "sorted/Fruit/Apple"
    place.mkdir(parents=True)
    (place / "photo.png").write_bytes(b"two")
    sorter = Sorter(tmp_path / "sorted", link)
    row = row_of(photo)
    sorter(row)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "photo.png": b"two",
        "photo (2).png": b"one",
    }
    assert (sorter.placed, photo.exists()) == (1, link)
    if link:
        assert str((place / "photo (2).png").readlink()) == "../../../in/photo.png"
    twin = photo.parent / "more" / photo.name
    twin.parent.mkdir()
    twin.write_bytes(b"one")
    sorter(row_of(twin))
    assert (sorter.placed, sorter.duplicates, len(list(place.iterdir()))) == (1, 1, 2)
    assert twin.read_bytes() == b"one"
    sorter(row)
    assert (sorter.placed, len(list(place.iterdir()))) == (1, 2)


def test_a_link_becomes_the_photo_when_it_is_moved(photo: Path, tmp_path: Path) -> None:
    row, into = row_of(photo), tmp_path / "sorted"
    Sorter(into, link=True)(row)
    Sorter(into)(row)
    assert not (into / "Fruit/Apple/photo.png").is_symlink()
    assert (tree(into), photo.exists()) == ({"Fruit/Apple/photo.png": b"one"}, False)


def test_a_photo_that_is_a_link_still_leads_to_it(photo: Path, tmp_path: Path) -> None:
    shortcut = tmp_path / "other" / "photo.png"
    shortcut.parent.mkdir()
    shortcut.symlink_to("../in/photo.png")
    Sorter(tmp_path / "sorted")(row_of(shortcut))
    assert tree(tmp_path / "sorted") == {"Fruit/Apple/photo.png": b"one"}
    assert (os.path.lexists(shortcut), photo.read_bytes()) == (False, b"one")


def refuse_links(monkeypatch: pytest.MonkeyPatch, reason: int, *, drafts: bool) -> None:
    make = os.link

    def link(source: Path, target: Path) -> None:
        if drafts or source.suffix != ".part":
            raise OSError(reason, os.strerror(reason))
        make(source, target)

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize(
    ("reason", "drafts"), [(errno.EXDEV, False), (errno.EPERM, True)], ids=["device", "no links"]
)
def test_other_file_systems(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int, drafts: bool
) -> None:
    refuse_links(monkeypatch, reason, drafts=drafts)
    os.utime(photo, ns=(10**18, 10**18))
    Sorter(tmp_path / "sorted")(row_of(photo))
    assert tree(tmp_path / "sorted") == {"Fruit/Apple/photo.png": b"one"}
    assert (tmp_path / "sorted/Fruit/Apple/photo.png").stat().st_mtime_ns == 10**18
    assert not photo.exists()
    photo.write_bytes(b"another")
    Sorter(tmp_path / "sorted")(row_of(photo))
    assert len(tree(tmp_path / "sorted")) == 2


@pytest.mark.parametrize("step", ["linked", "copied", "half copied", "named", "unlinked"])
def test_a_kill_amid_a_move_is_completed(photo: Path, tmp_path: Path, step: str) -> None:
    row, sorter = row_of(photo), Sorter(tmp_path / "sorted")
    place = tmp_path / "sorted/Fruit/Apple"
    place.mkdir(parents=True)
    draft, target = sorting._draft(photo, place), place / "photo.png"
    if step == "linked":
        target.hardlink_to(photo)
    elif step == "half copied":
        draft.write_bytes(b"o")
    else:
        shutil.copy2(photo, draft)
    if step in {"named", "unlinked"}:
        target.hardlink_to(draft)
    if step == "unlinked":
        photo.unlink()
    sorter(row)
    left = {name for name in tree(tmp_path / "sorted") if not name.endswith(".part")}
    assert left == {"Fruit/Apple/photo.png"}
    assert target.read_bytes() == b"one"
    assert not photo.exists()
    assert not draft.exists()
    assert sorter.duplicates == 0


def test_one_photo_that_cannot_be_moved_stops_nothing(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted/Fruit").write_text("in the way")
    sorter = Sorter(tmp_path / "sorted")
    sorter(row_of(photo))
    assert (sorter.failed, sorter.placed, list(sorter.reasons)) == (1, 0, [photo])
    assert photo.read_bytes() == b"one"


def test_a_full_disk_stops_the_run(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_links(monkeypatch, errno.EXDEV, drafts=False)

    def full_disk(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full_disk)
    with pytest.raises(OSError, match="No space left"):
        Sorter(tmp_path / "sorted")(row_of(photo))
    assert (photo.read_bytes(), tree(tmp_path / "sorted")) == (b"one", {})


def kill_after(arguments: list[str], photos: int, seconds: float) -> None:
    """Kill a run some time after it told that so many photos are classified and sorted."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= photos:
            break
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("how", "killed_at"), [("move", (0, 200, 500)), ("link", (300,))])
def test_killed_runs_come_to_the_same_end(
    tmp_path: Path, how: str, killed_at: tuple[int, ...]
) -> None:
    ends = []
    for kills in ((), killed_at):
        shop = tmp_path / f"{len(kills)}"
        folder, out, into = fill(shop / "photos", 800), shop / "tags.csv", shop / "sorted"
        originals = set(tree(folder).values())
        chance = random.Random(7)
        for photos in kills:
            arguments = [str(folder), str(out), str(into), how]
            kill_after(arguments, photos, chance.uniform(0, 0.02))
            assert set(tree(folder).values()) | set(tree(into).values()) == originals
        sorter = Sorter(into, link=how == "link")
        report = tag_folder(tiny_tagger(), folder, out, sorter=sorter)
        assert (report.photos, report.unreadable, sorter.duplicates) == (800, 80, 0)
        assert (0 < report.already < 800) == bool(kills)
        rows = [(os.path.relpath(photo, folder), category) for photo, category in told(out)]
        ends.append((rows, tree(folder), tree(into)))
    for whole, killed in zip(*ends, strict=True):
        assert killed == whole


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["classify", *map(str, arguments)], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Shop.create(tmp_path / "shop").close()
    monkeypatch.setattr(Tagger, "open", lambda _shop: tiny_tagger())
    return tmp_path / "shop"


def test_the_command_sums_up(shop: Path, folder: Path, out: Path, tmp_path: Path) -> None:
    arguments = (shop, folder, "--out", out)
    document = json.loads(run(*arguments, "--json").stdout)
    assert document["seconds"] > 0
    assert document["photos_per_second"] > 0
    assert document | {"seconds": 0, "photos_per_second": 0} == {
        "photos": 20, "tagged": 20, "already": 0, "unreadable": 2, "out": str(out), "model": MODEL,
        "seconds": 0, "photos_per_second": 0,
    }  # fmt: skip
    linked = json.loads(run(*arguments, "--link", tmp_path / "links", "--json").stdout)
    assert (linked["tagged"], linked["already"], linked["linked"]) == (0, 20, 20)
    into = tmp_path / "sorted"
    shown = run(*arguments, "--move", into, "--min-probability", "0.9", "--overwrite").output
    assert "Unreadable (2)" in shown
    assert "0.txt" in shown
    assert (into / "_unsure").is_dir()
    assert tuple(rows_of(out)[0]) == COLUMNS


def test_the_command_tells_what_could_not_be_sorted(
    shop: Path, folder: Path, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted/Things").write_text("in the way")
    shown = run(shop, folder, "--out", out, "--move", tmp_path / "sorted", code=1).output
    assert "Not sorted (20)" in shown
    assert "… and 10 more" in shown


def test_the_command_refuses_what_makes_no_sense(shop: Path, folder: Path, out: Path) -> None:
    for options in (
        ["--move", "a"],
        ["--link", "a"],
        ["--overwrite"],
        ["--out", out, "--min-probability", "0.5"],
        ["--out", out, "--move", "a", "--link", "b"],
        ["--out", out, "--move", "a", "--min-probability", "2"],
    ):
        run(shop, folder, *options, code=2)
    assert "which holds it" in run(shop, folder, "--out", out, "--move", folder, code=1).output
    assert not out.exists()
