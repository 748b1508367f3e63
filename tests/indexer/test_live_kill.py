"""A kill at any moment loses no acknowledged change, and leaves no half of another."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from indexer.search import Searcher
from indexer.shop import Shop
from tests.indexer.live_shop import LiveShop
from tests.indexer.tiny_shop import TinyEmbedder

REPOSITORY = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("live_child.py")
ROUNDS = 3


def start(shop: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(shop), name],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def killed(child: subprocess.Popen[str]) -> list[str]:
    """Kill a child and return all that it told."""
    assert child.stdout is not None
    child.send_signal(signal.SIGKILL)
    with child:
        return child.stdout.read().split()


def check_whole(path: Path) -> None:
    """Every item is there with its photo and its embedding, and every change is logged."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for half in (
            "SELECT count(*) FROM items WHERE seq NOT IN (SELECT seq FROM changes)",
            "SELECT count(*) FROM items WHERE item_key NOT IN (SELECT item_key FROM photos)",
            "SELECT count(*) FROM photos WHERE content_hash NOT IN "
            "(SELECT content_hash FROM embeddings)",
            "SELECT count(*) FROM changes WHERE kind = 'deleted' "
            "AND item_key IN (SELECT item_key FROM items)",
        ):
            assert connection.execute(half).fetchone() == (0,), half


def test_two_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    live = LiveShop(tmp_path)
    chance = random.Random(5)
    wanted, gone = {"gala", "fuji", "whole"}, set[str]()
    for number in range(ROUNDS):
        children = {name: start(live.shop.path, f"{name}{number}") for name in "ab"}
        told = [first_line(child) for child in children.values()]  # all are at work
        time.sleep(chance.uniform(0, 0.3))
        told += [line for child in children.values() for line in killed(child)]
        assert {line[0] for line in told} <= {"+", "-"}
        check_whole(live.shop.path / "catalogue.db")
        # An item that was to go next may be there or not: its deletion was not acknowledged.
        wanted |= {line[1:] for line in told if line[0] == "+" and not line.endswith("-gone")}
        gone |= {line[1:] for line in told if line[0] == "-"}
        there = set(live.shop.catalogue.item_ids())
        assert wanted <= there
        assert not gone & there
    assert len(gone) > ROUNDS
    with Shop.open(live.shop.path) as shop:
        searcher = Searcher.open(shop, embedder=TinyEmbedder())
        embeddings = searcher.version.vectors[:1]
        hits = searcher.items.hits(embeddings, top_k=10_000)[0]
        assert {hit.item.item_id for hit in hits} == set(shop.catalogue.item_ids())
    live.shop.close()
