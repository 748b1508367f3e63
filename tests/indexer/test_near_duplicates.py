"""Copies are found among items, and variants of one product told apart."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.importing import import_manifest
from indexer.near_duplicates import DuplicateGroup, copies, looks_of, shared_photos
from indexer.records import Photo
from indexer.shop import Shop


def paint(path: Path, seed: int, *, quality: int | None = None, width: int = 96) -> None:
    """Draw a picture of soft blobs; with a quality as JPEG."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    photo = Image.fromarray(small).resize((96, 72), Image.Resampling.BICUBIC)
    photo = photo.resize((width, 3 * width // 4))
    file = io.BytesIO()
    photo.save(file, "PNG" if quality is None else "JPEG", quality=quality or 90)
    path.write_bytes(file.getvalue())


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Six items: a copy, the same file, a copy between variants, a photo of its own."""
    for seed, name in enumerate("abcd"):
        paint(tmp_path / f"{name}.png", seed)
    paint(tmp_path / "a-copy.jpg", 0, quality=60, width=80)
    paint(tmp_path / "c-copy.jpg", 2, quality=70)
    rows = (
        "1,a.png,X,",
        "2,a-copy.jpg,X,",
        "3,b.png,X,",
        "4,b.png,Y,",
        "5,c.png,Y,shirt",
        "6,c-copy.jpg,Y,shirt",
        "7,d.png,Y,shirt",
    )
    manifest = tmp_path / "catalogue.csv"
    manifest.write_text("\n".join(["item_id,image_path,category,item_group_id", *rows]))
    with Shop.create(tmp_path / "shop") as made:
        assert import_manifest(made, manifest).added == 7
        yield made


def photos_of(shop: Shop) -> list[Photo]:
    return [photo for _, photo in shop.catalogue.photos()]


def groups_of(
    shop: Shop, accepted: set[tuple[str, str]] | None = None
) -> dict[str, DuplicateGroup]:
    looks, unreadable = looks_of(shop, photos_of(shop))
    assert unreadable == {}
    hashes = list(dict.fromkeys(photo.content_hash for photo in photos_of(shop)))
    found = shared_photos(shop.catalogue.photos(), copies(hashes, looks, {}), accepted or set(), {})
    return {"".join(one.item.item_id for one in group.photos): group for group in found}


def test_copies_and_equal_files_are_found_variants_last(shop: Shop) -> None:
    groups = groups_of(shop)
    assert list(groups) == ["12", "34", "56"]
    assert [group.variants for group in groups.values()] == [False, False, True]
    assert [group.same_bytes for group in groups.values()] == [False, True, False]
    assert [group.alike for group in groups.values()] == [None, 1.0, None]
    assert groups["12"].others("1") == ["2"]


def test_a_group_goes_when_all_its_photos_are_accepted(shop: Shop) -> None:
    hashes = {item.item_id: photo.content_hash for item, photo in shop.catalogue.photos()}
    one = {(hashes["1"], "1")}
    group = groups_of(shop, one)["12"]
    assert [shared.accepted for shared in group.photos] == [True, False]
    assert "12" not in groups_of(shop, one | {(hashes["2"], "2")})


def test_photos_are_looked_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = looks_of(shop, photos_of(shop))
    assert len(first) == 6

    def decoded(*_: object, **__: object) -> None:
        raise AssertionError("looked at again")

    monkeypatch.setattr("indexer.near_duplicates.decode", decoded)
    again, _ = looks_of(shop, photos_of(shop))
    assert again.keys() == first.keys()
    for content, look in first.items():
        np.testing.assert_array_equal(again[content].bits, look.bits)
        np.testing.assert_array_equal(again[content].places, look.places)


def test_a_photo_that_changed_or_went_is_told(shop: Shop) -> None:
    photos = photos_of(shop)
    paint(photos[0].path, 9)
    photos[-1].path.unlink()
    looks, unreadable = looks_of(shop, photos)
    assert len(looks) == 4
    assert unreadable.keys() == {str(photos[0].path), str(photos[-1].path)}
    assert "has changed since it was imported" in unreadable[str(photos[0].path)]


def test_the_network_has_to_find_copies_similar_too(shop: Shop) -> None:
    looks, _ = looks_of(shop, photos_of(shop))
    hashes = list(looks)
    alike = copies(hashes, looks, {})
    assert len(set(alike.values())) == 4
    east, north = np.eye(2, dtype=np.float32)
    vectors = {content: east if place % 2 else north for place, content in enumerate(hashes)}
    assert len(set(copies(hashes, looks, vectors).values())) == 6
    assert copies(hashes, looks, dict.fromkeys(hashes, east)) == alike
    assert len(set(copies(["unknown", *hashes], looks, {}).values())) == 5
    assert copies([], {}, {}) == {}
