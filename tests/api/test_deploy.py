"""The examples of a service and of proxies: that what reads them understands them."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.settings import ServerSettings
from api.settings_sources import find_settings

DEPLOY = Path(__file__).parents[2] / "api/deploy"
UNIT = DEPLOY / "vsearch.service"


def test_the_settings_are_ones_that_there_are() -> None:
    settings = find_settings(Path("shop"), {}, DEPLOY / "server.toml").settings
    assert not settings.local
    assert settings.opens_search
    assert not settings.opens_metrics
    assert settings.rate_by_address == 5


def test_the_service_waits_for_the_end_that_the_settings_ask_for() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read(UNIT)
    settings = find_settings(Path("shop"), {}, DEPLOY / "server.toml").settings
    wait = settings.drain_seconds + settings.shutdown_seconds
    assert float(unit["Service"]["TimeoutStopSec"]) > wait
    assert unit["Service"]["ExecStart"].endswith("vsearch serve /srv/shop")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_understands_the_service(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert "/opt/vsearch/.venv/bin/vsearch" in text
    copy = tmp_path / UNIT.name  # with a program that there is
    copy.write_text(text.replace("/opt/vsearch/.venv/bin/vsearch", sys.executable))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert UNIT.name not in ran.stderr, ran.stderr


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_blocks_and_statements_of_the_proxies_end(name: str) -> None:
    lines = [line.partition("#")[0].rstrip() for line in (DEPLOY / name).read_text().splitlines()]
    depth = 0
    for line in filter(None, lines):
        depth += line.count("{") - line.count("}")
        assert depth >= 0
        if name == "nginx.conf":
            assert line[-1] in "{};", line
    assert depth == 0


def test_a_proxy_lets_through_what_the_server_takes() -> None:
    """Four photos of the default size, as JSON, and the form around them."""
    from vsearch.images import MAX_BYTES  # noqa: PLC0415  only this test needs it

    for name, pattern in (
        ("nginx.conf", r"client_max_body_size (\d+)m"),
        ("Caddyfile", r"(\d+)MB"),
    ):
        found = re.search(pattern, (DEPLOY / name).read_text())
        assert found is not None
        assert int(found.group(1)) * 10**6 >= 4 * MAX_BYTES
    assert ServerSettings(shop=Path("shop")).max_batch_bytes is None
