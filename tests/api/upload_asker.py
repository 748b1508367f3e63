"""Broken uploads on their way to a real server, and what is made of its answers."""

import base64
import http.client
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from api.openapi_file import FILE
from tests.api import broken_bodies
from tests.api.broken_bodies import FORM, JSON, PHOTO, Request, form, photo
from tests.api.broken_photos import MAX_BYTES, Sent
from tests.api.example_shop import make_example_shop
from tests.api.key_holder import bearer, make_key
from tests.api.server_process import HOST, Server, started

PROGRAM = (
    "import pytest; from tests.indexer.tiny_network import offer_tiny; "
    "offer_tiny(pytest.MonkeyPatch()); from api.cli import main; main()"
)
PATIENCE = 60  # seconds for one answer, on a machine with other work
WAYS = ("classify", "explain", "json", "batch", "item")
OPERATIONS = {
    f"{method.upper()} {path}": set(told["responses"])
    for path, methods in json.loads(FILE.read_text())["paths"].items()
    for method, told in methods.items()
}


class Asker:
    """Sends requests to a server, and judges its answers."""

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.headers = server, bearer(key)
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []

    def send(self, method: str, path: str, request: Request) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=PATIENCE)
        told = {"Content-Length": str(len(request.body)), **(request.headers or {})}
        if request.kind is not None:
            told["Content-Type"] = request.kind
        try:
            connection.putrequest(method, path)
            for name, value in {**self.headers, **told}.items():
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders(request.body)
            answer = connection.getresponse()
            body = answer.read()
            self.answers[answer.status] += 1
            operation = f"{method} {'/v1/items/{item_id}' if method == 'PUT' else path}"
            if str(answer.status) not in OPERATIONS[operation]:
                self.wrong.append(
                    f"{request.name}: {answer.status} of {operation} is not described"
                )
            if answer.status != 200:
                self._judge_problem(request, answer, body)
            return answer.status, body
        finally:
            connection.close()

    def _judge_problem(
        self, request: Request, answer: http.client.HTTPResponse, body: bytes
    ) -> None:
        kind = answer.headers["content-type"]
        told = json.loads(body) if kind == "application/problem+json" else {}
        whole = {"type", "title", "status", "detail"} <= told.keys()
        if not (whole and 400 <= answer.status < 500 and told["status"] == answer.status):
            self.wrong.append(f"{request.name}: {answer.status} {body[:300]!r}")

    def expect(self, verdict: str, status: int, name: str, body: bytes) -> None:
        used = status == 200
        if verdict != "either" and used != (verdict == "used"):
            self.wrong.append(f"{name}: {status}, expected it {verdict}: {body[:300]!r}")

    def put_photo(self, sent: Sent, way: str) -> None:
        """Send a file in one of the ways in which the API takes photos."""
        part = photo(sent.data, f"{sent.name.split()[0]}.jpg", "image/jpeg")
        encoded = base64.b64encode(sent.data).decode()
        name = f"{sent.name} by {way}"
        method, path, kind, body = {
            "search": ("POST", "/v1/search", f"{FORM}; boundary=b", form(part)),
            "classify": ("POST", "/v1/classify", f"{FORM}; boundary=b", form(part)),
            "explain": ("POST", "/v1/explain", f"{FORM}; boundary=b", form(part)),
            "batch": ("POST", "/v1/search/batch", f"{FORM}; boundary=b", form(part, photo())),
            "json": ("POST", "/v1/search", JSON, json.dumps({"photo": encoded}).encode()),
            "item": (
                "PUT",
                f"/v1/items/{quote(sent.name)}",
                JSON,
                json.dumps({"category": "Broken", "photos": [encoded]}).encode(),
            ),
        }[way]
        status, answer = self.send(method, path, Request(name, kind, body))
        if way == "batch" and status == 200:
            broken, whole = json.loads(answer)["results"]
            assert whole["problem"] is None
            problem: dict[str, Any] | None = broken["problem"]
            status = problem["status"] if problem else 200
        self.expect(sent.verdict, status, name, answer)

    def put_body(self, request: Request, path: str) -> None:
        status, answer = self.send("POST", path, request)
        self.expect(request.verdict, status, f"{request.name} to {path}", answer)

    def works(self) -> None:
        """Check that the server answers as if nothing had been."""
        good = Request("a photo", f"{FORM}; boundary=b", form(photo()))
        for path in ("/v1/search", "/v1/classify"):
            assert self.send("POST", path, good)[0] == 200
        assert self.server.get("/readyz")[0] == 200
        assert self.server.process.poll() is None


@contextmanager
def asking(folder: Path) -> Iterator[Asker]:
    """Serve the shop of the examples, made in a folder, and warm it."""
    shop = make_example_shop(folder)
    key = make_key(shop, "write")
    limits = ("--max-bytes", str(MAX_BYTES), "--key-rate", "0", "--address-rate", "0")
    with started(shop, *limits, program=PROGRAM) as server:
        asker = Asker(server, key)
        for way in ("search", *WAYS):
            asker.put_photo(Sent("warm", PHOTO, "used"), way)
        yield asker


def resources(server: Server) -> tuple[int, int]:
    """Return the most memory that the process ever had, bytes, and its open files."""
    process = Path(f"/proc/{server.process.pid}")
    lines = process.joinpath("status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak) * 1024, len(list(process.joinpath("fd").iterdir()))


def send_all(asker: Asker, photos: Sequence[Sent], ways: Sequence[Sequence[str]]) -> int:
    """Send each photo in its ways and each odd body; return how many requests there were."""
    before = sum(asker.answers.values())
    for sent, chosen in zip(photos, ways, strict=True):
        for way in chosen:
            asker.put_photo(sent, way)
    for request in broken_bodies.forms():
        asker.put_body(request, "/v1/search")
    for request in broken_bodies.documents():
        for path in ("/v1/search", "/v1/classify", "/v1/explain"):
            asker.put_body(request, path)
    return sum(asker.answers.values()) - before
