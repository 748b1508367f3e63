"""Copies of a photo are near, other photos are not; the arithmetic against plain loops."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from vsearch.difference_hash import (
    BITS,
    NEAR_BITS,
    NEAR_LEVELS,
    SIDE,
    Look,
    levels_apart,
    near_pairs,
)


def scene(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Draw a picture of soft blobs of colour, as unlike another seed's as two photos are."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(photo: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def apart(one: Look, other: Look) -> tuple[int, float]:
    bits = int(np.bitwise_count(one.bits ^ other.bits).sum())
    return bits, float(levels_apart(one.places[None], other.places[None])[0])


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda photo: photo,
    "recompressed": lambda photo: jpeg(photo, 40),
    "smaller": lambda photo: jpeg(photo.resize((107, 80)), 90),
    "larger": lambda photo: photo.resize((640, 480)),
    "darker": lambda photo: ImageEnhance.Brightness(photo).enhance(0.92),
}


@pytest.mark.parametrize("change", COPIES)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_near(change: str, seed: int) -> None:
    photo = scene(seed)
    bits, levels = apart(Look.of(photo), Look.of(COPIES[change](photo)))
    assert bits <= NEAR_BITS
    assert levels <= NEAR_LEVELS


def test_other_photos_and_other_colours_are_not() -> None:
    looks = [Look.of(scene(seed)) for seed in range(8)]
    for one in range(8):
        for other in range(one):
            bits, levels = apart(looks[one], looks[other])
            assert bits > 3 * NEAR_BITS
            assert levels > 3 * NEAR_LEVELS
    photo = np.full((64, 64, 3), 245, np.uint8)
    photo[16:48, 20:44] = (40, 90, 160)
    blue = Look.of(Image.fromarray(photo))
    photo[16:48, 20:44] = (120, 60, 60)  # nearly as bright: the hash does not tell
    red = Look.of(Image.fromarray(photo))
    bits, levels = apart(blue, red)
    assert bits <= NEAR_BITS
    assert levels > 2 * NEAR_LEVELS


def test_flat_photos_of_other_brightness_are_not_copies() -> None:
    black, white, nearly = (
        Look.of(Image.new("RGB", (32, 32), colour)) for colour in ("black", "white", "#f5f5f5")
    )
    assert apart(black, white)[1] > 200
    assert apart(white, nearly) == (0, 0.0)


def test_the_hash_says_where_the_photo_gets_brighter() -> None:
    photo = Image.fromarray(np.tile(np.arange(17, dtype=np.uint8) * 10, (16, 1))).convert("RGB")
    look = Look.of(photo)
    assert np.bitwise_count(look.bits).sum() == BITS
    mirrored = Look.of(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert np.bitwise_count(mirrored.bits).sum() == 0
    assert look.places.shape == (SIDE, SIDE, 3)
    assert look.bits.shape == (32,)


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_near_pairs_are_those_of_two_loops(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsearch.difference_hash._BLOCK", 7 * max(count, 1))  # several blocks
    rng = np.random.default_rng(count)
    few = rng.integers(0, 256, (5, 32), np.uint8)
    noise = (rng.random((count, 32)) < 0.1).astype(np.uint8)
    bits = np.asarray(few[rng.integers(0, 5, count)] ^ noise, np.uint8)
    found = [tuple(pair) for block in near_pairs(bits, 6) for pair in block.tolist()]
    expected = [
        (one, other)
        for one in range(count)
        for other in range(one + 1, count)
        if sum(bin(a ^ b).count("1") for a, b in zip(bits[one], bits[other], strict=True)) <= 6
    ]
    assert sorted(found) == expected
    assert len(set(found)) == len(found)


def test_levels_are_the_same_both_ways_and_of_many_pairs_at_once() -> None:
    looks = [Look.of(scene(seed)).places for seed in range(4)]
    ones, others = np.stack(looks[:3]), np.stack(looks[1:])
    together = levels_apart(ones, others)
    np.testing.assert_allclose(together, levels_apart(others, ones))
    for row in range(3):
        alone = levels_apart(ones[row][None], others[row][None])[0]
        assert alone == pytest.approx(together[row])
