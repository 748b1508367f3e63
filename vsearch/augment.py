"""Augmentation: other photos of the same thing, as a shopper might have taken them.

Every augmented photo goes through `images.preprocess` too, with a random crop: training sees the
same resampling as indexing and serving.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsearch.images import Crop, ImageSpec, preprocess


@dataclass(frozen=True)
class Augmentation:
    """Random resized crop (Szegedy et al. 2015, arXiv:1409.4842), flip and colour."""

    min_area: float = 0.35
    max_stretch: float = 4 / 3
    flip: bool = True
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.25

    def apply(
        self, image: Image.Image, spec: ImageSpec, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Return one random rendering of the photo, (size, size, 3) uint8."""
        crop = self._crop(image.width, image.height, rng)
        pixels = preprocess(image, replace(spec, fit="stretch"), crop)
        if self.flip and rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return self._recolour(pixels, rng)

    def _crop(self, width: int, height: int, rng: np.random.Generator) -> Crop:
        for _ in range(10):
            area = rng.uniform(self.min_area, 1.0) * width * height
            ratio = np.exp(rng.uniform(-1, 1) * np.log(self.max_stretch))
            wide, high = np.sqrt(area * ratio), np.sqrt(area / ratio)
            if wide <= width and high <= height:
                break
        else:
            wide = high = float(min(width, height))
        left = rng.random() * (width - wide)
        top = rng.random() * (height - high)
        # Fractions rounded down: a crop that ends at 1.0000001 would be refused.
        x, y = left / width, top / height
        return Crop(x, y, min(wide / width, 1 - x), min(high / height, 1 - y))

    def _recolour(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        values = pixels.astype(np.float32)
        grey = values @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma
        saturation, contrast, brightness = 1 + rng.uniform(-1, 1, 3) * (
            self.saturation,
            self.contrast,
            self.brightness,
        )
        values = grey[..., None] + (values - grey[..., None]) * np.float32(saturation)
        values = grey.mean() + (values - grey.mean()) * np.float32(contrast)
        rounded = np.clip(np.rint(values * np.float32(brightness)), 0, 255)
        return np.asarray(rounded, np.uint8)
