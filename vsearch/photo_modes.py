"""Every way in which a file stores colour, as 8-bit RGB.

Rules:
    - Transparency (alpha channel, palette alpha, one transparent colour) shows white.
    - Unsigned integers are scaled by the full range of their stored bits (1, 2, 4, 8, 12, 16, 32):
      0 is black, the highest value white. Of signed integers everything below 0 is black.
    - Floats are taken as 0..1 where all finite values lie there, otherwise stretched from their
      least to their greatest finite value. NaN and minus infinity are black, infinity is white.
    - 16 bits a channel of colour keep their high byte, as Pillow reads them.
    - CMYK is converted by (1-C)(1-K). A CMYK JPEG stores inverted values, as Adobe writes them and
      as Pillow and ImageMagick take them, marker or not.
    - Colour profiles are ignored. The networks whose weights we start from saw such pixels, so do
      the comparisons with other tools; a profile is a parser more in front of strangers' bytes; and
      whether it can be applied depends on how Pillow was built, while pixels must not.
    - CIE LAB (TIFF) has no RGB without one: it is taken as D50 and converted to sRGB by LittleCMS.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_SIGNED = 2


# Their readers hold nothing but pixels once these are loaded.
_LEAN = (JpegImageFile, PngImageFile, BmpImageFile)


def is_plain(image: Image.Image) -> bool:
    """Say whether `to_rgb` of a loaded photo cannot fail, whatever its pixels are."""
    return image.mode in ("RGB", "RGBA") and image.info.get("transparency") is None


def to_rgb(image: Image.Image, data: bytes) -> Image.Image:
    """Return a loaded photo as an 8-bit RGB picture on white, without metadata.

    Args:
        image: a photo that Pillow opened from `data` and has loaded, in any mode it reads; it may
            be what is returned, as a copy of many pixels takes time and memory.
        data: the file, whose header tells how many bits a PNG stores.
    """
    key = image.info.get("transparency")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or (image.mode == "P" and key is not None):
        rgb = _on_white(image)
    elif image.mode.startswith("I") or image.mode == "F":
        rgb = _deep_grey(image, data).convert("RGB")
    elif image.mode == "LAB":
        rgb = _lab(image)
    elif image.mode == "RGB" and isinstance(image, _LEAN):
        rgb = image
    else:
        rgb = image.convert("RGB")
    if key is not None and image.mode in ("1", "L", "I", "I;16", "RGB"):
        rgb = _key_on_white(rgb, image, key, data)
    if isinstance(image, GifImageFile):
        rgb = _uncovered_on_white(rgb, image)
    rgb.info = {}
    return rgb


def _on_white(image: Image.Image) -> Image.Image:
    straight = image.convert("LA") if image.mode == "La" else image
    rgba = straight if straight.mode == "RGBA" else straight.convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(rgba, mask=rgba)
    return canvas


def _key_on_white(
    rgb: Image.Image, image: Image.Image, key: int | tuple[int, ...], data: bytes
) -> Image.Image:
    """Paint the pixels that have the one transparent colour of a PNG or GIF."""
    samples = np.asarray(image)
    wanted: NDArray[np.int64] = np.asarray(key)
    bits = _stored_bits(image, data)
    if image.mode == "1":
        wanted = wanted != 0
    elif image.mode == "L":
        wanted = wanted * (255 // (2**bits - 1))  # Pillow spreads 2 and 4 bits over 0..255
    elif image.mode == "RGB":
        wanted = wanted >> (bits - 8)
    transparent = samples == wanted
    if samples.ndim == 3:
        transparent = transparent.all(axis=2)
    rgb.paste("white", mask=Image.fromarray(transparent))
    return rgb


def _uncovered_on_white(rgb: Image.Image, image: GifImageFile) -> Image.Image:
    """Paint what the first frame of a GIF leaves open, which Pillow fills with colour 0."""
    left, top, right, bottom = image.dispose_extent or (0, 0, *image.size)
    rgb.paste("white", (0, 0, rgb.width, top))
    rgb.paste("white", (0, bottom, rgb.width, rgb.height))
    rgb.paste("white", (0, 0, left, rgb.height))
    rgb.paste("white", (right, 0, rgb.width, rgb.height))
    return rgb


def _stored_bits(image: Image.Image, data: bytes) -> int:
    if isinstance(image, PngImageFile):
        return data[24]  # IHDR is the first chunk; its ninth byte is the bit depth
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))[0])
    return 8


def _deep_grey(image: Image.Image, data: bytes) -> Image.Image:
    """Scale the modes `I;16…`, `I` and `F` to 8 bits by the rules above."""
    values = np.asarray(image)
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if image.mode == "F":
        unit = _unit_of_floats(values)
    else:
        bits = _stored_bits(image, data)
        signed = tags.get(_SAMPLE_FORMAT, (1,))[0] == _SIGNED
        if bits == 32 and not signed:
            values = values.view(np.uint32)  # Pillow keeps all 32 bits in an int32
        unit = values.astype(np.float32) / np.float32(2 ** (bits - signed) - 1)
    grey = Image.fromarray(np.rint(np.clip(unit, 0, 1) * np.float32(255)).astype(np.uint8))
    # Pillow turns "0 is white" round for 8 bits and fewer, and forgets it for more.
    return ImageChops.invert(grey) if tags.get(_PHOTOMETRIC) == 0 else grey


def _unit_of_floats(values: NDArray[np.float32]) -> NDArray[np.float32]:
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    # In double precision: the span of two float32 may be more than a float32 holds.
    span = np.float64(high) - np.float64(low)
    spread = (values - np.float64(low)) / (span or 1.0)
    return np.nan_to_num(spread, nan=0.0, posinf=1.0, neginf=0.0).astype(np.float32)


def _lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # only a conversion in place returns None
    return converted
