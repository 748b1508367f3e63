"""A kill at any moment leaves a consistent catalogue, and the next import completes it."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.importing import import_manifest
from indexer.shop import Shop

REPOSITORY = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("importing_child.py")
ROWS = 400


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    noise = np.random.default_rng(0).integers(0, 256, (ROWS, 6, 6, 3), np.uint8)
    lines = ["id,image_path,category,size"]
    for n in range(ROWS):
        Image.fromarray(noise[n]).save(folder / f"{n}.png")
        # Every tenth row is bad in one way or another; some share a picture.
        path = "gone.png" if n % 20 == 5 else f"{n - n % 30 if n % 3 == 0 else n}.png"
        lines.append(f"item-{n},{path},{'' if n % 20 == 15 else f'C{n % 7} > D{n % 3}'},{n}")
    (folder / "catalogue.csv").write_text("\n".join(lines))
    return folder / "catalogue.csv"


def contents(shop: Shop) -> list[tuple[object, ...]]:
    items = [*shop.catalogue.items("ok"), *shop.catalogue.items("rejected")]
    return sorted(
        (
            item.item_id,
            item.category,
            item.state,
            item.reason or "",
            tuple(p.content_hash for p in shop.catalogue.photos_of(item.key)),
        )
        for item in items
    )


def check(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    unlogged = "SELECT count(*) FROM items WHERE seq NOT IN (SELECT seq FROM changes)"
    assert connection.execute(unlogged).fetchone() == (0,)
    bare = (
        "SELECT count(*) FROM items WHERE state = 'ok' AND item_key NOT IN "
        "(SELECT item_key FROM photos WHERE role = 'catalogue')"
    )
    assert connection.execute(bare).fetchone() == (0,)
    connection.close()


def kill_after(shop: Path, manifest: Path, rows: int, seconds: float) -> int:
    """Kill an import some time after it acknowledged `rows` rows; return the last number told."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(shop), str(manifest)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None
    told = [0]
    for line in child.stdout:
        told.append(int(line))
        if told[-1] >= rows:
            break
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().split()]
    child.stdout.close()
    child.wait()
    return told[-1]


def test_killed_imports_lose_nothing_that_was_told(manifest: Path, tmp_path: Path) -> None:
    with Shop.create(tmp_path / "whole") as whole:
        expected = import_manifest(whole, manifest)
        wanted = contents(whole)
    assert expected.rejected == ROWS // 10
    Shop.create(tmp_path / "killed").close()
    chance = random.Random(7)
    for rows in (0, 40, 160, 280):
        told = kill_after(tmp_path / "killed", manifest, rows, chance.uniform(0, 0.03))
        check(tmp_path / "killed" / "catalogue.db")
        with Shop.open(tmp_path / "killed") as killed:
            counts = killed.catalogue.counts(0)
            assert counts.items >= told >= rows
            assert counts.items == counts.waiting + counts.rejected
    with Shop.open(tmp_path / "killed") as killed:
        import_manifest(killed, manifest)
        assert contents(killed) == wanted
        sequence = killed.catalogue.seq()
        again = import_manifest(killed, manifest)
        assert (again.changed, again.rejects) == (0, expected.rejects)
        assert killed.catalogue.seq() == sequence
