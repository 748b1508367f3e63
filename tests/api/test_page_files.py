"""The page's files as the server gives them; how they behave in a browser is tested elsewhere."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.routes.page import FILES
from tests.api.conftest import Serve

MODULES = sorted(path.name for path in FILES.glob("*.js"))


def test_the_page_loads_only_what_the_server_has(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    names = re.findall(r'(?:src|href)="(static/[^"#]+)', page.text)
    assert len(names) > 4
    for name in names:
        assert client.get(f"/{name}").status_code == 200, name


@pytest.mark.parametrize("name", MODULES)
def test_modules_name_modules_that_there_are(name: str) -> None:
    text = (FILES / name).read_text()
    for imported in re.findall(r'from "\./([^"]+)"', text):
        assert (FILES / imported).is_file(), imported


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_nothing_is_written_that_could_run_or_lead_outside(path: Path) -> None:
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", text)
    addresses = set(re.findall(r"https?://[^\s\"'`)>]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_files_are_asked_about_and_not_sent_again(client: TestClient) -> None:
    first = client.get("/static/main.js")
    assert first.headers["cache-control"] == "no-cache"
    assert "javascript" in first.headers["content-type"]
    again = client.get("/static/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def _loaded(name: str, found: set[str]) -> set[str]:
    """Return the files that a file loads with itself, and those in turn."""
    if name not in found:
        found.add(name)
        text = (FILES / name).read_text()
        named = r'from "\./([^"]+)"|(?:src|href)="static/([^"#]+)|"(icons\.svg)"'
        for parts in re.findall(named, text):
            _loaded(next(filter(None, parts)), found)
    return found


@pytest.mark.parametrize("page", ["index.html", "staff.html"])
def test_the_first_paint_is_light(page: str) -> None:
    loaded = _loaded(page, set())
    assert {"tokens.css", "icons.svg", "api.js"} < loaded
    assert sum((FILES / name).stat().st_size for name in loaded) < 100_000


def test_the_shop_and_its_limits(client: TestClient, serve: Serve) -> None:
    told = client.get("/v1/shop").json()
    assert told["name"]
    assert told["model"]
    assert told["max_photo_bytes"] > 1_000_000


def test_the_widget_says_the_same_in_every_language() -> None:
    """Whatever is said in one language is said in the others, but for what the server says."""
    texts = (FILES / "widget-texts.js").read_text()
    crop = (FILES / "crop.js").read_text().partition("CROP_TEXTS = {")[2].partition("\n};")[0]
    languages = re.findall(r"^  (\w\w): \{\n(.*?)^  \},", texts, re.M | re.S)
    names = {lang: set(re.findall(r"^    (\w+):", said, re.M)) for lang, said in languages}
    english = names.pop("en") | set(re.findall(r"^  (\w+):", crop, re.M))
    servers = {"unreachable", "busy", "large", "unusable", "failed"}
    assert len(english) > 15
    assert names == dict.fromkeys(("de", "fr"), english | servers)
    words = (FILES / "widget.js").read_text()
    assert set(re.findall(r"^    (\w\w): \[", words, re.M)) == {"en", "de", "fr"}
