"""The storefront's script that the README shows, run as it stands there."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Storefront, Visit
from tests.browser.painted_shop import HOSTILE_TITLE

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

README = (Path(__file__).parents[2] / "README.md").read_text()
ADDRESS = "https://search.shop.example"


@pytest.fixture
def page(storefront: Storefront, shop_url: str, visit: Visit) -> "Page":
    """The snippet on a page of another origin."""
    (snippet,) = re.findall(r"```html\n(.*?)```", README, re.DOTALL)
    assert len(snippet.splitlines()) <= 50
    assert snippet.count(ADDRESS) == 1
    text = snippet.replace(ADDRESS, shop_url.rstrip("/"))
    head = "<!doctype html><html lang=en><meta charset=utf-8><title>Shop</title>"
    storefront.pages["/snippet"] = ("text/html", "", head + text)
    opened = visit(f"{storefront.url}snippet", expected="415")  # the console tells of refusals
    opened.locator("#category option").nth(4).wait_for(state="attached")
    return opened


def test_the_snippet_finds_and_filters(page: "Page", painted: Path) -> None:
    page.locator("#photo").set_input_files(painted / "queries" / "box-red.png")
    page.locator("#hits li").nth(11).wait_for()
    assert page.locator("#told").inner_text().startswith(("Looks like", "We sell nothing"))
    picture = page.locator("#hits img").first
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    page.locator("#category").select_option(label="– Stripes (9)")
    found = page.locator("#hits li", has_text="Stripes")
    found.nth(8).wait_for()
    assert found.count() == page.locator("#hits li").count() == 9


def test_the_snippet_shows_texts_as_texts_and_problems_as_sentences(
    page: "Page", painted: Path
) -> None:
    page.locator("#category").select_option(index=1)
    page.locator("#photo").set_input_files(painted / "queries" / "box-red.png")
    page.locator("#hits li", has_text=HOSTILE_TITLE).wait_for()
    assert page.evaluate("window.broken") is None
    text = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    page.locator("#photo").set_input_files(text)  # type: ignore[arg-type]
    page.locator("#told", has_text="no picture that we know").wait_for()
    assert page.locator("#hits li").count() == 0
