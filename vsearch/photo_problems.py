"""Why a photo cannot be used, and what kind of file its first bytes make it."""

from enum import StrEnum

from vsearch.errors import VsearchError


class ImageProblem(StrEnum):
    """The reasons for which a photo or a crop is refused."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    BAD_CROP = "bad_crop"


class ImageError(VsearchError):
    """A photo that cannot be used: `reason` for programs, the message for people."""

    def __init__(self, reason: ImageProblem, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


ACCEPTED = "JPEG, PNG, WebP, GIF, BMP and TIFF"

_SIGNATURES = (
    ("JPEG", b"\xff\xd8\xff"),
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("BMP", b"BM"),
    ("TIFF", b"II*\0"),
    ("TIFF", b"MM\0*"),
    ("TIFF", b"II+\0"),
    ("TIFF", b"MM\0+"),
    ("PDF", b"%PDF"),
    ("Photoshop", b"8BPS"),
    ("icon", b"\0\0\1\0"),
    ("JPEG 2000", b"\0\0\0\x0cjP  "),
    ("JPEG XL", b"\0\0\0\x0cJXL "),
    ("JPEG XL", b"\xff\x0a"),
    ("SVG", b"<svg"),
    ("SVG", b"<?xml"),
    ("HTML", b"<!doctype html"),
    ("HTML", b"<html"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}


def format_of(data: bytes) -> str | None:
    """Return the kind of file that the first bytes announce, None where they are unknown.

    The name of a file and what a client says about it are not asked: both are often wrong.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video")
    text = data[:64].lstrip().lower()  # the marks of binary kinds are compared as they are
    for name, mark in _SIGNATURES:
        if data.startswith(mark) or (mark.startswith(b"<") and text.startswith(mark)):
            return name
    return None
