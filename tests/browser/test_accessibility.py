"""WCAG 2.2 AA and good practice, as far as axe can tell, in every state of the page."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import SIZES, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


STILL: Any = {"reduced_motion": "reduce"}  # colours that fade in cannot be judged
CONTRAST: Any = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}


def check(page: "Page") -> None:
    """Check a page as it is, and that its dark colours can be read as well."""
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, options=CONTRAST) == []
    page.emulate_media(color_scheme="light")


def violations(page: "Page", **asked: Any) -> list[tuple[str, list[str]]]:
    """Return what axe finds: the rule, and where it is broken."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    found = Axe().run(page, **asked).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def start(page: "Page", photo: Path) -> None:
    page.wait_for_selector(".card h3")


def found(page: "Page", photo: Path) -> None:
    page.locator("#file").set_input_files(photo)
    page.wait_for_selector("#seen .chip")
    page.locator(".chip").first.click()
    page.wait_for_selector("#chosen button")
    page.wait_for_selector("#grid[aria-busy=false]")


def why(page: "Page", photo: Path) -> None:
    found(page, photo)
    page.get_by_role("button", name="Why").first.click()
    page.wait_for_selector("#why figure img")


def similar(page: "Page", photo: Path) -> None:
    start(page, photo)
    page.get_by_role("button", name="Similar to").first.click()
    page.wait_for_selector("#seen .facts")


def nothing(page: "Page", photo: Path) -> None:
    page.goto(f"{page.url}?f.price=0.1~0.2")
    page.wait_for_selector(".empty")


def drawer(page: "Page", photo: Path) -> None:
    start(page, photo)
    page.get_by_role("button", name="Filters").click()
    assert page.get_by_role("button", name="Close the filters").evaluate("b => b.matches(':focus')")


STATES = [start, found, why, similar, nothing]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_page(
    visit: Visit, shop_url: str, painted: Path, state: Callable[["Page", Path], None]
) -> None:
    page = visit(shop_url, **STILL)
    state(page, painted / "queries" / "box-red.png")
    check(page)


@pytest.mark.parametrize("state", [found, drawer], ids=lambda state: state.__name__)
def test_the_page_on_a_phone(
    visit: Visit, shop_url: str, painted: Path, state: Callable[["Page", Path], None]
) -> None:
    page = visit(shop_url, "phone", **STILL)
    state(page, painted / "queries" / "box-red.png")
    check(page)
    if state is drawer:
        page.keyboard.press("Escape")
        assert page.get_by_role("button", name="Filters").evaluate("b => b.matches(':focus')")


@pytest.mark.parametrize("size", SIZES)
def test_the_widget(visit: Visit, shop_url: str, painted: Path, size: str) -> None:
    page = visit(f"{shop_url}static/storefront.html", size, **STILL)
    page.locator(".shelf img").nth(3).wait_for()
    check(page)
    page.get_by_role("button", name="Search by photo").click()
    page.locator(".vsearch input[type=file]").first.set_input_files(
        painted / "queries" / "box-red.png"
    )
    page.locator(".item").first.wait_for()
    check(page)
    page.locator(".crop-box").press("Shift+ArrowLeft")
    page.get_by_role("button", name="Use the whole photo").wait_for()
    check(page)


def test_nothing_moves_when_answers_come(visit: Visit, shop_url: str, painted: Path) -> None:
    page = visit(shop_url)
    page.evaluate("""
        window.shifted = 0;
        new PerformanceObserver((list) => {
            const unasked = list.getEntries().filter((one) => !one.hadRecentInput);
            for (const one of unasked) window.shifted += one.value;
        }).observe({ type: "layout-shift", buffered: true });
    """)
    start(page, painted)
    page.wait_for_load_state("networkidle")
    page.locator("#file").set_input_files(painted / "queries" / "box-red.png")
    page.wait_for_selector("#seen .chip")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifted") < 0.1  # what web.dev calls good
