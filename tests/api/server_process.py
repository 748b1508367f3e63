"""A server in processes of its own, and requests written to it byte by byte."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
WAIT = 60.0  # seconds after which something has gone wrong
PROGRAM = "from api.cli import main; main()"


@dataclass
class Server:
    """A server that runs.

    Attributes:
        process: the one that was started.
        lines: of its log, as JSON objects or, where they are none, as texts.
    """

    process: subprocess.Popen[str]
    lines: list[Any] = field(default_factory=list)

    def follow(self) -> None:
        """Read the log to its end."""
        for line in self.process.stderr or ():
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append(line)

    def messages(self) -> list[str]:
        return [line["message"] if isinstance(line, dict) else str(line) for line in self.lines]

    @property
    def port(self) -> int:
        """Wait until it listens, and return where."""
        for _ in polled("the server listens"):
            for message in self.messages():
                if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", message):
                    return int(found.group(1))
            assert self.process.poll() is None, self.messages()
        raise AssertionError

    def wait(self) -> None:
        """Wait until it answers; several workers have their port before they listen."""
        for _ in polled("the server answers"):
            try:
                self.get("/healthz")
            except ConnectionRefusedError:
                continue
            return

    def get(self, path: str, headers: str = "") -> tuple[int, str]:
        with self.connect() as asked:
            asked.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
            return answer(asked)

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection((HOST, self.port), timeout=WAIT) as connection:
            yield connection

    def end(self, sig: int = signal.SIGTERM) -> None:
        self.process.send_signal(sig)


@contextmanager
def started(
    shop: Path, *arguments: str, env: dict[str, str] | None = None, program: str = PROGRAM
) -> Iterator[Server]:
    """Serve a shop on a free port."""
    command = [sys.executable, "-c", program, "serve", str(shop), "--port", "0", "--no-rebuild"]
    process = subprocess.Popen(
        [*command, "--log-format", "json", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (env or {}),
    )
    server = Server(process)
    follower = threading.Thread(target=server.follow)
    follower.start()
    try:
        server.wait()
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
        follower.join()
        if process.stderr:
            process.stderr.close()


def answer(connection: socket.socket) -> tuple[int, str]:
    """Return status and text of the answer that a connection gets."""
    received = b""
    while b"\r\n\r\n" not in received or len(received) < _end(received):
        part = connection.recv(2**16)
        if not part:
            break
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.decode() + "\n\n" + body.decode()


def _end(received: bytes) -> int:
    head, _, _ = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return len(head) + 4 + (int(length.group(1)) if length else 0)


def polled(what: str) -> Iterator[None]:
    """Yield until the asker is content; fail when that takes too long."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        yield
        time.sleep(0.02)
    raise AssertionError(f"{what} was waited for in vain")


def upload_head(length: int | None, boundary: str = "b") -> bytes:
    """Return the head of an upload; None: its body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    kind = f"multipart/form-data; boundary={boundary}"
    return f"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()


def chunked(parts: Sequence[bytes]) -> Iterator[bytes]:
    """Return the parts as chunks on the wire, without the end."""
    return (f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
