"""From bytes to pixels: the one path that training, indexing and serving share.

Identical bytes give identical pixels. A photo is decoded whole or refused with an ImageError: a
file that was cut off never becomes half a photo. `vsearch.photo_modes` says how colours are read.
"""

import hashlib
import io
import math
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsearch.image_spec import Box, Crop, ImageSpec
from vsearch.photo_decoding import (
    SIDEWAYS,
    check_pixels,
    explained,
    open_photo,
    read_pixels,
)
from vsearch.photo_problems import ImageError, ImageProblem

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Crop",
    "ImageError",
    "ImageProblem",
    "ImageSpec",
    "check",
    "content_hash",
    "decode",
    "load",
    "place_in_square",
    "preprocess",
    "read_photo",
    "seen_part",
    "thumbnail",
]

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 64_000_000
GLANCE = 128  # pixels of the shorter side of a photo made small, at least

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def content_hash(data: bytes) -> str:
    """Return the SHA-256 of the bytes in hex: the identity of a photo."""
    return hashlib.sha256(data).hexdigest()


def read_photo(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of a photo's file.

    Raises:
        ImageError: missing, not a regular file, unreadable, empty or larger than `max_bytes`; the
            size is asked before anything is read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ImageError(ImageProblem.UNREADABLE, f"{path} is {kind}; expected a photo")
        _refuse_bytes(status.st_size, max_bytes, str(path))
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageError(ImageProblem.MISSING, f"there is no file {path}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        message = f"{path} cannot be read ({error}); check the path and its permissions"
        raise ImageError(ImageProblem.UNREADABLE, message) from error
    _refuse_bytes(len(data), max_bytes, str(path))  # the file may have changed since the first look
    return data


def _refuse_bytes(size: int, max_bytes: int, what: str) -> None:
    if size == 0:
        raise ImageError(ImageProblem.EMPTY, f"{what} is empty (0 bytes); expected a photo")
    if size > max_bytes:
        message = f"{what} has {size:,} bytes; at most {max_bytes:,} are accepted"
        raise ImageError(ImageProblem.TOO_MANY_BYTES, message)


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, shorter_side: int | None = None
) -> Image.Image:
    """Return the photo as 8-bit RGB, upright, on white, without metadata; the first frame of many.

    Args:
        data: a JPEG, PNG, WebP, GIF, BMP or TIFF file.
        max_pixels: number of pixels above which the photo is refused, before it is decoded.
        shorter_side: how many pixels the caller needs of the shorter side. A JPEG may then be
            decoded at a half, a quarter or an eighth of its size, never below this.

    Raises:
        ImageError: not such a file, too many pixels, cut off or damaged.
    """
    with explained(data):
        image = open_photo(data, max_pixels)
        rgb, turn = read_pixels(image, data, shorter_side)
        return rgb if turn is None else rgb.transpose(turn)


def check(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of the upright photo, having decoded it whole as a test.

    Raises:
        ImageError: as `decode` would.
    """
    with explained(data):
        image = open_photo(data, max_pixels)
        (width, height), turn = check_pixels(image, data)
        return (height, width) if turn in SIDEWAYS else (width, height)


def preprocess(image: Image.Image, spec: ImageSpec, crop: Crop | None = None) -> NDArray[np.uint8]:
    """Return the square that the network sees.

    Args:
        image: an upright RGB picture, as `decode` returns it.
        spec: size, fit and interpolation.
        crop: the part of the photo to use instead of the whole.

    Returns:
        uint8 array of shape (size, size, 3), RGB.

    Raises:
        ValueError: the picture is not RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"preprocess takes RGB pictures, as decode returns them; got {image.mode}")
    box = seen_part(*image.size, spec, crop)
    left, top, width, height = place_in_square(box, spec)
    # Filtered in one pass straight from the box, so that no rounding to whole pixels shifts it; a
    # gap of 3 averages blocks of pixels first where that leaves three times the pixels needed.
    resized = image.resize((width, height), _FILTERS[spec.interpolation], box, reducing_gap=3.0)
    square = np.full((spec.size, spec.size, 3), 255, np.uint8)
    square[top : top + height, left : left + width] = np.asarray(resized)
    return square


def seen_part(width: int, height: int, spec: ImageSpec, crop: Crop | None = None) -> Box:
    """Return the part of an upright photo that the network sees: left, top, right, bottom, pixels.

    Args:
        width: of the photo, pixels.
        height: of the photo, pixels.
        spec: what of the photo is kept.
        crop: the part of the photo to use instead of the whole.
    """
    box = crop.box(width, height) if crop else (0.0, 0.0, float(width), float(height))
    return _centre_square(box, spec.size / spec.resize_side) if spec.fit == "crop" else box


def _centre_square(box: Box, part: float) -> Box:
    left, top, right, bottom = box
    half = min(right - left, bottom - top) * part / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return max(x - half, left), max(y - half, top), min(x + half, right), min(y + half, bottom)


def place_in_square(box: Box, spec: ImageSpec) -> tuple[int, int, int, int]:
    """Return where the part of a photo lies in the square: left, top, width and height, pixels.

    Args:
        box: the part, as `seen_part` returns it.
        spec: how it is fitted; only with `pad` it leaves a border.
    """
    if spec.fit != "pad":
        return 0, 0, spec.size, spec.size
    sides = box[2] - box[0], box[3] - box[1]
    shrink = spec.size / max(sides)
    width, height = (max(1, round(side * shrink)) for side in sides)
    return (spec.size - width) // 2, (spec.size - height) // 2, width, height


def load(
    data: bytes, spec: ImageSpec, *, crop: Crop | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Return the network's pixels of a photo: `decode`, then `preprocess`.

    Training, indexing and serving all call this and nothing else. A large JPEG is decoded at a
    fraction that leaves at least twice the pixels needed: 2 MP take half the time, and no value
    differs by more than a few of 255 from the full decoding.

    Returns:
        uint8 array of shape (size, size, 3), RGB.

    Raises:
        ImageError: as `decode` does.
    """
    return preprocess(_decoded_for(data, spec, crop, max_pixels), spec, crop)


def load_with_glance(
    data: bytes, spec: ImageSpec, *, crop: Crop | None = None, max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.uint8], Image.Image]:
    """Return what `load` does, and the whole photo small, for whoever would decode it again.

    A shopper's telephone takes photos of 12 megapixels, and to decode one takes longer than all
    else that a search does.

    Returns:
        The pixels, and an RGB picture with a shorter side of `GLANCE` to twice that, or less where
        the photo has less.

    Raises:
        ImageError: as `decode` does.
    """
    picture = _decoded_for(data, spec, crop, max_pixels)
    factor = min(picture.size) // GLANCE
    glance = picture.reduce(factor) if factor > 1 else picture
    return preprocess(picture, spec, crop), glance


def _decoded_for(data: bytes, spec: ImageSpec, crop: Crop | None, max_pixels: int) -> Image.Image:
    # A crop needs its pixels of a part of the photo (below a millionth it is one pixel anyway).
    kept = max(min(crop.width, crop.height), 1e-6) if crop else 1.0
    needed = math.ceil(2 * spec.resize_side / kept)
    return decode(data, max_pixels=max_pixels, shorter_side=needed)


def thumbnail(data: bytes, side: int, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the upright photo as a JPEG of at most `side` pixels a side, for pages and sheets.

    Proportions are kept, small photos are not enlarged, and nothing of the photo's metadata (place,
    camera, owner) goes with it.

    Raises:
        ImageError: as `decode` does.
    """
    image = decode(data, max_pixels=max_pixels, shorter_side=2 * side)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue()
