"""Files to bytes, specs and crops, and the square that the network sees."""

import csv
import hashlib
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vsearch.errors import BundleError
from vsearch.images import (
    GLANCE,
    Crop,
    ImageError,
    ImageProblem,
    ImageSpec,
    check,
    content_hash,
    decode,
    load,
    load_with_glance,
    preprocess,
    read_photo,
    thumbnail,
)

FITS = ("crop", "stretch", "pad")


def jpeg(pixels: NDArray[np.uint8], **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def ramp(width: int, height: int) -> NDArray[np.uint8]:
    """Red grows to the right, green downwards."""
    y, x = np.mgrid[0 : 255 : height * 1j, 0 : 255 : width * 1j]
    pixels: NDArray[np.uint8] = np.stack([x, y, np.full_like(x, 90)], axis=2).astype(np.uint8)
    return pixels


# --- files


def test_read_photo_returns_the_bytes(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"12345")
    assert read_photo(photo, max_bytes=5) == b"12345"
    assert content_hash(b"12345") == hashlib.sha256(b"12345").hexdigest()


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("absent.jpg", ImageProblem.MISSING, "there is no file"),
        ("folder", ImageProblem.UNREADABLE, "is a folder"),
        ("pipe", ImageProblem.UNREADABLE, "not a regular file"),
        ("empty.jpg", ImageProblem.EMPTY, "is empty"),
        ("large.jpg", ImageProblem.TOO_MANY_BYTES, "has 1,001 bytes; at most 1,000"),
        ("large.jpg/under", ImageProblem.UNREADABLE, "cannot be read"),
        ("circle", ImageProblem.UNREADABLE, "cannot be read"),
        ("x" * 300, ImageProblem.UNREADABLE, "cannot be read"),
        ("nul\0", ImageProblem.UNREADABLE, "cannot be read"),
    ],
)
def test_read_photo_says_what_is_wrong(
    tmp_path: Path, name: str, reason: ImageProblem, words: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "large.jpg").write_bytes(bytes(1001))
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match=words) as caught:
        read_photo(tmp_path / name, max_bytes=1000)
    assert caught.value.reason is reason
    assert name[:5] in str(caught.value)


# --- specs and crops


def test_a_spec_survives_json() -> None:
    spec = ImageSpec(size=96, fit="pad", scale=1, interpolation="lanczos", std=(1, 1, 1))
    again = ImageSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert json.dumps(again.to_json()) == json.dumps(spec.to_json())  # 1 and 1.0 are one value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", 224.0),
        ("size", True),
        ("size", 100_000),
        ("fit", "cover"),
        ("scale", 0),
        ("scale", 1.5),
        ("scale", math.nan),
        ("interpolation", "nearest"),
        ("mean", [0.5, 0.5]),
        ("mean", "abc"),
        ("std", [1, 0, 1]),
        ("std", [1, 1, "1"]),
    ],
)
def test_a_bad_spec_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(BundleError, match=f"image spec: {name} is"):
        ImageSpec.from_json({**ImageSpec().to_json(), name: value})


@pytest.mark.parametrize("change", [{"colour": "RGB"}, {"size": None}])
def test_a_spec_has_exactly_its_keys(change: dict[str, object]) -> None:
    values = {**ImageSpec().to_json(), **change}
    wrong = {name: value for name, value in values.items() if value is not None}
    with pytest.raises(BundleError, match="has the keys"):
        ImageSpec.from_json(wrong)


def test_a_crop_is_parsed_and_measured_in_pixels() -> None:
    crop = Crop.parse("0.25, 0.5,0.5,0.5")
    assert crop == Crop(0.25, 0.5, 0.5, 0.5)
    assert crop.box(400, 100) == (100, 50, 300, 100)
    assert Crop(0.999, 0, 1e-9, 1).box(10, 1) == (9, 0, 10, 1)  # never less than a pixel


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "a,b,c,d", "0,0,1,1,1", "0,0,0,1", "0,0,1,0", "-0.1,0,1,1", "0.5,0,0.6,1",
     "0,0.5,1,0.6", "nan,0,1,1", "0,0,inf,1"],
)  # fmt: skip
def test_bad_crops_are_refused(text: str) -> None:
    with pytest.raises(ImageError, match="crop") as caught:
        Crop.parse(text)
    assert caught.value.reason is ImageProblem.BAD_CROP


# --- pixels


def test_crop_keeps_the_centre() -> None:
    square = preprocess(Image.fromarray(ramp(300, 100)), ImageSpec(size=50, fit="crop"))
    assert square.shape == (50, 50, 3)
    # The middle third of the width, the whole height, at half the resolution.
    expected = ramp(300, 100)[:, 100:200].reshape(50, 2, 50, 2, 3).mean((1, 3))
    np.testing.assert_allclose(square[2:-2, 2:-2].astype(float), expected[2:-2, 2:-2], atol=1.5)


def test_scale_zooms_in_as_resize_and_centre_crop_do() -> None:
    image = Image.fromarray(ramp(320, 256))
    square = preprocess(image, ImageSpec(size=112, scale=0.875))
    resized = image.resize((160, 128), Image.Resampling.BICUBIC)  # 128 = 112 / 0.875
    expected = np.asarray(resized.crop((24, 8, 136, 120)))
    np.testing.assert_allclose(square.astype(int), expected, atol=1)


