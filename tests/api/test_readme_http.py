"""What the README shows of the HTTP API is run against a server."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Manifests
from tests.api.key_holder import make_key
from tests.browser.servers import shop_served

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture
def served(trained: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server's address, and its shop, a copy of the trained one."""
    shutil.copytree(trained / "shop", tmp_path / "shop")
    with shop_served(tmp_path / "shop") as url:
        yield url.rstrip("/"), tmp_path / "shop"


def test_the_client_runs(
    served: tuple[str, Path], manifests: Manifests, capsys: pytest.CaptureFixture[str]
) -> None:
    url, shop = served
    (program,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    for shown, real in (
        ("http://127.0.0.1:8000", url),
        ("vsk_…", make_key(shop, "write")),
        ("photo.jpg", str(manifests.folder / "images/test/red-box.png")),
        ("a1.jpg", str(manifests.folder / "images/test/red-box.png")),
        ("price < 50", "colour = 'red'"),
        ("brand", "colour"),
    ):
        assert f'"{shown}"' in program
        program = program.replace(f'"{shown}"', repr(real))
    known: dict[str, Any] = {"__name__": "__main__"}
    exec(f"{program}    added = shop.item('A1')\n", known)
    assert re.search(r"\('red-\w+', -?[01]\.\d+\)", capsys.readouterr().out)
    assert known["added"].title == "A hat"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_line_with_curl_runs(served: tuple[str, Path], manifests: Manifests) -> None:
    url, _ = served
    (line,) = re.findall(r"^curl .*$", README, re.MULTILINE)
    for shown, real in (
        ("http://127.0.0.1:8000", url),
        ("photo.jpg", str(manifests.folder / "images/test/red-box.png")),
        ("Home > Mugs", "Shapes > box"),
    ):
        assert shown in line
        line = line.replace(shown, real)
    told = subprocess.run(line, shell=True, check=True, capture_output=True, timeout=60).stdout
    hits = json.loads(told)["hits"]
    assert {hit["category"] for hit in hits} == {"Shapes > box"}
