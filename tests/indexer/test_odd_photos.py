"""Odd photos against plain loops."""

from pathlib import Path

import numpy as np
import pytest

from indexer import odd_photos as module
from indexer.odd_photos import odd_photos
from indexer.records import Item, Photo


def view(number: int, item: int, group: str | None = None) -> tuple[Item, Photo]:
    made = Item(item, f"item{item}", "", ("X",), 1, (), group, {}, "ok", None)
    photo = Photo(
        number, item, f"{number:064x}", Path(f"{number}.jpg"), "further", "train", 0, 1, 1
    )
    return made, photo


@pytest.mark.parametrize("seed", range(3))
def test_gaps_are_those_of_plain_loops(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    rng = np.random.default_rng(seed)
    items = rng.integers(1, 9, 30)
    groups = {1: "a", 2: "a", 3: "b"}
    views = [view(n, int(item), groups.get(int(item))) for n, item in enumerate(items)]
    vectors = rng.normal(size=(30, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = {}
    for one in range(30):
        own = [
            float(vectors[one] @ vectors[other])
            for other in range(30)
            if other != one and items[other] == items[one]
        ]
        foreign = [
            float(vectors[one] @ vectors[other])
            for other in range(30)
            if groups.get(int(items[other]), items[other])
            != groups.get(int(items[one]), items[one])
        ]
        if own and max(foreign) > max(own):
            expected[one] = max(foreign) - max(own)
    found = odd_photos(views, vectors)
    assert {odd.photo.key for odd in found} == expected.keys()
    assert 0 < len(found) < 30
    for odd in found:
        assert odd.gap == pytest.approx(expected[odd.photo.key], abs=1e-6)
        cosine = float(vectors[odd.photo.key] @ vectors[odd.nearest_photo.key])
        assert odd.other == pytest.approx(cosine, abs=1e-6)
        assert odd.nearest_photo.item_key == odd.nearest_item.key
    gaps = [odd.gap for odd in found]
    assert gaps == sorted(gaps, reverse=True)


def test_a_single_view_and_an_empty_shop_have_nothing_odd() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert odd_photos([view(0, 1), view(1, 2), view(2, 3)], vectors) == []
    assert odd_photos([], np.zeros((0, 3), np.float32)) == []


def test_variants_are_not_held_against_one_another() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    views = [view(0, 1, "g"), view(1, 1, "g"), view(2, 2, "g")]
    assert odd_photos(views, vectors) == []
    assert len(odd_photos([view(0, 1), view(1, 1), view(2, 2)], vectors)) == 1
