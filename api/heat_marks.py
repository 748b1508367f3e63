"""Heat drawn over a photo: grey where nothing matters, the warmer the more a place does."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from api.sheet import PAPER
from vsearch.heat import heat, on_photo, pixels_of
from vsearch.images import Crop, ImageSpec, seen_part

# From faint to full heat. Yellow to red is what people read as heat, and on a grey photo it cannot
# be taken for the photo's own colours.
WARM = ((255, 224, 130), (255, 179, 0), (244, 81, 30), (183, 28, 28))
COVER = 0.85  # of the photo, by full heat
UNSEEN = 0.62  # how far what the network did not see fades into the paper


def mark(
    photo: Image.Image, values: NDArray[np.float32], spec: ImageSpec, crop: Crop | None = None
) -> Image.Image:
    """Draw a map of `vsearch.explain` over its photo.

    Args:
        photo: the upright photo in any size, mode RGB, whole even where only a crop was used.
        values: the map, (size, size) of the network's square.
        spec: how the photo became that square.
        crop: the part of the photo that was used.

    Returns:
        An RGB image of the photo's size; what the network did not see is pale.
    """
    width, height = photo.size
    marks = on_photo(heat(values), width, height, spec, crop)
    grey = np.asarray(photo.convert("L"), np.float32)[:, :, None] * 0.75 + 50
    cover = COVER * marks[:, :, None] ** 0.6
    painted = grey * (1 - cover) + warm(marks) * cover
    left, top, right, bottom = pixels_of(seen_part(width, height, spec, crop))
    paper = np.asarray(Image.new("RGB", photo.size, PAPER), np.float32)
    faded = painted + (paper - painted) * UNSEEN
    faded[top:bottom, left:right] = painted[top:bottom, left:right]
    return Image.fromarray(np.clip(faded.round(), 0, 255).astype(np.uint8))


def warm(marks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours of heat within 0..1, of shape (…, 3), 0..255."""
    at = np.linspace(0, 1, len(WARM))
    channels = [np.interp(marks, at, np.array(WARM)[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def draw_scale(sheet: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Draw the colours of heat from none to full, in a box of a sheet: left, top, right, bottom."""
    left, top, right, bottom = box
    marks = np.linspace(0, 1, right - left, dtype=np.float32)[None]
    cover = marks[:, :, None] ** 0.6
    row = warm(marks) * cover + 190.0 * (1 - cover)
    strip = Image.fromarray(row.round().astype(np.uint8)).resize((right - left, bottom - top))
    rounded = Image.new("L", strip.size, 0)
    ImageDraw.Draw(rounded).rounded_rectangle((0, 0, *strip.size), (bottom - top) // 2, fill=255)
    sheet.paste(strip, (left, top), rounded)
