import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from vsearch.errors import WeightsError
from vsearch.weight_sources import fetch


class Errors(ModuleType):
    class EntryNotFoundError(Exception):
        pass

    class LocalEntryNotFoundError(FileNotFoundError, EntryNotFoundError):
        pass

    class HfHubHTTPError(OSError):
        pass

    class RepositoryNotFoundError(HfHubHTTPError):
        pass


class Hub(ModuleType):
    """Stands in for huggingface_hub: its errors, and one repository in a folder."""

    def __init__(self, folder: Path):
        super().__init__("huggingface_hub")
        self.folder, self.errors = folder, Errors("errors")
        self.asked: list[tuple[str, str, str | None]] = []
        self.failure: Exception | None = None

    def hf_hub_download(self, repository: str, file: str, *, revision: str | None) -> str:
        self.asked.append((repository, file, revision))
        if self.failure:
            raise self.failure
        path = self.folder / file
        if not path.exists():
            raise Errors.EntryNotFoundError(file)
        return str(path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    folder = tmp_path / "snapshots" / "0123abc"
    folder.mkdir(parents=True)
    hub = Hub(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return hub


def test_the_hub_is_asked_for_safetensors_first_and_for_the_config(hub: Hub) -> None:
    (hub.folder / "model.safetensors").write_bytes(b"x")
    file = fetch("resnet-50", "hub:timm/resnet50.a1_in1k")
    assert file.path == hub.folder / "model.safetensors"
    assert file.source == "huggingface.co/timm/resnet50.a1_in1k, revision 0123abc"
    assert [asked[1:] for asked in hub.asked] == [
        ("model.safetensors", None),
        ("config.json", None),
    ]


def test_the_hub_s_pickle_is_taken_where_there_is_nothing_else(hub: Hub) -> None:
    (hub.folder / "pytorch_model.bin").write_bytes(b"x")
    file = fetch("resnet-50", "hub:timm/resnet50.a1_in1k@main")
    assert file.path == hub.folder / "pytorch_model.bin"
    assert {asked[::2] for asked in hub.asked} == {("timm/resnet50.a1_in1k", "main")}


def test_a_repository_without_weights_is_refused(hub: Hub) -> None:
    with pytest.raises(WeightsError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        fetch("resnet-50", "hub:timm/resnet50.a1_in1k")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Errors.LocalEntryNotFoundError("no network"), r"could not be downloaded \(no network\)"),
        (Errors.HfHubHTTPError("503\nbusy"), r"could not be downloaded \(503\): download model"),
        (ValueError("bad id"), r"\(bad id\): download model\.safetensors on a machine that can"),
        (Errors.RepositoryNotFoundError("404"), "no public repository huggingface.co/timm/x"),
    ],
)
def test_a_hub_that_fails_says_what_to_do(hub: Hub, failure: Exception, expected: str) -> None:
    hub.failure = failure
    with pytest.raises(WeightsError, match=expected):
        fetch("resnet-50", "hub:timm/x")


def test_without_huggingface_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match="install the extra “hub”"):
        fetch("resnet-50", "hub:timm/x")


WEIGHTS = bytes(range(256)) * 9000  # more than one chunk
DIGITS = hashlib.sha256(WEIGHTS).hexdigest()[:8]


class Server:
    """A server of weights whose next answer a test can choose."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.content, self.announced, self.status = WEIGHTS, len(WEIGHTS), 200

    def handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                self.send_response(server.status)
                self.send_header("Content-Length", str(server.announced))
                self.end_headers()
                self.wfile.write(server.content)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), server.handler())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        "vsearch.weight_downloads.TORCHVISION", f"http://127.0.0.1:{http.server_port}/models"
    )
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


def cached(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "vsearch" / "weights").iterdir()]


def test_torchvisions_file_is_downloaded_once_and_then_taken_from_the_cache(
    server: Server, tmp_path: Path
) -> None:
    source = f"torchvision:net-{DIGITS}"
    reports: list[tuple[str, int, int]] = []
    file = fetch("resnet-18", source, lambda *report: reports.append(report))
    assert file.path.read_bytes() == WEIGHTS
    assert file.source.startswith("https://download.pytorch.org/models/net-")
    assert reports[0] == ("download", 0, len(WEIGHTS))
    assert reports[-1] == ("download", len(WEIGHTS), len(WEIGHTS))
    assert fetch("resnet-18", source).path == file.path
    assert server.requests == [f"/models/net-{DIGITS}.pth"]
    assert cached(tmp_path) == [f"net-{DIGITS}.pth"]


def test_a_damaged_file_in_the_cache_is_downloaded_again(server: Server) -> None:
    path = fetch("resnet-18", f"torchvision:net-{DIGITS}").path
    path.write_bytes(b"cut")
    assert fetch("resnet-18", f"torchvision:net-{DIGITS}").path.read_bytes() == WEIGHTS
    assert len(server.requests) == 2


def cut(server: Server) -> None:
    server.content = WEIGHTS[:-1]


def changed(server: Server) -> None:
    server.content = bytes(len(WEIGHTS))


def missing(server: Server) -> None:
    server.status = 404


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (cut, "damaged.*try again|could not be downloaded"),
        (changed, "is damaged: its sha256 does not begin .* try again"),
        (missing, "answers 404: check the name"),
    ],
)
def test_a_download_that_fails_leaves_nothing_behind(
    server: Server, tmp_path: Path, spoil: Callable[[Server], None], expected: str
) -> None:
    spoil(server)
    with pytest.raises(WeightsError, match=expected):
        fetch("resnet-18", f"torchvision:net-{DIGITS}")
    assert cached(tmp_path) == []


def test_a_server_that_cannot_be_reached_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("vsearch.weight_downloads.TORCHVISION", "http://127.0.0.1:9/models")
    with pytest.raises(WeightsError, match=r"download net-\w+\.pth on a machine that can, and"):
        fetch("resnet-18", f"torchvision:net-{DIGITS}")


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vsearch").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"could not be downloaded \(.*vsearch"):
        fetch("resnet-18", f"torchvision:net-{DIGITS}")
