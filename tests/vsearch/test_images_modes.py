"""Golden pixels for every mode and format.

PNG and TIFF files are written here byte by byte, so that what is expected owes nothing to Pillow.
"""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from vsearch.images import decode

Pixels = NDArray[np.uint8]
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255,) * 3, (0,) * 3

GREY = 0
RGB = 2
PALETTE = 3
GREY_ALPHA = 4
RGB_ALPHA = 6


def pixels(data: bytes) -> Pixels:
    image = decode(data)
    assert image.mode == "RGB"
    return np.asarray(image)


def greys(*values: int) -> Pixels:
    """One row of grey pixels."""
    return np.array([[[value] * 3 for value in values]], np.uint8)


def colours(*values: tuple[int, ...]) -> Pixels:
    """One row of pixels."""
    return np.array([values], np.uint8)


def png(width: int, depth: int, colour: int, row: bytes, **chunks: bytes) -> bytes:
    """Write a PNG of one row."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    extra = b"".join(chunk(name.encode(), body) for name, body in chunks.items())
    body = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body + chunk(b"IEND", b"")


def tiff(
    width: int,
    row: bytes,
    bits: Sequence[int],
    photometric: int,
    *,
    order: str = "<",
    sample_format: int = 1,
    extra_samples: Sequence[int] = (),
    tags: dict[int, tuple[int, Sequence[int]]] | None = None,
) -> bytes:
    """Write an uncompressed TIFF of one row; `tags` maps numbers to (type, values)."""
    entries: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [width]),
        257: (4, [1]),
        258: (3, bits),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [8]),
        277: (3, [len(bits)]),
        278: (4, [1]),
        279: (4, [len(row)]),
        339: (3, [sample_format] * len(bits)),
        **({338: (3, extra_samples)} if extra_samples else {}),
        **(tags or {}),
    }
    pixels_end = 8 + len(row) + len(row) % 2
    heap = b""
    heap_start = pixels_end + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for number, (kind, values) in sorted(entries.items()):
        body = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(body) > 4:
            body, heap = struct.pack(f"{order}I", heap_start + len(heap)), heap + body
        directory += struct.pack(f"{order}HHI", number, kind, len(values)) + body.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    start = mark + struct.pack(f"{order}I", pixels_end) + row
    return start.ljust(pixels_end, b"\0") + directory + bytes(4) + heap


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def over_white(value: int, alpha: int) -> int:
    return round(value * alpha / 255 + 255 - alpha)


def shorts(order: str, *values: int) -> bytes:
    return struct.pack(f"{order}{len(values)}H", *values)


PALETTE_OF_4 = bytes([*RED, *GREEN, *BLUE, 10, 20, 30])

PNGS = {
    "1 bit": (png(4, 1, GREY, b"\x50"), greys(0, 255, 0, 255)),
    "1 bit, 1 is transparent": (png(4, 1, GREY, b"\x50", tRNS=b"\0\1"), greys(0, 255, 0, 255)),
    "1 bit, 0 is transparent": (png(4, 1, GREY, b"\x50", tRNS=b"\0\0"), greys(*[255] * 4)),
    "2 bits": (png(4, 2, GREY, b"\x1b"), greys(0, 85, 170, 255)),
    "2 bits, 1 is transparent": (
        png(4, 2, GREY, b"\x1b", tRNS=b"\0\1"),
        greys(0, 255, 170, 255),
    ),
    "4 bits": (png(4, 4, GREY, b"\x01\x8f"), greys(0, 17, 136, 255)),
    "4 bits, 8 is transparent": (
        png(4, 4, GREY, b"\x01\x8f", tRNS=b"\0\x08"),
        greys(0, 17, 255, 255),
    ),
    "8 bits": (png(3, 8, GREY, bytes([0, 77, 255])), greys(0, 77, 255)),
    "8 bits, 77 is transparent": (
        png(3, 8, GREY, bytes([0, 77, 78]), tRNS=b"\0\x4d"),
        greys(0, 255, 78),
    ),
    "16 bits": (
        png(5, 16, GREY, shorts(">", 0, 128, 129, 32768, 65535)),
        greys(0, 0, 1, 128, 255),  # nearest to value / 257
    ),
    "16 bits, 300 is transparent": (
        png(3, 16, GREY, shorts(">", 299, 300, 30000), tRNS=shorts(">", 300)),
        greys(1, 255, 117),
    ),
    "RGB": (png(2, 8, RGB, bytes([1, 2, 3, 250, 128, 9])), colours((1, 2, 3), (250, 128, 9))),
    "RGB, one colour is transparent": (
        png(2, 8, RGB, bytes([1, 2, 3, 1, 2, 4]), tRNS=shorts(">", 1, 2, 3)),
        colours(WHITE, (1, 2, 4)),
    ),
    "RGB of 16 bits": (
        png(1, 16, RGB, shorts(">", 0x0180, 0x80FF, 0xFFFF)),
        colours((1, 128, 255)),
    ),
    "RGB of 16 bits, one colour is transparent": (
        png(2, 16, RGB, shorts(">", 5, 6, 7, 1000, 2000, 3000), tRNS=shorts(">", 1000, 2000, 3000)),
        colours(BLACK, WHITE),
    ),
    "palette of 2 bits": (
        png(4, 2, PALETTE, b"\x1b", PLTE=PALETTE_OF_4),
        colours(RED, GREEN, BLUE, (10, 20, 30)),
    ),
    "palette, one colour transparent": (
        png(4, 2, PALETTE, b"\x1b", PLTE=PALETTE_OF_4, tRNS=b"\xff\x00"),
        colours(RED, WHITE, BLUE, (10, 20, 30)),
    ),
    "palette, alpha": (
        png(4, 2, PALETTE, b"\x1b", PLTE=PALETTE_OF_4, tRNS=b"\xff\x80\x00\x40"),
        colours(
            RED,
            (over_white(0, 128), 255, over_white(0, 128)),
            WHITE,
            (over_white(10, 64), over_white(20, 64), over_white(30, 64)),
        ),
    ),
    "grey, alpha": (
        png(3, 8, GREY_ALPHA, bytes([100, 255, 100, 0, 100, 128])),
        greys(100, 255, over_white(100, 128)),
    ),
    "grey, alpha, of 16 bits": (
        png(3, 16, GREY_ALPHA, shorts(">", 0x6400, 0xFFFF, 0x6400, 0, 0x6400, 0x8000)),
        greys(100, 255, over_white(100, 128)),
    ),
    "RGB, alpha": (
        png(3, 8, RGB_ALPHA, bytes([*RED, 255, *RED, 0, *BLUE, 51])),
        colours(RED, WHITE, (204, 204, 255)),
    ),
    "RGB, alpha, of 16 bits": (
        png(2, 16, RGB_ALPHA, shorts(">", 0xFF00, 0, 0, 0xFF00, 0, 0, 0xFF00, 0x3300)),
        colours(RED, (204, 204, 255)),
    ),
}


def floats(order: str, *values: float) -> bytes:
    return struct.pack(f"{order}{len(values)}f", *values)


def grey_tiff(
    row: bytes, width: int, bits: int, *, white: int = 1, order: str = "<", sample_format: int = 1
) -> bytes:
    return tiff(width, row, [bits], white, order=order, sample_format=sample_format)


REDS, GREENS, BLUES = (
    [value * 257 for value in three] + [0] * 253
    for three in ([255, 0, 10], [0, 255, 20], [0, 0, 30])
)
PALETTE_TAG: dict[int, tuple[int, Sequence[int]]] = {320: (3, REDS + GREENS + BLUES)}

TIFFS = {
    "1 bit": (grey_tiff(b"\x50", 4, 1), greys(0, 255, 0, 255)),
    "1 bit, 0 is white": (grey_tiff(b"\x50", 4, 1, white=0), greys(255, 0, 255, 0)),
    "4 bits": (grey_tiff(b"\x01\x8f", 4, 4), greys(0, 17, 136, 255)),
    "8 bits": (grey_tiff(bytes([0, 77, 255]), 3, 8), greys(0, 77, 255)),
    "8 bits, 0 is white": (grey_tiff(bytes([0, 77, 255]), 3, 8, white=0), greys(255, 178, 0)),
    "12 bits": (
        grey_tiff(bytes([0x00, 0x08, 0x00, 0xFF, 0xF0, 0x00]), 4, 12),
        greys(0, round(0x800 / 4095 * 255), 255, 0),
    ),
    "16 bits, Intel": (
        grey_tiff(shorts("<", 0, 128, 129, 32768, 65535), 5, 16),
        greys(0, 0, 1, 128, 255),
    ),
    "16 bits, Motorola": (
        grey_tiff(shorts(">", 0, 128, 129, 32768, 65535), 5, 16, order=">"),
        greys(0, 0, 1, 128, 255),
    ),
    "16 bits, 0 is white": (
        grey_tiff(shorts("<", 0, 51400, 65535), 3, 16, white=0),
        greys(255, 55, 0),
    ),
    "16 bits, signed": (
        grey_tiff(struct.pack("<4h", -32768, 0, 16384, 32767), 4, 16, sample_format=2),
        greys(0, 0, 128, 255),
    ),
    "32 bits": (
        grey_tiff(struct.pack("<4I", 0, 2**30, 2**31, 2**32 - 1), 4, 32),
        greys(0, 64, 128, 255),
    ),
    "32 bits, signed": (
        grey_tiff(
            struct.pack(">4i", -(2**31), 0, 2**30, 2**31 - 1), 4, 32, order=">", sample_format=2
        ),
        greys(0, 0, 128, 255),
    ),
    "float within 0..1": (
        grey_tiff(floats("<", 0.25, 0.5, 0.75), 3, 32, sample_format=3),
        greys(64, 128, 191),
    ),
    "float within 0..1, Motorola": (
        grey_tiff(floats(">", 0.25, 0.5, 0.75), 3, 32, order=">", sample_format=3),
        greys(64, 128, 191),
    ),
    "float within 0..1, 0 is white": (
        grey_tiff(floats("<", 0.2, 1.0), 2, 32, white=0, sample_format=3),
        greys(204, 0),
    ),
    "float beyond 0..1": (
        grey_tiff(floats("<", -100, 0, 300), 3, 32, sample_format=3),
        greys(0, 64, 255),
    ),
    "float, the whole range": (
        grey_tiff(floats("<", -3.4e38, 0, 3.4e38), 3, 32, sample_format=3),
        greys(0, 128, 255),
    ),
    "float, one value": (grey_tiff(floats("<", 5, 5), 2, 32, sample_format=3), greys(0, 0)),
    "float, NaN and infinities": (
        grey_tiff(
            floats("<", 0.5, 1.0, float("nan"), float("inf"), float("-inf")), 5, 32, sample_format=3
        ),
        greys(128, 255, 0, 255, 0),
    ),
    "float, nothing finite": (
        grey_tiff(floats("<", float("nan"), float("inf")), 2, 32, sample_format=3),
        greys(0, 255),
    ),
    "grey, alpha": (
        tiff(2, bytes([100, 255, 100, 128]), [8, 8], 1, extra_samples=[2]),
        greys(100, over_white(100, 128)),
    ),
    "grey, premultiplied alpha": (
        tiff(2, bytes([100, 255, 50, 128]), [8, 8], 1, extra_samples=[1]),
        greys(100, 50 + 127),
    ),
    "RGB": (tiff(2, bytes([*RED, 1, 2, 3]), [8] * 3, 2), colours(RED, (1, 2, 3))),
    "RGB, padding": (
        tiff(2, bytes([*RED, 0, 1, 2, 3, 9]), [8] * 4, 2, extra_samples=[0]),
        colours(RED, (1, 2, 3)),
    ),
    "RGB, alpha": (
        tiff(2, bytes([*RED, 0, *BLUE, 51]), [8] * 4, 2, extra_samples=[2]),
        colours(WHITE, (204, 204, 255)),
    ),
    "RGB, premultiplied alpha": (
        tiff(2, bytes([0, 0, 0, 0, 0, 0, 51, 51]), [8] * 4, 2, extra_samples=[1]),
        colours(WHITE, (204, 204, 255)),
    ),
    "RGB of 16 bits": (
        tiff(1, shorts("<", 0x0180, 0x80FF, 0xFFFF), [16] * 3, 2),
        colours((1, 128, 255)),
    ),
    "palette": (
        tiff(3, bytes([0, 1, 2]), [8], 3, tags=PALETTE_TAG),
        colours(RED, GREEN, (10, 20, 30)),
    ),
    "palette, alpha": (
        tiff(2, bytes([0, 255, 1, 51]), [8, 8], 3, tags=PALETTE_TAG, extra_samples=[2]),
        colours(RED, (204, 255, 204)),
    ),
    "CMYK": (
        tiff(4, bytes([0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 51, 102, 0, 128]), [8] * 4, 5),
        colours(WHITE, (0, 255, 255), BLACK, (102, 76, 127)),  # (1-C)(1-K)
    ),
    "CMYK of 16 bits": (
        tiff(2, shorts("<", 0, 0, 0, 0, 0xFFFF, 0, 0, 0), [16] * 4, 5),
        colours(WHITE, (0, 255, 255)),
    ),
    "YCbCr": (
        tiff(
            3,
            bytes([128, 128, 128, 76, 85, 255, 29, 255, 107]),
            [8] * 3,
            6,
            tags={530: (3, [1, 1])},
        ),
        colours((128, 128, 128), (254, 0, 0), (0, 0, 254)),  # JFIF: red is 76, 85, 255
    ),
}


@pytest.mark.parametrize("name", PNGS)
def test_png(name: str) -> None:
    data, expected = PNGS[name]
    np.testing.assert_allclose(pixels(data).astype(int), expected, atol=1)
    if "alpha" not in name:
        np.testing.assert_array_equal(pixels(data), expected)


@pytest.mark.parametrize("name", TIFFS)
def test_tiff(name: str) -> None:
    data, expected = TIFFS[name]
    np.testing.assert_allclose(pixels(data).astype(int), expected, atol=2 if "YCbCr" in name else 1)
    if not any(word in name for word in ("alpha", "CMYK", "YCbCr")):
        np.testing.assert_array_equal(pixels(data), expected)


def lab_to_srgb(lightness: float, a: float, b: float) -> list[float]:
    """CIE LAB, D50, to sRGB by the formulas of the standards (ICC, Bradford, IEC 61966-2-1)."""
    fy = (lightness + 16) / 116
    cubes = [fy + a / 500, fy, fy - b / 200]
    xyz = [f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29) for f in cubes]
    xyz_d50 = np.array(xyz) * [0.9642, 1.0, 0.8249]
    to_linear = [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    linear = np.clip(to_linear @ xyz_d50, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [float(value) for value in srgb * 255]


def test_lab_tiff() -> None:
    colours_in_lab = [(100, 0, 0), (0, 0, 0), (50, 0, 0), (60, 30, -20), (70, -35, 40)]
    row = b"".join(struct.pack("<Bbb", round(L * 2.55), a, b) for L, a, b in colours_in_lab)
    expected = [[lab_to_srgb(round(L * 2.55) / 2.55, a, b) for L, a, b in colours_in_lab]]
    found = pixels(tiff(len(colours_in_lab), row, [8] * 3, 8))
    np.testing.assert_allclose(found.astype(float), expected, atol=2)


BLOCKS = np.zeros((32, 48, 3), np.uint8)
BLOCKS[:, :16], BLOCKS[:, 16:32], BLOCKS[:, 32:] = (200, 30, 40), (60, 120, 240), (128, 128, 128)


def assert_blocks(data: bytes, expected: Pixels = BLOCKS, atol: int = 0) -> None:
    found = pixels(data)
    assert found.shape == expected.shape
    centres = (slice(4, None, 8), slice(4, None, 8))  # lossy formats blur the borders
    np.testing.assert_allclose(found[centres].astype(int), expected[centres], atol=atol)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
def test_compressed_tiff(compression: str) -> None:
    assert_blocks(saved(Image.fromarray(BLOCKS), "TIFF", compression=compression))


def test_jpeg_in_tiff() -> None:
    assert_blocks(saved(Image.fromarray(BLOCKS), "TIFF", compression="jpeg", quality=95), atol=4)


def test_fax_in_tiff() -> None:
    black_and_white = np.repeat(BLOCKS[..., :1] > 100, 3, axis=2)
    page = Image.fromarray(black_and_white[..., 0])
    data = saved(page, "TIFF", compression="group4")
    np.testing.assert_array_equal(pixels(data), black_and_white * np.uint8(255))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg(progressive: bool, subsampling: int) -> None:
    options = {"quality": 95, "progressive": progressive, "subsampling": subsampling}
    assert_blocks(saved(Image.fromarray(BLOCKS), "JPEG", **options), atol=4)


def test_grey_jpeg() -> None:
    grey = np.repeat(BLOCKS[..., :1], 3, axis=2)
    assert_blocks(saved(Image.fromarray(BLOCKS[..., 0]), "JPEG", quality=95), grey, atol=3)


def test_cmyk_jpeg() -> None:
    ink = np.zeros((32, 48, 4), np.uint8)
    ink[:, :16], ink[:, 16:32], ink[:, 32:] = (0, 0, 0, 0), (255, 0, 0, 0), (51, 102, 0, 128)
    data = saved(Image.fromarray(ink, "CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data[:64]  # whose convention is to store all four inverted
    expected = np.zeros((32, 48, 3), np.uint8)
    expected[:, :16], expected[:, 16:32], expected[:, 32:] = WHITE, (0, 255, 255), (102, 76, 127)
    assert_blocks(data, expected, atol=4)


def test_webp() -> None:
    assert_blocks(saved(Image.fromarray(BLOCKS), "WEBP", lossless=True))
    assert_blocks(saved(Image.fromarray(BLOCKS), "WEBP", quality=95), atol=8)


def test_transparent_webp() -> None:
    alpha = np.full((32, 48, 1), 51, np.uint8)
    image = Image.fromarray(np.concatenate([BLOCKS, alpha], axis=2))
    expected = np.rint(BLOCKS * 0.2 + 255 * 0.8).astype(np.uint8)
    assert_blocks(saved(image, "WEBP", lossless=True), expected, atol=1)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_many(kind: str) -> None:
    second = Image.new("RGB", (48, 32), "lime")
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(Image.fromarray(BLOCKS), kind, save_all=True, append_images=[second], **options)
    assert_blocks(data)


def gif(
    canvas: tuple[int, int], frame: tuple[int, int, int, int], transparent: int | None
) -> bytes:
    """A GIF of four colours whose first frame (x, y, width, height) is all of colour 1."""
    extension = b"" if transparent is None else b"\x21\xf9\x04\x01\0\0" + bytes([transparent, 0])
    inner = Image.new("P", frame[2:], 1)
    inner.putpalette(list(PALETTE_OF_4))
    whole = saved(inner, "GIF", optimize=False)
    pixels_at = whole.index(b"\x2c" + bytes(4) + struct.pack("<2H", *frame[2:])) + 10
    header = b"GIF89a" + struct.pack("<2H", *canvas) + b"\x81\0\0" + PALETTE_OF_4
    return header + extension + b"\x2c" + struct.pack("<4HB", *frame, 0) + whole[pixels_at:]


def test_gif() -> None:
    np.testing.assert_array_equal(pixels(gif((2, 1), (0, 0, 2, 1), None)), colours(GREEN, GREEN))


def test_transparent_gif() -> None:
    np.testing.assert_array_equal(pixels(gif((2, 1), (0, 0, 2, 1), 1)), colours(WHITE, WHITE))


@pytest.mark.parametrize("transparent", [None, 3])
def test_gif_whose_first_frame_leaves_some_of_it_open(transparent: int | None) -> None:
    expected = np.full((4, 5, 3), 255, np.uint8)
    expected[1:3, 1:4] = GREEN
    found = pixels(gif((5, 4), (1, 1, 3, 2), transparent))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp(mode: str) -> None:
    image = Image.new("RGB", (3, 2), "red")
    image.putpixel((1, 0), (255, 255, 255))
    expected = {
        "1": [[BLACK, WHITE, BLACK], [BLACK] * 3],  # thresholded: red is dark
        "L": [[(76,) * 3, WHITE, (76,) * 3], [(76,) * 3] * 3],
    }.get(mode, [[RED, WHITE, RED], [RED] * 3])
    stored = image.convert(mode, dither=Image.Dither.NONE)
    np.testing.assert_array_equal(pixels(saved(stored, "BMP")), np.array(expected))


def test_bmp_of_16_bits() -> None:
    header = struct.pack("<IIIHHIIIIII", 40, 2, 1, 1, 16, 0, 4, 0, 0, 0, 0)
    row = shorts("<", 0b0_11111_00000_00000, 0b0_00000_11111_00000)
    data = b"BM" + struct.pack("<IHHI", 14 + 40 + 4, 0, 0, 54) + header + row
    np.testing.assert_array_equal(pixels(data), colours(RED, GREEN))


def test_colour_profiles_are_ignored_and_no_metadata_is_kept() -> None:
    plain = saved(Image.fromarray(BLOCKS), "JPEG")
    tagged = saved(Image.fromarray(BLOCKS), "JPEG", icc_profile=b"not a profile", comment=b"me")
    np.testing.assert_array_equal(pixels(tagged), pixels(plain))
    assert decode(tagged).info == {}


def test_pillow_is_left_strict() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
