"""Catalogue photos in a few sizes."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from api.thumbnails import Size, Thumbnails
from indexer.shop import Shop
from tests.indexer.tiny_shop import add_further, painted
from vsearch.images import ImageError, content_hash

APPLE = content_hash(painted(1))


def file_of(shop: Shop, name: str) -> Path:
    path = shop.catalogue.shown_photo(name)
    assert path is not None
    return path


def test_a_thumbnail_is_a_small_picture_of_the_photo(shop: Shop) -> None:
    with Image.open(BytesIO(painted(1))) as photo:
        longer = max(photo.size)
    made = Thumbnails(shop).get(APPLE, Size.ICON)
    assert made is not None
    with Image.open(BytesIO(made)) as small:
        assert small.format == "JPEG"
        assert max(small.size) == min(96, longer)


def test_only_catalogue_photos_have_thumbnails(shop: Shop) -> None:
    thumbnails = Thumbnails(shop)
    assert thumbnails.get(content_hash(painted(101)), Size.ICON) is None  # a customer's photo
    assert thumbnails.get("0" * 64, Size.ICON) is None
    add_further(shop, "pear", 102, "train")
    assert thumbnails.get(content_hash(painted(102)), Size.ICON) is None
    assert thumbnails.get(APPLE, Size.ICON) is not None
    shop.delete(["apple"])
    assert thumbnails.get(APPLE, Size.ICON) is None  # though it was made already


def test_a_thumbnail_is_made_once_for_all_processes(shop: Shop) -> None:
    made = Thumbnails(shop).get(APPLE, Size.SMALL)
    file_of(shop, APPLE).unlink()
    assert Thumbnails(shop).get(APPLE, Size.SMALL) == made  # from the cache folder
    nothing_kept = Thumbnails(shop, memory=10)
    assert nothing_kept.get(APPLE, Size.SMALL) == made
    with pytest.raises(ImageError, match="there is no file"):
        Thumbnails(shop).get(APPLE, Size.MEDIUM)


def test_another_photo_in_its_place_is_not_shown(shop: Shop) -> None:
    file_of(shop, APPLE).write_bytes(painted(77))
    with pytest.raises(ImageError, match="is not the photo that was imported"):
        Thumbnails(shop).get(APPLE, Size.ICON)


def test_a_disk_that_takes_nothing_does_not_matter(shop: Shop) -> None:
    shop.cache.write_bytes(b"a file where the folder should be")
    thumbnails = Thumbnails(shop)
    assert thumbnails.get(APPLE, Size.ICON) == thumbnails.get(APPLE, Size.ICON) is not None
