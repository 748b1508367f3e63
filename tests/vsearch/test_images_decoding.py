"""Decoding: turned upright, limited, whole or refused, silent, and always the same."""

import contextlib
import io
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vsearch import photo_decoding
from vsearch.images import MAX_PIXELS, ImageError, ImageProblem, check, decode

Pixels = NDArray[np.uint8]


def picture(width: int = 61, height: int = 43) -> Pixels:
    """Smooth colours, different in every corner."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = np.stack([x, y, np.abs(np.sin(9 * x * y))], axis=2)
    pixels: Pixels = np.rint(planes * 255).astype(np.uint8)
    return pixels


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


PICTURE = Image.fromarray(picture())
SECOND = [PICTURE.rotate(180)]
FILES = {
    "JPEG": saved(PICTURE, "JPEG"),
    "JPEG, progressive": saved(PICTURE, "JPEG", progressive=True),
    "JPEG, restarts": saved(PICTURE, "JPEG", restart_marker_rows=1),
    "JPEG, grey": saved(PICTURE.convert("L"), "JPEG"),
    "JPEG, CMYK": saved(PICTURE.convert("CMYK"), "JPEG"),
    "JPEG, two pictures": saved(PICTURE, "MPO", save_all=True, append_images=SECOND),
    "PNG": saved(PICTURE, "PNG"),
    "PNG, palette": saved(PICTURE.quantize(), "PNG", transparency=3),
    "PNG, animated": saved(PICTURE, "PNG", save_all=True, append_images=SECOND),
    "WebP": saved(PICTURE, "WEBP"),
    "WebP, lossless": saved(PICTURE, "WEBP", lossless=True),
    "WebP, animated": saved(PICTURE, "WEBP", save_all=True, append_images=SECOND),
    "GIF": saved(PICTURE, "GIF"),
    "GIF, animated": saved(PICTURE, "GIF", save_all=True, append_images=SECOND),
    "BMP": saved(PICTURE, "BMP"),
    "BMP, palette": saved(PICTURE.quantize(), "BMP"),
    "TIFF": saved(PICTURE, "TIFF"),
    "TIFF, LZW": saved(PICTURE, "TIFF", compression="tiff_lzw"),
    "TIFF, deflate": saved(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, packbits": saved(PICTURE, "TIFF", compression="packbits"),
    "TIFF, JPEG": saved(PICTURE, "TIFF", compression="jpeg"),
    "TIFF, fax": saved(PICTURE.convert("1"), "TIFF", compression="group4"),
}
WHOLE = {name: np.asarray(decode(data)) for name, data in FILES.items()}


def reason_of(data: bytes, *, max_pixels: int = MAX_PIXELS) -> ImageProblem:
    with pytest.raises(ImageError) as caught:
        decode(data, max_pixels=max_pixels)
    assert str(caught.value) == caught.value.message
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:8, :8] = (255, 255, 255)  # a mark in the top left corner
    upright[:8, 32:] = (128, 128, 128)  # and another in the top right
    stored = {  # what a camera writes so that the orientation's turn restores it
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
    np.testing.assert_allclose(np.asarray(decode(data)).astype(int), upright, atol=12)
    assert check(data) == (40, 24)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_leaves_the_pixels_as_stored(exif: bytes) -> None:
    np.testing.assert_array_equal(decode(saved(PICTURE, "JPEG", exif=exif)), WHOLE["JPEG"])


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_unknown_orientations_are_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode(saved(PICTURE, "JPEG", exif=exif)), WHOLE["JPEG"])


@pytest.mark.parametrize("name", FILES)
def test_size_is_checked_before_decoding(name: str) -> None:
    width, height = PICTURE.size
    assert check(FILES[name], max_pixels=width * height) == (width, height)
    assert reason_of(FILES[name], max_pixels=width * height - 1) is ImageProblem.TOO_MANY_PIXELS
    with pytest.raises(ImageError, match="61 by 43 pixels, 2,623 in all; at most 2,622"):
        check(FILES[name], max_pixels=2622)


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000)))


def jpeg_of_claimed_size(width: int, height: int) -> bytes:
    frame = FILES["JPEG"].index(b"\xff\xc0") + 5
    return FILES["JPEG"][:frame] + struct.pack(">HH", height, width) + FILES["JPEG"][frame + 4 :]


def tiff(tags: dict[int, int]) -> bytes:
    """A grey, deflated TIFF with these tags and ten bytes of pixels at offset 8."""
    entries = sorted({258: 8, 259: 8, 262: 1, 277: 1, **tags}.items())
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    start = b"II*\0" + struct.pack("<I", 18) + zlib.compress(b"\0")[:10].ljust(10, b"\0")
    return start + struct.pack("<H", len(entries)) + directory + bytes(4)


STRIP = {273: 8, 278: 60_000, 279: 10}
WEBP_OF_16383 = FILES["WebP, lossless"][:21] + b"\xfe\xbf\xff\x0f" + FILES["WebP, lossless"][25:]
GIF_SCREEN = b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + FILES["GIF"][10:]
GIF_FRAME = FILES["GIF"].replace(
    struct.pack("<4H", 0, 0, 61, 43), struct.pack("<4H", 0, 0, 60_000, 60_000)
)
BMP_HEADER = FILES["BMP"][:18] + struct.pack("<ii", 60_000, 60_000) + FILES["BMP"][26:]
BOMBS = {
    "JPEG": jpeg_of_claimed_size(60_000, 60_000),
    "PNG": png_header(60_000, 60_000),
    "PNG, Pillow would warn": png_header(10_000, 10_000),
    "GIF, screen": GIF_SCREEN,
    "GIF, frame beyond the screen": GIF_FRAME,
    "BMP": BMP_HEADER,
    "TIFF": tiff({256: 60_000, 257: 60_000, **STRIP}),
    "TIFF, Pillow would warn": tiff({256: 10_000, 257: 10_000, **STRIP}),
    "WebP": WEBP_OF_16383,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_header(name: str) -> None:
    assert reason_of(BOMBS[name]) is ImageProblem.TOO_MANY_PIXELS


def test_a_limit_above_that_of_pillow_holds_without_its_warning() -> None:
    data = saved(Image.new("1", (10_000, 9_000)), "PNG")  # Pillow warns from 89,478,485 on
    with pytest.raises(ImageError):
        decode(data)
    assert check(data, max_pixels=10**8) == (10_000, 9_000)


def test_a_tile_larger_than_its_tiff_is_refused() -> None:
    tiles = {322: 60_000, 323: 60_000, 324: 8, 325: 10}
    assert reason_of(tiff({256: 1, 257: 1, **tiles})) is ImageProblem.TOO_MANY_PIXELS


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = FILES["JPEG, progressive"]
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="scans"):
        decode(data[:-2] + last_scan * 200 + b"\xff\xd9")


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_off_anywhere_is_an_error_or_still_whole(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = FILES[name]
    step = 1 if len(data) < 1500 else len(data) // 700
    still_whole = 0
    for length in (*range(0, len(data), step), *range(len(data) - 40, len(data))):
        try:
            found = np.asarray(decode(data[:length]))
        except ImageError:
            continue
        np.testing.assert_array_equal(found, WHOLE[name], err_msg=f"{name} cut at {length}")
        still_whole += 1
    if "animated" not in name and "two" not in name:  # these go on after the first picture
        assert still_whole <= 60
    capfd.readouterr()  # libtiff's own words


def test_the_reason_says_that_a_file_was_cut_off() -> None:
    for name in ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF"):
        assert reason_of(FILES[name][: len(FILES[name]) * 3 // 4]) is ImageProblem.TRUNCATED, name


@pytest.mark.parametrize(
    ("data", "reason", "word"),
    [
        (b"", ImageProblem.EMPTY, "empty"),
        (b"hello", ImageProblem.NOT_AN_IMAGE, "JPEG, PNG"),
        (bytes(1000), ImageProblem.NOT_AN_IMAGE, "JPEG, PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", ImageProblem.UNSUPPORTED_FORMAT, "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", ImageProblem.UNSUPPORTED_FORMAT, "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", ImageProblem.UNSUPPORTED_FORMAT, "video"),
        (b"%PDF-1.7", ImageProblem.UNSUPPORTED_FORMAT, "PDF"),
        (b"\n<!DOCTYPE html><p>404", ImageProblem.UNSUPPORTED_FORMAT, "HTML"),
        (saved(PICTURE, "ICO"), ImageProblem.UNSUPPORTED_FORMAT, "icon"),
        (saved(PICTURE, "PPM"), ImageProblem.NOT_AN_IMAGE, "JPEG, PNG"),
        (saved(PICTURE, "TGA"), ImageProblem.NOT_AN_IMAGE, "JPEG, PNG"),
        (b"BM" + bytes(100), ImageProblem.DAMAGED, "BMP"),
    ],
)
def test_other_files_are_refused_by_name(data: bytes, reason: ImageProblem, word: str) -> None:
    with pytest.raises(ImageError, match=word) as caught:
        decode(data)
    assert caught.value.reason is reason


def test_a_jpeg_is_never_drafted_below_the_side_needed() -> None:
    data = saved(Image.fromarray(picture(803, 607)), "JPEG", quality=95)
    drafted = {
        side: decode(data, shorter_side=side).size for side in (75, 76, 77, 151, 152, 303, 304, 607)
    }
    assert drafted[75] == (101, 76)
    assert {side: size[1] for side, size in drafted.items() if size[1] < side} == {}
    assert drafted[607] == decode(data, shorter_side=5000).size == (803, 607)
    assert check(data) == (803, 607)


def test_a_draft_looks_like_the_whole() -> None:
    data = saved(Image.fromarray(picture(800, 600)), "JPEG", quality=95)
    whole = decode(data).reduce(4)
    drafted = decode(data, shorter_side=150)
    difference = np.abs(np.asarray(whole).astype(int) - np.asarray(drafted))
    assert drafted.size == (200, 150)
    assert difference.mean() < 1


@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP"])
def test_pixels_that_are_rgb_already_are_not_copied(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "copy", lambda _self: pytest.fail("a second picture"))
    np.testing.assert_array_equal(decode(FILES[name]), WHOLE[name])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_check_makes_no_picture_on_white(
    kind: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved(PICTURE.convert(mode), kind)
    monkeypatch.setattr("vsearch.photo_decoding.to_rgb", lambda *_: pytest.fail("not needed"))
    assert check(data) == (61, 43)


def test_a_few_large_photos_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_decoding, "_LARGE", 1000)
    monkeypatch.setattr(photo_decoding, "_large_at_once", threading.BoundedSemaphore(2))
    at_once: list[int] = []
    inside, lock, crowd = 0, threading.Lock(), threading.Barrier(2)
    load = photo_decoding._load

    def counted(*photo: Any) -> None:
        nonlocal inside
        with lock:
            inside += 1
            at_once.append(inside)
        crowd.wait(20)  # two are needed to get on
        load(*photo)
        with lock:
            inside -= 1

    with monkeypatch.context() as patch, ThreadPoolExecutor(6) as pool:
        patch.setattr(photo_decoding, "_load", counted)
        names = ["PNG", "JPEG, progressive", "WebP"] * 2
        sizes = list(pool.map(lambda name: check(FILES[name]), names))
    assert sizes == [(61, 43)] * 6
    assert max(at_once) == 2
    with photo_decoding._large_at_once, photo_decoding._large_at_once:
        assert decode(FILES["JPEG"], shorter_side=20).size == (31, 22)  # it is small by then


def test_identical_bytes_give_identical_pixels_in_every_thread() -> None:
    names = [*FILES] * 8
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: np.asarray(decode(FILES[name])), names))
    for name, pixels in zip(names, found, strict=True):
        np.testing.assert_array_equal(pixels, WHOLE[name], err_msg=name)


def odd_apng() -> bytes:
    chunk = b"\0\0\0\x08acTL" + struct.pack(">II", 0, 0)
    return FILES["PNG"][:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + FILES["PNG"][33:]


def test_remarks_of_pillow_do_not_leak_and_filters_are_left_alone() -> None:
    damaged_exif = saved(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01")
    with pytest.warns(UserWarning, match="APNG"):  # Pillow alone does warn
        Image.open(io.BytesIO(odd_apng()))
    with pytest.warns(UserWarning, match="EXIF"):
        Image.open(io.BytesIO(damaged_exif)).getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        np.testing.assert_array_equal(decode(odd_apng()), WHOLE["PNG"])
        np.testing.assert_array_equal(decode(damaged_exif), WHOLE["JPEG"])
        assert warnings.filters == before


@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(FILES)),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=6)), max_size=5
    ),
    cut=st.floats(0.5, 1),
)
def test_mutated_files_are_pictures_or_refused(
    name: str, changes: list[tuple[float, bytes]], cut: float
) -> None:
    data = bytearray(FILES[name])
    for place, replacement in changes:
        start = int(place * len(data))
        data[start : start + len(replacement)] = replacement
    mutated = bytes(data[: int(cut * len(data))])
    try:
        found = decode(mutated, max_pixels=10**6)
    except ImageError:
        with pytest.raises(ImageError):
            check(mutated, max_pixels=10**6)
    else:
        assert found.mode == "RGB"
        np.testing.assert_array_equal(found, decode(mutated, max_pixels=10**6))
        assert check(mutated, max_pixels=10**6) == found.size


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(
        [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"BM",
            b"II*\0",
            b"MM\0*",
            b"RIFF\x20\0\0\0WEBPVP8 ",
            b"",
        ]
    ),
    st.binary(max_size=200),
)
def test_noise_is_a_picture_or_refused(start: bytes, noise: bytes) -> None:
    with contextlib.suppress(ImageError):
        assert decode(start + noise, max_pixels=10**4).mode == "RGB"
