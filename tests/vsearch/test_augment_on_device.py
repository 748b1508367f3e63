from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vsearch.augment import Augmentation
from vsearch.augment_on_device import SHAPE, _crop, augment

COUNT, SIDE, SIZE = 12, 64, 24  # of photos; their sides before and after, pixels
CALM = Augmentation(
    min_area=0.3, max_stretch=1.5, flip=False, brightness=0, contrast=0, saturation=0
)
COLOURFUL = replace(CALM, brightness=0.4, contrast=0.5, saturation=0.9)


def pictures(count: int, side: int) -> NDArray[np.uint8]:
    """Return noise that is smooth over a few pixels: edges everywhere, but no single dots."""
    rng = np.random.default_rng(side)
    small = rng.integers(0, 255, (count, side // 4, side // 4, 3), np.uint8)
    large = [Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC) for x in small]
    return np.stack([np.asarray(picture) for picture in large])


@partial(jax.jit, static_argnums=(3, 4))
def compiled(squares: Any, aspects: Any, key: jax.Array, size: int, how: Augmentation) -> jax.Array:
    return augment(squares, aspects, key, size, how)


def rendered(
    squares: NDArray[np.uint8], aspects: Any, key: jax.Array, size: int, how: Augmentation
) -> NDArray[np.float32]:
    """Return augmented photos; `aspects` may be one for all of them."""
    widths = np.broadcast_to(np.asarray(aspects, np.float32), len(squares))
    return np.asarray(compiled(squares, widths, key, size, how))


def draws_of(key: jax.Array, count: int) -> NDArray[np.float32]:
    return np.asarray(jax.random.uniform(key, (count, SHAPE)))


def expected_crop(
    aspect: float, draw: NDArray[np.float32], how: Augmentation
) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom as fractions, computed for a photo of height 1."""
    area = aspect * (how.min_area + draw[0] * (1 - how.min_area))
    ratio = how.max_stretch ** (2 * draw[1] - 1)
    width, height = min((area * ratio) ** 0.5, aspect), min((area / ratio) ** 0.5, 1.0)
    left, top = draw[2] * (aspect - width), draw[3] * (1 - height)
    return left / aspect, top, (left + width) / aspect, top + height


def expected(
    photo: NDArray[np.uint8], crop: tuple[float, float, float, float], size: int
) -> NDArray[np.float64]:
    """Return what Pillow makes of the crop: its bilinear filter widens where it shrinks."""
    high, wide = photo.shape[:2]
    box = crop[0] * wide, crop[1] * high, crop[2] * wide, crop[3] * high
    resized = Image.fromarray(photo).resize((size, size), Image.Resampling.BILINEAR, box)
    return np.asarray(resized, np.float64)


@pytest.mark.parametrize("size", [20, 64, 100])
def test_a_whole_photo_is_resized_as_pillow_does(size: int) -> None:
    squares = pictures(2, 64)
    whole = replace(CALM, min_area=1.0, max_stretch=1.0)
    made = rendered(squares, 1, jax.random.key(0), size, whole)
    assert made.shape == (2, size, size, 3)
    assert made.dtype == np.float32
    for square, rendering in zip(squares, made, strict=True):
        resized = expected(square, (0, 0, 1, 1), size)
        assert np.abs(rendering - resized).max() <= 1.01  # Pillow rounds after each direction
    if size == 64:
        np.testing.assert_allclose(made, squares, atol=1e-3)


@pytest.mark.parametrize("size", [SIZE, 72])
def test_crops_are_those_that_the_draws_say_resized_as_pillow_does(size: int) -> None:
    squares, aspects = pictures(COUNT, SIDE), np.geomspace(0.4, 2.5, COUNT).astype(np.float32)
    key = jax.random.key(1)
    made = rendered(squares, aspects, key, size, CALM)
    for square, aspect, draw, rendering in zip(
        squares, aspects, draws_of(key, COUNT), made, strict=True
    ):
        resized = expected(square, expected_crop(float(aspect), draw, CALM), size)
        assert np.abs(rendering - resized).max() <= 1.5


def test_a_crop_of_the_square_shows_what_a_crop_of_the_photo_shows() -> None:
    photos = [
        np.asarray(Image.fromarray(p).resize((256, 128), Image.Resampling.BICUBIC))
        for p in pictures(8, 64)
    ]
    squares = np.stack(
        [
            np.asarray(Image.fromarray(p).resize((128, 128), Image.Resampling.BICUBIC))
            for p in photos
        ]
    )
    key = jax.random.key(2)
    made = rendered(squares, 2, key, 40, CALM)
    for photo, draw, rendering in zip(photos, draws_of(key, 8), made, strict=True):
        shown = expected(photo, expected_crop(2.0, draw, CALM), 40)
        assert np.abs(rendering - shown).mean() < 2
        assert np.abs(rendering - shown.mean((0, 1))).mean() > 20  # a flat picture would not do


def test_a_circle_stays_a_circle_where_the_crop_fits_into_the_photo() -> None:
    photo = Image.new("RGB", (400, 200))
    ImageDraw.Draw(photo).ellipse((170, 70, 230, 130), fill=(255, 255, 255))
    square = np.asarray(photo.resize((200, 200), Image.Resampling.BICUBIC))
    round_crops = replace(CALM, max_stretch=1.0)
    key, count = jax.random.key(3), 64
    made = rendered(np.stack([square] * count), 2, key, 80, round_crops)
    seen = 0
    for draw, rendering in zip(draws_of(key, count), made, strict=True):
        left, top, right, bottom = expected_crop(2.0, draw, round_crops)
        whole = left < 0.42 and right > 0.58 and top < 0.34 and bottom > 0.66
        if whole and bottom - top < 1:
            light = rendering[..., 0] / 255
            across, down = light.max(0).sum(), light.max(1).sum()
            assert abs(across - down) < 1.5
            assert abs(down - 0.3 * 80 / (bottom - top)) < 2
            seen += 1
    assert seen >= 5


def test_half_of_the_photos_are_mirrored() -> None:
    squares, key = pictures(COUNT, SIDE), jax.random.key(4)
    aspects = np.linspace(0.5, 2, COUNT)
    plain = rendered(squares, aspects, key, SIZE, CALM)
    made = rendered(squares, aspects, key, SIZE, replace(CALM, flip=True))
    turned = 0
    for before, after in zip(plain, made, strict=True):
        mirrored = np.abs(after - before[:, ::-1]).max() < 1e-3
        assert mirrored != (np.abs(after - before).max() < 1e-3)
        turned += mirrored
    assert turned == (draws_of(key, COUNT)[:, 4] < 0.5).sum()
    assert 3 <= turned <= 9


def test_colours_change_as_the_draws_say() -> None:
    squares, key = pictures(COUNT, SIDE), jax.random.key(5)
    plain = rendered(squares, 1, key, SIZE, CALM)
    made = rendered(squares, 1, key, SIZE, COLOURFUL)
    for before, draw, rendering in zip(plain, draws_of(key, COUNT), made, strict=True):
        saturation, contrast, brightness = 1 + (2 * draw[5:8] - 1) * np.array([0.9, 0.5, 0.4])
        luma = before @ np.array([0.299, 0.587, 0.114])
        x = luma[..., None] + (before - luma[..., None]) * saturation
        x = (luma.mean() + (x - luma.mean()) * contrast) * brightness
        np.testing.assert_allclose(rendering, np.clip(x, 0, 255), atol=0.01)


def test_values_stay_those_of_pixels() -> None:
    glaring = replace(COLOURFUL, brightness=3, contrast=3, saturation=3, flip=True)
    made = rendered(pictures(COUNT, SIDE), 1, jax.random.key(6), SIZE, glaring)
    assert (made.min(), made.max()) == (0, 255)
    assert np.isfinite(made).all()


def test_a_rendering_depends_on_key_place_and_photo_alone() -> None:
    squares, key = pictures(COUNT, SIDE), jax.random.key(7)
    aspects = np.linspace(0.5, 2, COUNT).astype(np.float32)

    def made(squares: NDArray[np.uint8], aspects: NDArray[np.float32]) -> NDArray[np.float32]:
        return rendered(squares, aspects, key, SIZE, COLOURFUL)

    first = made(squares, aspects)
    np.testing.assert_array_equal(made(squares, aspects), first)
    np.testing.assert_allclose(made(squares[:3], aspects[:3]), first[:3], atol=1e-3)
    others = np.concatenate([squares[:1], squares[:0:-1]])
    np.testing.assert_allclose(made(others, aspects)[0], first[0], atol=1e-3)
    same_photo = made(np.stack([squares[0]] * COUNT), np.full(COUNT, 0.5, np.float32))
    assert all(np.abs(a - b).mean() > 1 for a, b in pairwise(same_photo))
    np.testing.assert_allclose(same_photo[0], first[0], atol=1e-3)


@jax.jit
def crops_of(aspect: jax.Array, draws: jax.Array) -> tuple[jax.Array, ...]:
    return jax.vmap(lambda draw: _crop(aspect, draw, CALM))(draws)


@pytest.mark.parametrize("aspect", [0.1, 0.75, 1.0, 4 / 3, 3.0])
def test_crops_stay_inside_and_keep_area_and_shape_where_they_fit(aspect: float) -> None:
    draws = jax.random.uniform(jax.random.key(8), (4000, SHAPE))
    # The ends of the range too: uniform numbers may be 0, and nearly 1.
    draws = jnp.concatenate([draws, jnp.zeros((1, SHAPE)), jnp.full((1, SHAPE), 1 - 2.0**-24)])
    crops = crops_of(jnp.float32(aspect), draws)
    left, top, wide, high = (np.asarray(part, np.float64) for part in crops)
    assert min(left.min(), top.min()) >= 0
    assert min(wide.min(), high.min()) > 0
    assert max((left + wide).max(), (top + high).max()) <= 1 + 1e-6
    stretch = aspect * wide / high
    most = max(1.5, aspect, 1 / aspect) + 1e-5
    assert 1 / most <= stretch.min() <= stretch.max() <= most
    fits = (wide < 1) & (high < 1)
    area, shape = (wide * high)[fits], stretch[fits]
    assert area.size == 0 or 0.3 - 1e-6 <= area.min() <= area.max() <= 1
    assert shape.size == 0 or 1 / 1.5 - 1e-6 <= shape.min() <= shape.max() <= 1.5 + 1e-6
    if 0.7 < aspect < 1.4:
        assert area.min() < 0.35
        assert area.max() > 0.6
        assert fits.sum() > 1000
