"""A kill -9 at any step of a backup or a restoration leaves the whole thing or nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.archive_reader import read_archive
from indexer.backup import backup
from indexer.restore import restore
from indexer.shop import Shop
from tests.indexer.bundled_shop import answers, bundled
from tests.indexer.tiny_network import offer_tiny

REPOSITORY = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("killed_copies.py")

__all__ = ["bundled"]


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(monkeypatch)


STEPS = [5, pytest.param(1, marks=pytest.mark.slow)]


def kill_at_steps(what: str, source: Path, folder: Path, every: int) -> list[Path]:
    """Return the places of all copies: those that were killed, and the last one, which lived."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, str(PROGRAM), what, str(source), str(folder), str(every)],
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    # The first is killed before anything is there, some leave a draft alone.
    last = max(int(path.name.strip(".").split(".")[0]) for path in folder.iterdir())
    return [folder / str(number) for number in range(0, last + 1, every)]


def draft_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.draft")


@pytest.mark.parametrize("every", STEPS)
def test_a_killed_backup_is_whole_or_not_there(bundled: Path, tmp_path: Path, every: int) -> None:
    places = kill_at_steps("backup", bundled, tmp_path / "kept", every)
    there = [place for place in places if place.exists()]
    assert len(places) > 60 / every
    assert 1 <= len(there) < len(places) / 2
    for place in there:
        read_archive(place, None, lambda _: None)
    with Shop.open(bundled) as shop:
        for place in places[len(places) // 2 :: 5]:
            if not place.exists():
                assert draft_of(place).exists()  # what the kill has left
                backup(shop, place)
                assert not draft_of(place).exists()
                read_archive(place, None, lambda _: None)


@pytest.mark.parametrize("every", STEPS)
def test_a_killed_restoration_leaves_a_shop_or_none(
    bundled: Path, tmp_path: Path, every: int
) -> None:
    with Shop.open(bundled) as shop:
        backup(shop, tmp_path / "b.tar")
    places = kill_at_steps("restore", tmp_path / "b.tar", tmp_path / "shops", every)
    there = [place for place in places if place.exists()]
    assert len(places) > 40 / every
    assert 1 <= len(there) < len(places) / 2
    wanted = answers(bundled)
    assert answers(there[0]) == wanted  # the process was killed while it was tidying up
    half = places[len(places) // 2]
    assert draft_of(half).exists()
    assert not half.exists()
    restore(tmp_path / "b.tar", half)
    assert answers(half) == wanted
    assert not draft_of(half).exists()
