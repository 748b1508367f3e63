"""Opening and decoding through Pillow, as strangers' files need it.

Whatever is wrong with a file becomes an ImageError; nothing is allocated before its size is known;
no warning leaks. (libtiff writes a line of its own to stderr about some damaged files.)
"""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vsearch.photo_modes import is_plain, to_rgb
from vsearch.photo_problems import ACCEPTED, ImageError, ImageProblem, format_of

# Readers are chosen here and not by `Image.open`, whose own pixel limit warns or raises before ours
# is asked, and which hides what is wrong with a file behind "cannot identify image file".
_READERS: dict[str, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = frozenset(_TURNS[orientation] for orientation in (5, 6, 7, 8))

_ORIENTATION, _TILE_WIDTH, _TILE_LENGTH = 274, 322, 323
# Pixels that are decoded. Each takes 3 bytes of a progressive JPEG, 4 of a PNG, 8 of one with
# transparency, 15 of a WebP: many threads may decode, but not all of them 750 MB.
_LARGE = 16_000_000
_large_at_once = threading.BoundedSemaphore(2)

_MAX_SCANS = 100  # of a progressive JPEG; encoders write about ten
_SCAN_HEADER = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e]")  # of 1 to 4 components


def open_photo(data: bytes, max_pixels: int) -> ImageFile:
    """Return the photo with its header read and its size allowed, and no pixel decoded."""
    if not data:
        raise ImageError(ImageProblem.EMPTY, f"the photo is empty (0 bytes); expected {ACCEPTED}")
    kind = format_of(data)
    if kind is None:
        message = f"these bytes are no picture that we know; expected {ACCEPTED}"
        raise ImageError(ImageProblem.NOT_AN_IMAGE, message)
    if kind not in _READERS:
        message = f"{kind} files are not accepted; save the photo as one of {ACCEPTED}"
        raise ImageError(ImageProblem.UNSUPPORTED_FORMAT, message)
    with _quiet():
        image = _READERS[kind](io.BytesIO(data))
    _refuse_pixels(*image.size, max_pixels)
    if isinstance(image, TiffImageFile):
        # A tile is decoded whole, and may claim to be larger than the photo.
        tags = image.tag_v2
        _refuse_pixels(tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1), max_pixels)
    if image.info.get("progressive"):
        _refuse_endless_scans(data)
    return image


def _refuse_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        message = (
            f"the photo has {width} by {height} pixels, {width * height:,} in all; "
            f"at most {max_pixels:,} are accepted: make it smaller"
        )
        raise ImageError(ImageProblem.TOO_MANY_PIXELS, message)


def _refuse_endless_scans(data: bytes) -> None:
    # A hundred bytes can hold one more scan, and each is a pass over all pixels: hours in a small
    # file. (Whole scan headers are counted, since two bytes alone turn up by chance.)
    scans = len(_SCAN_HEADER.findall(data))
    if scans > _MAX_SCANS:
        message = f"the JPEG has {scans} scans; at most {_MAX_SCANS} are accepted: export it again"
        raise ImageError(ImageProblem.DAMAGED, message)


def read_pixels(
    image: ImageFile, data: bytes, shorter_side: int | None
) -> tuple[Image.Image, Image.Transpose | None]:
    """Return the pixels in RGB as they are stored, and the turn that makes them upright.

    A JPEG is decoded at a fraction of its size where that leaves `shorter_side`. The photo that was
    opened is used up by it.
    """
    with _room(image, shorter_side):
        _load(image, data)
        turn = _turn(image)
        return to_rgb(image, data), turn


def check_pixels(image: ImageFile, data: bytes) -> tuple[tuple[int, int], Image.Transpose | None]:
    """Decode the pixels as a test; return their size as they are stored, and the turn.

    What `read_pixels` would refuse is refused, but no second picture is made where that cannot
    fail: of 49 megapixels it would take 200 MB or more.
    """
    stored = image.size
    with _room(image, shorter_side=1):
        _load(image, data)
        if not is_plain(image):
            to_rgb(image, data)
        # Only a JPEG was made smaller; and only Pillow knows how it turned a TIFF while loading it.
        return (stored if isinstance(image, JpegImageFile) else image.size), _turn(image)


@contextmanager
def _room(image: ImageFile, shorter_side: int | None) -> Iterator[None]:
    """Let a JPEG be as small as it may be; of photos that are large even so, take a few at once."""
    stored = image.width * image.height
    if isinstance(image, JpegImageFile) and shorter_side is not None:
        image.draft(None, (shorter_side, shorter_side))
    # A progressive JPEG is held whole, as coefficients, however small it is decoded.
    pixels = stored if image.info.get("progressive") else image.width * image.height
    with _large_at_once if pixels > _LARGE else nullcontext():
        yield


def _load(image: ImageFile, data: bytes) -> None:
    # A TIFF's metadata and what follows the pixels of an animated PNG are read with the pixels.
    remarks = isinstance(image, TiffImageFile) or b"acTL" in data
    with _quiet() if remarks else nullcontext():
        image.load()


def _turn(image: ImageFile) -> Image.Transpose | None:
    try:
        with _quiet():
            orientation = image.getexif().get(_ORIENTATION, 1)
            return _TURNS.get(orientation)
    except Exception:  # metadata can be damaged in any way: the pixels stay as they are stored
        return None


_warnings_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore Pillow's remarks on odd metadata: the photo is used or refused, never half of both.

    The filters of `warnings` belong to the whole process, hence the lock. It is held for the header
    and the metadata, whose parsing needs the interpreter's own lock anyway; only a TIFF's and an
    animated PNG's pixels, too, are decoded under it.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def explained(data: bytes) -> Iterator[None]:
    """Turn whatever Pillow raises into an ImageError with a reason and a sentence."""
    try:
        yield
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        message = "decoding the photo would take more memory than is allowed: make it smaller"
        raise ImageError(ImageProblem.TOO_MANY_PIXELS, message) from error
    except Exception as error:
        # OSError, SyntaxError, struct.error, KeyError, …: what decoders raise has no closed list.
        raise _broken(data, error) from error


def _broken(data: bytes, error: Exception) -> ImageError:
    kind = format_of(data)
    cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
    if kind == "WebP":
        cut = int.from_bytes(data[4:8], "little") + 8 > len(data)
    if cut:
        message = f"the {kind} file was cut off after {len(data):,} bytes: copy or upload it again"
        return ImageError(ImageProblem.TRUNCATED, message)
    message = f"the {kind} file is damaged or cut off ({error}): export or upload it again"
    return ImageError(ImageProblem.DAMAGED, message)
