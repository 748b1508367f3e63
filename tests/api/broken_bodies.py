"""Requests whose body is no form and no JSON, or a strange one, around a photo that is right."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.api.broken_photos import picture, written

PHOTO = written(picture(), "PNG")
BASE64 = base64.b64encode(PHOTO).decode()
FORM, JSON = "multipart/form-data", "application/json"


@dataclass(frozen=True)
class Request:
    """What a client sends.

    Attributes:
        name: what is odd about it.
        kind: its Content-Type; None: none.
        body: as it is on the wire.
        verdict: whether it is answered with 200, or refused with a problem.
        headers: further ones; a Content-Length of its own may lie.
    """

    name: str
    kind: str | None
    body: bytes
    verdict: Literal["used", "refused"] = "refused"
    headers: Mapping[str, str] | None = None


def part(name: str, data: bytes, filename: str | None = None, more: str = "") -> bytes:
    """Return a part of a form."""
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{more}\r\n'
    return head.encode("utf-8", "surrogateescape") + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Return a form with the boundary b."""
    return b"".join(parts) + b"--b--\r\n"


def photo(data: bytes = PHOTO, filename: str = "p.png", kind: str = "image/png") -> bytes:
    """Return the part that has the photo."""
    return part("photo", data, filename, f"Content-Type: {kind}\r\n")


