"""Perspective: a picture seen at an angle."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

Corner = tuple[float, float]


def coefficients(target: Sequence[Corner], source: Sequence[Corner]) -> tuple[float, ...]:
    """Return Pillow's eight coefficients of the map that takes `target` corners to `source`."""
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    solved = np.linalg.solve(np.asarray(rows, float), np.asarray(values, float))
    return tuple(solved.tolist())


def onto(
    image: Image.Image, size: tuple[int, int], corners: Sequence[Corner], smooth: bool = True
) -> Image.Image:
    """Return a picture of `size` in which the image's corners lie at `corners`.

    The corners go clockwise from the upper left; pixels outside stay transparent or black.
    """
    width, height = image.size
    source = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    return image.transform(size, Image.Transform.PERSPECTIVE, coefficients(corners, source), how)


def seen(image: Image.Image, size: tuple[int, int], part: Sequence[Corner]) -> Image.Image:
    """Return a picture of `size` whose corners show the points `part` of the image."""
    width, height = size
    target = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    values = coefficients(target, part)
    return image.transform(size, Image.Transform.PERSPECTIVE, values, Image.Resampling.BILINEAR)
