"""Heat: what stands out of a map, and where it lies on the photo as people see it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from vsearch.heat import FULL_HEAT, above_average, heat, on_photo, pixels_of
from vsearch.image_spec import Fit
from vsearch.images import Crop, ImageSpec, decode, load, seen_part

MAPS = arrays(np.float32, (6, 6), elements=st.floats(-4, 4, width=32))


@given(MAPS)
def test_what_is_above_average_is_what_is_missing_below(values: NDArray[np.float32]) -> None:
    above = above_average(values)
    assert (above >= 0).all()
    assert not above[values < values.mean() - 1e-6].any()
    below = (values - values.mean()).clip(max=0).sum()
    assert float(above.sum() + below) == pytest.approx(0, abs=1e-3)


@given(MAPS, st.floats(0.5, 8, width=32))
def test_heat_is_a_share_whatever_the_units(values: NDArray[np.float32], unit: float) -> None:
    marks = heat(values)
    assert marks.dtype == np.float32
    assert 0 <= float(marks.min()) <= float(marks.max()) <= 1
    np.testing.assert_allclose(heat(values * np.float32(unit)), marks, atol=1e-3)


def test_a_nearly_level_map_is_faint() -> None:
    values = np.ones((4, 4), np.float32)
    assert not heat(values).any()
    values[1, 1] = 1.1
    assert 0 < float(heat(values).max()) < 0.1
    values[1, 1] = 2 * FULL_HEAT
    assert float(heat(values).max()) == 1
    assert not heat(np.full((4, 4), -1, np.float32)).any()


def photo(width: int, height: int, x: int, y: int, orientation: int = 1) -> bytes:
    """Return a PNG, as a camera holding it this way has stored it, with a white spot at (x, y)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[max(y - 6, 0) : y + 6, max(x - 6, 0) : x + 6] = 255
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    return file.getvalue()


def spotted(data: bytes, spec: ImageSpec, crop: Crop | None = None) -> tuple[float, float]:
    """Return where on the upright photo the network's brightest spot is drawn."""
    marks = load(data, spec, crop=crop)[:, :, 0].astype(np.float32)
    image = decode(data)
    if spec.fit == "pad":
        marks[marks > 250] = 0  # its white border
        marks[marks < 250 * 0.5] = 0
    drawn = on_photo(marks, *image.size, spec, crop)
    assert drawn.shape == (image.height, image.width)
    rows, columns = np.nonzero(drawn > 0.7 * drawn.max())
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("size", [(200, 300), (300, 200), (250, 250)])
@pytest.mark.parametrize(("fit", "scale"), [("crop", 1.0), ("crop", 0.8), ("stretch", 1.0)])
def test_a_spot_is_drawn_where_it_is(size: tuple[int, int], fit: Fit, scale: float) -> None:
    spec = ImageSpec(size=64, fit=fit, scale=scale)
    x, y = size[0] // 2 + 30, size[1] // 2 - 40
    assert spotted(photo(*size, x, y), spec) == pytest.approx((x, y), abs=4)


def test_a_spot_within_a_crop_is_drawn_where_it_is() -> None:
    spec, crop = ImageSpec(size=64), Crop(0.5, 0.4, 0.4, 0.5)
    assert spotted(photo(300, 200, 200, 120), spec, crop) == pytest.approx((200, 120), abs=4)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_photo_is_the_upright_one(orientation: int) -> None:
    data = photo(300, 200, 190, 70, orientation)
    upright = np.asarray(decode(data))[:, :, 0]
    rows, columns = np.nonzero(upright)
    truth = (float(columns.mean()), float(rows.mean()))
    assert spotted(data, ImageSpec(size=64)) == pytest.approx(truth, abs=4)


def test_the_border_of_a_padded_photo_is_left_out() -> None:
    spec = ImageSpec(size=64, fit="pad")
    marks = np.zeros((64, 64), np.float32)
    marks[:16] = 1  # the border above a photo that is twice as wide as high
    assert not on_photo(marks, 200, 100, spec)[4:].any()
    marks[16:48, :32] = 1
    drawn = on_photo(marks, 200, 100, spec)
    assert drawn[10:90, 5:95].min() == 1
    assert not drawn[4:, 105:].any()


def test_nothing_is_drawn_where_the_network_did_not_look() -> None:
    marks = np.ones((32, 32), np.float32)
    drawn = on_photo(marks, 100, 300, ImageSpec(size=32))
    assert drawn[100:200].min() == 1
    assert not drawn[:99].any()
    assert not drawn[201:].any()


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 0.99), st.floats(0.001, 1))
def test_any_photo_and_crop_has_a_place(w: int, h: int, start: float, part: float) -> None:
    crop = Crop(start, start, min(part, 1 - start), min(part, 1 - start))
    spec = ImageSpec(size=16)
    drawn = on_photo(np.ones((16, 16), np.float32), w, h, spec, crop)
    assert drawn.shape == (h, w)
    left, top, right, bottom = pixels_of(seen_part(w, h, spec, crop))
    assert 0 <= left < right <= w
    assert 0 <= top < bottom <= h
    assert drawn.sum() == (right - left) * (bottom - top)


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a map of 64 × 64"):
        on_photo(np.zeros((32, 32), np.float32), 10, 10, ImageSpec(size=64))