def forms() -> list[Request]:
    """Return forms that are wrong, odd, or neither."""
    good = form(photo())
    bounded = f"{FORM}; boundary=b"
    inner = form(photo()).replace(b"--b", b"--c")
    many_fields = [part(f"f{number}", b"1") for number in range(300)]
    wrong = {
        "no boundary": (FORM, good),
        "an empty boundary": (f"{FORM}; boundary=", good),
        "another boundary": (f"{FORM}; boundary=xyz", good),
        "a boundary of 5,000 letters": (f"{FORM}; boundary={'b' * 5000}", good),
        "a boundary that is no text": (f"{FORM}; boundary=\xff\xfe", good),
        "no body": (bounded, b""),
        "an end alone": (bounded, b"--b--\r\n"),
        "a beginning alone": (bounded, b"--b\r\n"),
        "no end": (bounded, photo()),
        "a part without a head": (bounded, b"--b\r\n\r\n" + PHOTO + b"\r\n--b--\r\n"),
        "a head without an end": (bounded, b'--b\r\nContent-Disposition: form-data; name="photo"'),
        "line ends of Unix": (bounded, form(photo()).replace(b"\r\n", b"\n")),
        "a nested form": (
            bounded,
            form(part("photo", inner, None, f"Content-Type: {FORM}; boundary=c\r\n")),
        ),
        "a photo that is a text": (bounded, form(part("photo", b"photo.jpg"))),
        "a photo by another name": (bounded, form(part("image", PHOTO, "p.png"))),
        "a part without a name": (
            bounded,
            form(b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n"),
        ),
        "two photos": (bounded, form(photo(), photo())),
        "300 photos": (bounded, form(*[photo(b"x")] * 300)),
        "300 fields": (bounded, form(photo(), *many_fields)),
        "an unknown field": (bounded, form(photo(), part("colour", b"red"))),
        "a field of 100 KB": (bounded, form(photo(), part("where", b"a" * 100_000))),
        "a field that is no text": (bounded, form(photo(), part("top_k", b"\xff\xfe\0"))),
        "a number that is none": (bounded, form(photo(), part("top_k", b"ten"))),
        "a number that is too large": (bounded, form(photo(), part("top_k", b"9" * 400))),
        "a score that is no number": (bounded, form(photo(), part("min_score", b"nan"))),
        "a crop beyond the photo": (bounded, form(photo(), part("crop", b"0,0,2,2"))),
        "a crop of infinity": (bounded, form(photo(), part("crop", b"0,0,inf,1"))),
        "a head of 100 KB": (bounded, form(part("photo", PHOTO, "p", f"X-A: {'a' * 100_000}\r\n"))),
        "5,000 heads": (bounded, form(part("photo", PHOTO, "p", "X-A: a\r\n" * 5000))),
        "a file name of 5,000 letters": (bounded, form(photo(filename="a" * 5000))),
        "something before it": (bounded, b"preamble\r\n" + good),
        "a form as another type": ("text/plain", good),
        "a photo alone": ("image/png", PHOTO),
        "another form": ("application/x-www-form-urlencoded", b"photo=photo.jpg"),
        "no type": (None, good),
        "a broken type": ("; ; =", good),
        "XML": (
            "application/xml",
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        ),
    }
    odd = {
        "a path as its file name": form(photo(filename="../../../etc/passwd")),
        "a file name that is no text": form(photo(filename="\udcff\udcfe")),
        "no file name's letters": form(photo(filename="")).replace(b'filename=""', b'filename="p"'),
        "a wrong type of the photo": form(photo(kind="text/html")),
        "a field twice": form(photo(), part("top_k", b"3"), part("top_k", b"2")),
        "a field that is empty": form(photo(), part("crop", b"")),
        "something after it": good + b"epilogue" * 100,
    }
    return [
        *(Request(f"a form with {name}", kind, body) for name, (kind, body) in wrong.items()),
        *(Request(f"a form with {name}", bounded, body, "used") for name, body in odd.items()),
        Request(
            "a packed form", bounded, good, headers={"Content-Encoding": "gzip"}, verdict="used"
        ),
    ]


def documents() -> list[Request]:
    """Return JSON that is wrong, odd, or neither; all but what is wrong would be searched with."""
    texts = {
        "nothing": b"",
        "no end": b'{"photo": "' + BASE64.encode(),
        "no JSON": b"photo=1",
        "null": b"null",
        "a list": b"[]",
        "a text": json.dumps(BASE64).encode(),
        "a number": b"1e999",
        "100,000 brackets": b"[" * 100_000,
        "10,000 nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "no photo": b"{}",
        "a photo that is null": b'{"photo": null}',
        "a photo that is a number": b'{"photo": 1}',
        "a photo that is a list": b'{"photo": ["a"]}',
        "a photo of no letters": b'{"photo": ""}',
        "a photo that is a path": b'{"photo": "/etc/passwd"}',
        "a photo by URL": b'{"photo": null, "photo_url": "http://127.0.0.1:1/"}',
        "a photo by a file's URL": b'{"photo_url": "file:///etc/passwd"}',
        "base64 that is cut off": json.dumps({"photo": BASE64[:-3]}).encode(),
        "base64 of half a photo": json.dumps({"photo": BASE64[: len(BASE64) // 8 * 4]}).encode(),
        "base64 with strange letters": json.dumps(
            {"photo": BASE64[:99] + "é\0*" + BASE64}
        ).encode(),
        "base64 of nonsense": json.dumps({"photo": base64.b64encode(bytes(999)).decode()}).encode(),
        "a data URI": json.dumps({"photo": f"data:image/png;base64,{BASE64}"}).encode(),
        "bytes that are no text": b'{"photo": "\xff\xfe"}',
        "half a letter": b'{"photo": "\\ud800"}',
        "UTF-16": json.dumps({"photo": BASE64}).encode("utf-16"),
        "an unknown field": json.dumps({"photo": BASE64, "colour": "red"}).encode(),
        "a crop of nothing": json.dumps({"photo": BASE64, "crop": [0, 0, 0, 0]}).encode(),
        "a crop of words": json.dumps({"photo": BASE64, "crop": ["a", None, {}, []]}).encode(),
        "a number as a text": json.dumps({"photo": BASE64, "crop": 7}).encode(),
    }
    whole = json.dumps({"photo": BASE64}).encode()
    return [
        *(Request(f"JSON with {name}", JSON, body) for name, body in texts.items()),
        Request("JSON as UTF-8", f"{JSON}; charset=utf-8", whole, "used"),
        Request("JSON with a key twice", JSON, b'{"photo": "", ' + whole[1:], "used"),
        Request("JSON as a form", f"{FORM}; boundary=b", whole),
        Request("JSON as a text", "text/json", whole),
    ]
