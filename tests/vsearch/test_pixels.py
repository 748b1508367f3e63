import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsearch.data import LabelledPhoto, PhotoLimits
from vsearch.errors import DataError
from vsearch.images import ImageError, ImageSpec, content_hash, decode, preprocess
from vsearch.pixels import SquareCache

SIDE = 24
BYTES = SIDE * SIDE * 3


def photo_of(path: Path, seed: int, size: tuple[int, int] = (60, 40)) -> LabelledPhoto:
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return LabelledPhoto(path, content_hash(path.read_bytes()), (0,), catalogue=False)


@pytest.fixture
def photos(tmp_path: Path) -> list[LabelledPhoto]:
    return [photo_of(tmp_path / f"{seed}.png", seed) for seed in range(6)]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SquareCache]:
    with closing(SquareCache(tmp_path / "cache", SIDE, PhotoLimits())) as cache:
        yield cache


def kept_in(cache: SquareCache) -> int:
    with closing(sqlite3.connect(cache.path)) as database:
        (count,) = database.execute("SELECT count(*) FROM squares").fetchone()
        return int(count)


@pytest.mark.parametrize("size", [(60, 40), (30, 200), (10, 10)])
def test_a_square_holds_the_whole_photo(
    tmp_path: Path, cache: SquareCache, size: tuple[int, int]
) -> None:
    photo = photo_of(tmp_path / "photo.png", 0, size)
    image = decode(photo.path.read_bytes())
    expected = preprocess(image, ImageSpec(size=SIDE, fit="stretch"))
    for _ in range(2):  # decoded, then kept
        square, aspect = cache.get(photo)
        np.testing.assert_array_equal(square, expected)
        assert square.dtype == np.uint8
        assert aspect == size[0] / size[1]


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(
    tmp_path: Path, cache: SquareCache
) -> None:
    x = np.linspace(0, 255, 1200)[None, :, None] * np.ones((800, 1, 3))
    path = tmp_path / "large.jpg"
    Image.fromarray(x.astype(np.uint8)).save(path, quality=95)
    photo = LabelledPhoto(path, content_hash(path.read_bytes()), (0,), catalogue=False)
    square, aspect = cache.get(photo)
    drafted = decode(path.read_bytes(), shorter_side=2 * SIDE)
    assert drafted.size == (150, 100)
    whole = preprocess(decode(path.read_bytes()), cache.spec)
    assert np.abs(square.astype(int) - whole).max() <= 2
    assert aspect == 1.5


def test_a_photo_is_decoded_once(photos: list[LabelledPhoto], cache: SquareCache) -> None:
    first = [cache.get(photo) for photo in photos]
    for photo in photos:
        photo.path.unlink()
    for photo, (square, aspect) in zip(photos, first, strict=True):
        again, aspect_again = cache.get(photo)
        np.testing.assert_array_equal(again, square)
        assert aspect_again == aspect
    cache.close()
    reopened = SquareCache(cache.path.parent, SIDE, PhotoLimits())
    with closing(reopened):
        np.testing.assert_array_equal(reopened.get(photos[3])[0], first[3][0])


def test_the_same_bytes_under_another_name_are_the_same_photo(
    photos: list[LabelledPhoto], cache: SquareCache, tmp_path: Path
) -> None:
    square, _ = cache.get(photos[0])
    moved = replace(photos[0], path=tmp_path / "gone.png", labels=(1,))
    np.testing.assert_array_equal(cache.get(moved)[0], square)
    assert kept_in(cache) == 1


def test_a_photo_that_changed_since_its_import_is_refused_and_not_kept(
    photos: list[LabelledPhoto], cache: SquareCache
) -> None:
    photos[0].path.write_bytes(photos[1].path.read_bytes())
    with pytest.raises(ImageError, match="has changed since it was imported"):
        cache.get(photos[0])
    photos[2].path.unlink()
    with pytest.raises(ImageError, match="there is no file"):
        cache.get(photos[2])
    assert kept_in(cache) == 0


@pytest.mark.parametrize("limits", [PhotoLimits(max_pixels=2399), PhotoLimits(max_bytes=2399)])
def test_the_shops_limits_count(
    photos: list[LabelledPhoto], tmp_path: Path, limits: PhotoLimits
) -> None:
    cache = SquareCache(tmp_path, SIDE, limits)
    with closing(cache), pytest.raises(ImageError, match="at most 2,399 are accepted"):
        cache.get(photos[0])


def test_what_finds_no_room_is_decoded_each_time(
    photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    cache = SquareCache(tmp_path / "small", SIDE, PhotoLimits(), max_bytes=2 * BYTES + 1)
    with closing(cache):
        squares = [cache.get(photo)[0] for photo in photos]
        assert kept_in(cache) == 2
        for photo in photos[:2]:
            photo.path.unlink()
        for photo, square in zip(photos, squares, strict=True):
            np.testing.assert_array_equal(cache.get(photo)[0], square)
        photos[5].path.unlink()
        with pytest.raises(ImageError, match="there is no file"):
            cache.get(photos[5])
    again = SquareCache(tmp_path / "small", SIDE, PhotoLimits(), max_bytes=2 * BYTES + 1)
    with closing(again):
        again.get(photos[2])
        assert kept_in(again) == 2


def test_threads_share_a_cache(photos: list[LabelledPhoto], cache: SquareCache) -> None:
    expected = [preprocess(decode(p.path.read_bytes()), cache.spec) for p in photos]
    order = np.random.default_rng(0).integers(len(photos), size=200).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: cache.get(photos[index])[0], order))
    for index, square in zip(order, found, strict=True):
        np.testing.assert_array_equal(square, expected[index])
    assert kept_in(cache) == cache._kept == len(photos)


def test_two_caches_may_share_a_file(
    photos: list[LabelledPhoto], cache: SquareCache, tmp_path: Path
) -> None:
    with closing(SquareCache(cache.path.parent, SIDE, PhotoLimits())) as other:
        for photo in photos:
            np.testing.assert_array_equal(cache.get(photo)[0], other.get(photo)[0])
    assert kept_in(cache) == len(photos)


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_cache_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"squares-{SIDE}.db"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"squares-24\.db cannot be used .*: delete the file"):
        SquareCache(tmp_path, SIDE, PhotoLimits())
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / f"squares-{SIDE}.db")) as database, database:
        database.execute("CREATE TABLE squares (side INTEGER)")
    with closing(SquareCache(tmp_path, SIDE, PhotoLimits())) as cache:
        photo = photo_of(tmp_path / "photo.png", 0)
        with pytest.raises(DataError, match="no such column: aspect"):
            cache.get(photo)


def test_a_square_that_was_cut_off_is_refused(
    photos: list[LabelledPhoto], cache: SquareCache
) -> None:
    cache.get(photos[0])
    with closing(sqlite3.connect(cache.path)) as database, database:
        database.execute("UPDATE squares SET pixels = substr(pixels, 1, 100)")
    with pytest.raises(DataError, match="a square of 100 bytes"):
        cache.get(photos[0])


def test_closing_waits_for_a_thread_that_is_reading(cache: SquareCache) -> None:
    """As after Ctrl-C, when photos are still being read ahead."""
    with cache._lock:
        closing_thread = threading.Thread(target=cache.close)
        closing_thread.start()
        closing_thread.join(0.05)
        assert closing_thread.is_alive()
        assert cache._database.execute("SELECT 1").fetchone() == (1,)
    closing_thread.join()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        cache._database.execute("SELECT 1")
