"""A browser, and a small shop served for real.

Browser and servers last for one module: Playwright's loop must be gone before other tests start
loops of their own.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.chromium import launched, missing
from tests.browser.painted_shop import make_painted_shop
from tests.browser.servers import shop_served, storefront_served
from tests.indexer.tiny_network import offer_tiny

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": (1360, 900), "phone": (390, 844)}
PATIENCE = 20_000  # milliseconds after which something has gone wrong


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a trained `shop`, and `queries` to search it with."""
    if reason := missing():
        if os.environ.get("VSEARCH_BROWSER") == "required":
            pytest.fail(f"the tests in a browser must run here: {reason}")
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        offer_tiny(patch)
        folder = tmp_path_factory.mktemp("painted")
        make_painted_shop(folder)
        yield folder


@dataclass
class Storefront:
    """A page of another origin than the shop's: `pages` by path are type, policy and text."""

    url: str
    pages: dict[str, tuple[str, str, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def storefront() -> Iterator[Storefront]:
    with storefront_served() as (url, pages):
        yield Storefront(url, pages)


@pytest.fixture(scope="module")
def shop_url(painted: Path, storefront: Storefront) -> Iterator[str]:
    """The shop's page; scripts of the storefront may ask it."""
    with shop_served(painted / "shop", cors_origins=(storefront.url.rstrip("/"),)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(painted: Path) -> Iterator["Browser"]:
    with launched() as started:
        yield started


# Playwright is not told the bodies of requests that hold a file: the page keeps them.
KEEP_FORMS = """
    window.asked = [];
    const plain = window.fetch;
    window.fetch = (url, how) => {
        if (how?.body instanceof FormData) window.asked.push(how.body);
        return plain(url, how);
    };
"""

Visit = Callable[..., "Page"]


@pytest.fixture
def visit(browser: "Browser") -> Iterator[Visit]:
    """Open pages; at the end no script may have failed, nor the console tell of an error.

    `size` is a key of SIZES, `expected` a text that errors may have, and more goes to the browser.
    """
    told: list[str] = []
    contexts = []

    def open_page(url: str, size: str = "desktop", expected: str = "", **options: Any) -> "Page":
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=size == "phone", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)

        def note(text: str) -> None:
            if not expected or expected not in text:
                told.append(text)

        page.add_init_script(KEEP_FORMS)
        page.on("pageerror", lambda error: note(str(error)))
        page.on(
            "console",
            lambda line: note(line.text) if line.type in {"error", "warning"} else None,
        )
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []
