"""Hundreds of files that may be sent as photos: cut off, damaged, mislabelled, bombs, odd ones."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF")
CUTS, FLIPS = 12, 10
MAX_BYTES = 400_000  # that the server in the tests takes

Verdict = Literal["used", "refused", "either"]


@dataclass(frozen=True)
class Sent:
    """A file that a client sends.

    Attributes:
        name: what it is, for people.
        data: its bytes.
        verdict: what must become of it; "either": of bytes flipped at random nobody can tell.
    """

    name: str
    data: bytes
    verdict: Verdict


def all_photos() -> list[Sent]:
    """Return them, always the same."""
    makers = (_cut_off, _flipped, _junk, _foreign, _bombs, _odd_modes, _orientations, _polyglots)
    return [sent for maker in makers for sent in maker()]


def picture(width: int = 96, height: int = 64) -> Image.Image:
    """Return a picture that no format compresses to nothing."""
    rng = np.random.default_rng(7)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _whole() -> dict[str, bytes]:
    return {kind: written(picture(), kind) for kind in FORMATS}


def _cut_off() -> Iterator[Sent]:
    for kind, data in _whole().items():
        for part in range(CUTS):
            at = 3 + part * (len(data) * 9 // 10) // CUTS
            yield Sent(f"{kind} cut off after {at} bytes", data[:at], "refused")


def _flipped() -> Iterator[Sent]:
    dice = random.Random(11)
    for kind, data in _whole().items():
        for number in range(FLIPS):
            damaged = bytearray(data)
            for _ in range(1 + number * 3):
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            yield Sent(f"{kind} with {1 + number * 3} bits flipped", bytes(damaged), "either")


def _junk() -> Iterator[Sent]:
    dice = random.Random(13)
    yield Sent("nothing", b"", "refused")
    for length in (1, 2, 3, 10, 100, 1000, 10_000, 100_000):
        yield Sent(f"{length} random bytes", b"\0" + dice.randbytes(length - 1), "refused")
        yield Sent(f"{length} zeros", bytes(length), "refused")
    for kind, data in _whole().items():
        for length in (0, 8, 200, 5000):
            head = data[:12] + dice.randbytes(length)
            yield Sent(f"head of {kind} and {length} random bytes", head, "refused")


def _foreign() -> Iterator[Sent]:
    heads = {
        "a text": b"this is no photo " * 50,
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "SVG as XML": b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa">]><svg>&a;</svg>',
        "PDF": b"%PDF-1.7\n" + bytes(500),
        "Photoshop": b"8BPS" + bytes(500),
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(500),
        "AVIF": b"\0\0\0\x18ftypavif" + bytes(500),
        "a video": b"\0\0\0\x18ftypmp42" + bytes(500),
        "JPEG XL": b"\xff\x0a" + bytes(500),
        "JPEG 2000": b"\0\0\0\x0cjP  " + bytes(500),
        "an icon": b"\0\0\1\0" + bytes(500),
        "a program": b"\x7fELF" + bytes(500),
        "a shell script": b"#!/bin/sh\nrm -rf /\n",
        "an archive": zlib.compress(bytes(10_000)),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n(/etc/passwd) run",
        "a path": b"/etc/passwd",
        "a URL": b"http://169.254.169.254/latest/meta-data",
        "a pickle": b"cos\nsystem\n(S'true'\ntR.",
    }
    return (Sent(name, data, "refused") for name, data in heads.items())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


def _bombs() -> Iterator[Sent]:
    large = written(picture(), "JPEG") + bytes(MAX_BYTES)
    yield Sent("JPEG of too many bytes", large, "refused")
    zeros = zlib.compress(bytes(50_000_000), 9)
    pixels = _chunk(b"IDAT", zlib.compress(bytes(64 * (1 + 3 * 64))))
    for side in (20_000, 100_000, 2**31 - 1):
        yield Sent(f"PNG of {side}²", _png(side, side, _chunk(b"IDAT", zeros)), "refused")
    yield Sent(
        "PNG of one bit a pixel",
        _png(20_000, 20_000, _chunk(b"IDAT", zeros), depth=1, colour=0),
        "refused",
    )
    row = bytes(1 + 7000 // 8)
    lines = _chunk(b"IDAT", zlib.compress(row * 7000, 9))
    allowed = _png(7000, 7000, lines, depth=1, colour=0)
    yield Sent("PNG of 49 million pixels, which is allowed", allowed, "used")
    yield Sent("PNG without pixels", _png(0, 0, pixels), "refused")
    yield Sent("PNG with more pixels than said", _png(64, 64, _chunk(b"IDAT", zeros)), "either")
    for kind in (b"zTXt", b"iCCP"):
        packed = b"a\0\0" + zeros
        yield Sent(
            f"PNG with a {kind.decode()} bomb", _png(64, 64, _chunk(kind, packed), pixels), "either"
        )
    text = b"a\0\1\0\0\0" + zeros
    yield Sent("PNG with an iTXt bomb", _png(64, 64, _chunk(b"iTXt", text), pixels), "either")
    many = b"".join(_chunk(b"tEXt", b"k\0v") for _ in range(20_000))
    yield Sent("PNG with 20,000 texts", _png(64, 64, many, pixels), "either")
    jpeg = bytearray(written(picture(), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    for height, width in ((65535, 65535), (0, 0), (0, 64), (65535, 1000)):
        jpeg[at : at + 4] = struct.pack(">HH", height, width)
        yield Sent(f"JPEG of {width} × {height}", bytes(jpeg), "refused")
    gif = bytearray(written(picture(), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield Sent("GIF of 65535²", bytes(gif), "refused")
    for width, height in ((60_000, 60_000), (-1, -1), (2**31 - 1, 1), (1, -(2**31))):
        bmp = bytearray(written(picture(), "BMP"))
        bmp[18:26] = struct.pack("<ii", width, height)
        yield Sent(f"BMP of {width} × {height}", bytes(bmp), "refused")
    for tag in (256, 257, 278, 279):  # width, length, rows a strip, bytes a strip
        yield Sent(f"TIFF whose tag {tag} is huge", _tiff_with(tag, 2**31 - 1), "either")
    webp = bytearray(
        written(Image.new("RGBA", (8, 8)), "WebP", lossless=True, exif=b"Exif\0\0MM\0*")
    )
    where = webp.find(b"VP8X")
    webp[where + 12 : where + 18] = b"\xff" * 6
    yield Sent("WebP of 2²⁴ squared", bytes(webp), "refused")
    scans = written(picture(), "JPEG", progressive=True)
    scan = scans[scans.index(b"\xff\xda") : scans.index(b"\xff\xda", scans.index(b"\xff\xda") + 2)]
    endless = scans[:-2] + scan * 2000 + scans[-2:]
    yield Sent("JPEG of 2,000 scans", endless, "refused")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("photo.jpg", bytes(20_000_000))
    yield Sent("an archive of 20 MB of zeros", archive.getvalue(), "refused")
    frames = [Image.new("L", (64, 64), shade) for shade in range(200)]
    animated = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield Sent("GIF of 200 pictures", animated, "used")


def _tiff_with(tag: int, value: int) -> bytes:
    data = bytearray(written(picture(), "TIFF"))
    start = struct.unpack("<I", data[4:8])[0]
    for number in range(struct.unpack("<H", data[start : start + 2])[0]):
        entry = start + 2 + 12 * number
        if struct.unpack("<H", data[entry : entry + 2])[0] == tag:
            data[entry + 2 : entry + 12] = struct.pack("<HII", 4, 1, value)
    return bytes(data)


def _odd_modes() -> Iterator[Sent]:
    colours = picture()
    grey = np.asarray(colours.convert("L"))
    floats = grey.astype(np.float32) / 255
    floats[0, :3] = np.nan, np.inf, -np.inf
    palette = colours.quantize(16)
    frames = [colours.rotate(turn) for turn in (0, 90, 180)]
    turning = {"save_all": True, "append_images": frames[1:]}
    shades = Image.fromarray(grey.astype(np.uint16) * 257)
    files = {
        "CMYK JPEG": written(colours.convert("CMYK"), "JPEG"),
        "CMYK TIFF": written(colours.convert("CMYK"), "TIFF"),
        "grey JPEG": written(colours.convert("L"), "JPEG"),
        "progressive JPEG": written(colours, "JPEG", progressive=True),
        "JPEG of 4:1:1": written(colours, "JPEG", subsampling="4:2:0", quality=1),
        "16-bit PNG": written(shades, "PNG"),
        "16-bit TIFF": written(shades, "TIFF"),
        "32-bit TIFF": written(Image.fromarray(grey.astype(np.int32) * 2**20), "TIFF"),
        "float TIFF": written(Image.fromarray(floats), "TIFF"),
        "LAB TIFF": written(colours.convert("LAB"), "TIFF"),
        "YCbCr TIFF": written(colours.convert("YCbCr"), "TIFF"),
        "LZW TIFF": written(colours, "TIFF", compression="tiff_lzw"),
        "TIFF of three pages": written(colours, "TIFF", **turning),
        "1-bit PNG": written(colours.convert("1"), "PNG"),
        "palette PNG": written(palette, "PNG"),
        "palette PNG with transparency": written(palette, "PNG", transparency=3),
        "palette PNG with alpha": written(palette, "PNG", transparency=bytes(range(16))),
        "grey PNG with alpha": written(colours.convert("LA"), "PNG"),
        "PNG with alpha": written(colours.convert("RGBA"), "PNG"),
        "PNG with a transparent colour": written(colours, "PNG", transparency=(0, 0, 0)),
        "animated PNG": written(colours, "PNG", **turning),
        "animated GIF": written(colours, "GIF", **turning),
        "animated WebP": written(colours, "WebP", **turning),
        "one pixel": written(picture(1, 1), "PNG"),
        "a line": written(picture(5000, 1), "PNG"),
        "a column": written(picture(1, 5000), "JPEG"),
    }
    return (Sent(name, data, "used") for name, data in files.items())


def _orientations() -> Iterator[Sent]:
    for value in (0, 9, 255, 65535):
        exif = Image.Exif()
        exif[274] = value
        yield Sent(f"JPEG of orientation {value}", written(picture(), "JPEG", exif=exif), "used")
    blocks = (
        b"Exif\0\0",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(99),
    )
    for number, block in enumerate(blocks):
        data = written(picture(), "JPEG", exif=block)
        yield Sent(f"JPEG of broken metadata {number}", data, "used")


def _polyglots() -> Iterator[Sent]:
    script, archive = b"<script>alert(1)</script>", io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("../../etc/passwd", "x")
    for kind, data in _whole().items():
        yield Sent(f"{kind} and a page", data + script, "used")
        yield Sent(f"{kind} and an archive", data + archive.getvalue(), "used")
        yield Sent(f"a page and {kind}", script + data, "refused")
        yield Sent(f"an archive and {kind}", archive.getvalue() + data, "refused")
    yield Sent("GIF that is a script", b"GIF89a/*" + bytes(50) + b"*/=alert(1)", "refused")
    comment = written(picture(), "JPEG", comment=b"<?php system($_GET['c']); ?>")
    yield Sent("JPEG with a program in a comment", comment, "used")