def test_stretch_uses_the_whole() -> None:
    image = Image.fromarray(ramp(300, 100))
    square = preprocess(image, ImageSpec(size=50, fit="stretch"))
    expected = np.asarray(image.resize((50, 50), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(square.astype(int), expected, atol=1)


def test_pad_keeps_everything_on_white() -> None:
    image = Image.fromarray(ramp(300, 100))
    square = preprocess(image, ImageSpec(size=60, fit="pad"))
    assert (square[:20] == 255).all()
    assert (square[40:] == 255).all()
    np.testing.assert_array_equal(square[20:40], image.resize((60, 20), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("fit", FITS)
def test_crop_of_the_request_comes_first(fit: str) -> None:
    spec = ImageSpec.from_json({**ImageSpec(size=40).to_json(), "fit": fit})
    image = Image.fromarray(ramp(400, 300))
    part = image.crop((100, 150, 300, 300))
    found = preprocess(image, spec, Crop(0.25, 0.5, 0.5, 0.5)).astype(int)
    np.testing.assert_allclose(found[1:-1, 1:-1], preprocess(part, spec)[1:-1, 1:-1], atol=3)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 2)])
def test_extreme_shapes_work(fit: str, size: tuple[int, int]) -> None:
    spec = ImageSpec.from_json({**ImageSpec(size=32, scale=0.9).to_json(), "fit": fit})
    data = jpeg(np.full((size[1], size[0], 3), 40, np.uint8))
    square = load(data, spec, crop=Crop(0.5, 0.5, 0.5, 0.5))
    assert square.shape == load(data, spec, crop=Crop(0, 0, 5e-324, 1)).shape == (32, 32, 3)
    assert set(np.unique(square)) <= ({40, 255} if fit == "pad" else {40})
    assert (square == 40).any()


def test_only_rgb_is_preprocessed() -> None:
    with pytest.raises(ValueError, match="RGB"):
        preprocess(Image.new("RGBA", (4, 4)), ImageSpec())


@settings(deadline=None, max_examples=150)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    spec=st.builds(
        ImageSpec,
        size=st.integers(8, 64),
        fit=st.sampled_from(FITS),
        scale=st.floats(0.1, 1),
        interpolation=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    ),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_any_crop_of_any_photo_fills_the_square(
    width: int, height: int, spec: ImageSpec, corners: tuple[float, float, float, float]
) -> None:
    (left, right), (top, bottom) = sorted(corners[:2]), sorted(corners[2:])
    try:
        crop = Crop(left, top, right - left, bottom - top)
    except ImageError:
        assert left == right or top == bottom
        return
    square = preprocess(Image.new("RGB", (width, height), (7, 8, 9)), spec, crop)
    assert square.shape == (spec.size, spec.size, 3)
    assert square.dtype == np.uint8
    filled = (square == (7, 8, 9)).all(axis=2)
    assert filled.any()
    assert (filled | (square == 255).all(axis=2) if spec.fit == "pad" else filled).all()


def test_load_decodes_then_preprocesses() -> None:
    data = jpeg(ramp(200, 160))
    spec = ImageSpec(size=96)
    np.testing.assert_array_equal(load(data, spec), preprocess(decode(data), spec))


def test_load_of_a_large_photo_is_that_of_the_whole_to_a_few_levels() -> None:
    data = jpeg(ramp(1600, 1200))
    for crop in (None, Crop(0.4, 0.4, 0.3, 0.3)):
        whole = preprocess(decode(data), ImageSpec(), crop).astype(int)
        np.testing.assert_allclose(load(data, ImageSpec(), crop=crop), whole, atol=3)


def test_load_has_the_limits_of_decode() -> None:
    with pytest.raises(ImageError, match="at most 100"):
        load(jpeg(ramp(20, 20)), ImageSpec(), max_pixels=100)


def test_thumbnail_is_small_upright_and_bare() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    small = thumbnail(jpeg(ramp(800, 400), exif=exif), 100)
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("JPEG", (50, 100))
        assert dict(image.getexif()) == {}
    assert b"a camera" not in small
    assert check(thumbnail(jpeg(ramp(30, 20)), 100)) == (30, 20)
    assert check(thumbnail(jpeg(ramp(2000, 1)), 100)) == (100, 1)


@pytest.mark.real
def test_real_photos(grocery_store: Path) -> None:
    with (grocery_store / "catalogue.csv").open(newline="") as file:
        paths = [grocery_store / row["image_path"] for row in csv.DictReader(file)][::10]
    for path in paths:
        data = read_photo(path)
        with Image.open(path) as reference:  # plain JPEGs: Pillow alone must agree to the pixel
            whole = np.asarray(reference.convert("RGB"))
        np.testing.assert_array_equal(decode(data), whole)
        assert check(data) == whole.shape[1::-1]
        assert load(data, ImageSpec()).std() > 10
        with pytest.raises(ImageError, match="cut off"):
            load(data[: len(data) // 2], ImageSpec())


@pytest.mark.parametrize("size", [(2000, 3000), (3000, 1000), (300, 900), (100, 70), (30, 40)])
def test_a_glance_is_the_whole_photo_small(size: tuple[int, int]) -> None:
    small = np.random.default_rng(0).integers(0, 256, (5, 5, 3), np.uint8)
    photo = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=90)
    spec = ImageSpec(64)
    crop = Crop(0.5, 0.5, 0.5, 0.5)
    pixels, glance = load_with_glance(file.getvalue(), spec, crop=crop)
    np.testing.assert_array_equal(pixels, load(file.getvalue(), spec, crop=crop))
    assert min(GLANCE, *size) <= min(glance.size) < 2 * GLANCE
    assert glance.width / glance.height == pytest.approx(photo.width / photo.height, rel=0.02)
    same = np.asarray(photo.resize(glance.size, Image.Resampling.BOX), np.int16)
    assert np.abs(np.asarray(glance, np.int16) - same).mean() < 4
