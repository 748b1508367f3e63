"""What a phone does to a picture: white balance, exposure, vignette, blur, noise, JPEG."""

import io

import numpy as np
from PIL import Image, ImageFilter

from api.demo.materials import Plane


def finish(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the scene as a customer's phone records it."""
    blur = rng.choice([0.0, rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.4)], p=[0.4, 0.45, 0.15])
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(float(blur)))
    pixels = np.asarray(image, np.float32)
    if rng.random() < 0.12:
        pixels = _shaken(pixels, int(rng.integers(3, 6)), down=bool(rng.integers(2)))
    warmth, tint = rng.normal(0, 0.06), rng.normal(0, 0.02)
    gains = np.array([1 + warmth, 1 + tint, 1 - warmth], np.float32) * rng.uniform(0.82, 1.14)
    contrast = np.float32(rng.uniform(0.85, 1.15))
    pixels = (pixels * gains - 118) * contrast + np.float32(118 + rng.uniform(-8, 8))
    pixels *= _vignette(pixels.shape[:2], rng.uniform(0.0, 0.28))[:, :, None]
    height, width = pixels.shape[:2]
    grain = rng.standard_normal((height, width, 1), np.float32)
    colour = rng.standard_normal((height, width, 3), np.float32)
    level = np.float32(rng.uniform(0.8, 6.0))
    pixels += level * (grain * np.float32(0.8) + colour * np.float32(0.5))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _shaken(pixels: Plane, steps: int, *, down: bool) -> Plane:
    shifted = [np.roll(pixels, step - steps // 2, axis=0 if down else 1) for step in range(steps)]
    return np.asarray(np.mean(shifted, axis=0), np.float32)


def _vignette(shape: tuple[int, ...], strength: float) -> Plane:
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    return np.asarray(1 - strength * (x * x + y * y) / 2, np.float32)


def encode(image: Image.Image, quality: int) -> bytes:
    """Return the picture as JPEG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=2 if quality < 85 else 0)
    return buffer.getvalue()
