"""Heat: a map of `vsearch.explain` as people see it, over the photo that it explains."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsearch.image_spec import Box
from vsearch.images import Crop, ImageSpec, place_in_square, seen_part

# A photo that is full of one product has a map that is nearly level. Its hottest place is told
# apart from one that gives three times the average.
FULL_HEAT = 3.0

FloatMap = NDArray[np.float32]


def above_average(values: FloatMap) -> FloatMap:
    """Return how much more each place gives than the average place, 0 where it gives less.

    What all places give alike says nothing of where. Chosen on 15 val photos of grocery-store: of
    what is left, .80 lies on the product; of all that is above 0, only .64 (see BENCHMARKS.md).

    Args:
        values: (height, width), what each place gives to a score.
    """
    return np.asarray(np.maximum(values - values.mean(), 0), np.float32)


def heat(values: FloatMap) -> FloatMap:
    """Return how strongly each place of a map is to be marked, (height, width) within 0..1.

    1 is the place that gives the most or, if none gives so much, one that would give `FULL_HEAT`
    times the average.
    """
    above = above_average(values)
    full = max(float(above.max()), (FULL_HEAT - 1) * abs(float(values.mean())))
    return above / np.float32(full) if full > 0 else above


def on_photo(
    marks: FloatMap, width: int, height: int, spec: ImageSpec, crop: Crop | None = None
) -> FloatMap:
    """Return a map of the network's square as one of the photo, (height, width) float32.

    Parts of the photo that the network did not see are 0, and what lies on the white border of a
    photo that is padded to a square is left out.

    Args:
        marks: (size, size), such as `heat` returns.
        width: of the upright photo as it is shown, pixels.
        height: of the same.
        spec: how the photo became the square.
        crop: the part of the photo that was used.

    Raises:
        ValueError: a map of another size.
    """
    if marks.shape != (spec.size, spec.size):
        raise ValueError(f"expected a map of {spec.size} × {spec.size}, got {marks.shape}")
    box = seen_part(width, height, spec, crop)
    x, y, across, down = place_in_square(box, spec)
    left, top, right, bottom = pixels_of(box)
    enlarged = Image.fromarray(marks).resize(
        (right - left, bottom - top),
        Image.Resampling.BILINEAR,
        (x, y, x + across, y + down),
    )
    photo = np.zeros((height, width), np.float32)
    photo[top:bottom, left:right] = np.clip(np.asarray(enlarged), marks.min(), marks.max())
    return photo


def pixels_of(box: Box) -> tuple[int, int, int, int]:
    """Return the whole pixels that a box touches."""
    return math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
