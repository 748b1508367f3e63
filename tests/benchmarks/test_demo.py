"""The demo at its full size: what `make demo` does, step by step, with its time."""

import time
from pathlib import Path

import pytest

from api.demo import generate, thumbnail_baseline
from api.walk import Given, Walk
from indexer.shop import Shop
from tests.benchmarks.machine import machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_demo(tmp_path: Path) -> None:
    started = time.monotonic()
    drawn = generate(tmp_path / "generated")
    print(f"\n{machine()}\n{'photograph':12} {time.monotonic() - started:6.1f} s")
    given = Given(drawn.catalogue, (drawn.photos,), drawn.queries, labels=("item_id",))
    with Shop.create(tmp_path / "shop") as shop:
        walk = Walk(shop, given)
        walk.go(tmp_path / "sheet.png")
    for step in walk.steps:
        print(f"{step.name:12} {step.seconds:6.1f} s  {step.outcome}")
    assert walk.figures is not None
    thumbnails = thumbnail_baseline(drawn, views="catalogue")
    shown = {key: round(walk.figures[key], 4) for key in ("top1", "recall@1", "recall@5", "ece")}
    print(f"{shown}, recall@1 of 12 × 12 thumbnails {thumbnails:.4f}")
    assert walk.figures["recall@1"] >= 0.85
    assert thumbnails < 0.5
