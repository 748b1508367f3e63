"""Remote photos: only from allowed hosts, only public addresses, never more than the limit.

A server on the loopback interface plays the host; nothing leaves this machine.
"""

import http.server
import io
import ipaddress
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from indexer import remote
from indexer.importing import import_manifest
from indexer.remote import Address, Fetcher, RemoteError, is_public
from indexer.shop import Shop


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path and remembers what was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        match self.path.partition("?")[0]:
            case "/a.png" | "/b%20c.png":
                self._answer(200, png())
            case "/moved":
                self._redirect("/a.png")
            case "/away":
                self._redirect("http://other.example/a.png")
            case "/inside":
                self._redirect("file:///etc/hostname")
            case "/round":
                self._redirect("/round")
            case "/large":
                self._answer(200, b"x" * 5000)
            case "/cut":
                self._answer(200, png(), length=10_000)
            case "/endless":
                self._endless()
            case "/text":
                self._answer(200, b"no photo at all")
            case _:
                self._answer(404, b"")

    def _answer(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x")
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Server:
    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.asked = Handler.asked

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def fetcher(self, *, max_bytes: int = 4000, timeout: float = 5.0) -> Fetcher:
        return Fetcher(frozenset([self.host]), max_bytes, timeout, is_loopback)


def is_loopback(address: Address) -> bool:
    return address.is_loopback


@pytest.fixture
def server() -> Iterator[Server]:
    Handler.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(httpd.server_port)
        httpd.shutdown()
        thread.join()


def test_a_photo_is_fetched_from_an_allowed_host(server: Server) -> None:
    assert server.fetcher().fetch(server.url("/a.png?size=2#top")) == png()
    assert server.fetcher().fetch(server.url("/b c.png")) == png()
    assert server.asked == ["/a.png?size=2", "/b%20c.png"]


def test_a_redirect_within_the_list_is_followed(server: Server) -> None:
    assert server.fetcher().fetch(server.url("/moved")) == png()
    assert server.asked == ["/moved", "/a.png"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/away", "the host other.example is not allowed: add it with --remote-host other.example"),
        ("/inside", "not an http or https URL"),
        ("/round", "more than 5 redirects"),
        ("/large", "more than 4,000 bytes"),
        ("/endless", "more than 4,000 bytes"),
        ("/cut", "broke off"),
        ("/gone", "answered 404"),
    ],
)
def test_an_answer_that_is_not_wanted_is_refused(server: Server, path: str, told: str) -> None:
    with pytest.raises(RemoteError, match=told):
        server.fetcher().fetch(server.url(path))


def test_a_server_that_drips_is_given_up(server: Server) -> None:
    fetcher = server.fetcher(max_bytes=10**12, timeout=0.2)
    with pytest.raises(RemoteError, match="took too long"):
        fetcher.fetch(server.url("/endless"))


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        fetcher = Fetcher(frozenset([host]), 4000, 0.2, is_loopback)
        with pytest.raises(RemoteError, match="timed out"):
            fetcher.fetch(f"http://{host}/a.png")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://other.example/a.png", "--remote-host other.example"),
        ("http://shop.example:8080/a.png", "--remote-host shop.example:8080"),
        ("http://shop.example.evil.example/a.png", "is not allowed"),
        ("http://shop.example@evil.example/a.png", "without user name"),
        ("gopher://shop.example/a.png", "not an http or https URL"),
        ("http:///a.png", "not an http or https URL"),
        ("http://shop.example:port/a.png", "not a valid URL"),
        ("http://[::1/a.png", "not a valid URL"),
    ],
)
def test_only_listed_hosts_are_asked(url: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _never)
    with pytest.raises(RemoteError, match=told):
        Fetcher.of(["Shop.example "], 4000).fetch(url)


def _never(*_: object, **__: object) -> None:
    raise AssertionError("no name may be looked up")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"])
def test_a_listed_host_with_an_inner_address_is_not_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", _never)
    with pytest.raises(RemoteError, match="which is not public"):
        Fetcher.of(["shop.example"], 4000).fetch("https://shop.example/a.png")


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("2001:0:a00:1::", False),
    ],
)
def test_which_addresses_are_public(text: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(text)) is public


def test_import_keeps_remote_photos_by_content_and_asks_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        remote.Fetcher,
        "of",
        lambda hosts, limit: Fetcher(frozenset(hosts), limit, 5, is_loopback),
    )
    manifest = tmp_path / "feed.tsv"
    rows = [f"{n}\t{server.url(path)}\tX" for n, path in enumerate(("/a.png", "/text", "/moved"))]
    rows.append("3\thttp://other.example/a.png\tX")
    manifest.write_text("\n".join(["id\timage_link\tproduct_type", *rows]))
    with Shop.create(tmp_path / "shop") as shop:
        report = import_manifest(shop, manifest, remote_hosts=[server.host])
        assert (report.added, [reject.row for reject in report.rejects]) == (2, [3, 5])
        assert "--remote-host other.example" in report.rejects[1].reason
        (photo,) = shop.catalogue.photos_of(1)
        kept = shop.photos / photo.content_hash[:2] / f"{photo.content_hash}.png"
        assert photo.path == kept
        assert kept.read_bytes() == png()
        assert sorted(server.asked) == ["/a.png", "/a.png", "/moved", "/text"]
        server.asked.clear()
        again = import_manifest(shop, manifest)
        assert (again.unchanged, server.asked) == (2, [])
        kept.unlink()
        import_manifest(shop, manifest, remote_hosts=[server.host])
        assert kept.read_bytes() == png()


def test_settings_allow_hosts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fetch(self: Fetcher, url: str) -> bytes:
        asked.extend(self.hosts)
        return png()

    monkeypatch.setattr(remote.Fetcher, "fetch", fetch)
    manifest = tmp_path / "feed.tsv"
    manifest.write_text("id\timage_link\tproduct_type\n1\thttps://a.example/a.png\tX\n")
    with Shop.create(tmp_path / "shop") as shop:
        shop.update_settings(remote_hosts=("a.example",))
        assert import_manifest(shop, manifest, remote_hosts=["b.example"]).added == 1
    assert sorted(asked) == ["a.example", "b.example"]
