"""The widget on a storefront of another origin, whose policy allows little."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SIZES, Storefront, Visit
from tests.browser.painted_shop import HOSTILE_TITLE

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Storefront</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="events.js" defer></script></head>
<body><main><h1>Our things</h1><p id="events"></p>
<script src="{shop}static/widget.js" {options}></script></main></body></html>"""
EVENTS = """
for (const kind of ["open", "results", "select", "error", "close"]) {
    document.addEventListener(`vsearch-${kind}`, (event) => {
        document.getElementById("events").textContent += ` ${kind}`;
        if (kind === "select") event.preventDefault();
    });
}
"""


@pytest.fixture
def place(storefront: Storefront, shop_url: str, visit: Visit) -> "Place":
    return Place(storefront, shop_url, visit)


class Place:
    """Puts the widget on a page of the storefront."""

    def __init__(self, storefront: Storefront, shop_url: str, visit: Visit) -> None:
        self.storefront, self.shop, self.visit = storefront, shop_url, visit

    def __call__(self, options: str = "", **how: str) -> "Page":
        policy = (
            f"default-src 'none'; script-src 'self' {self.shop}; connect-src {self.shop}; "
            f"img-src {self.shop}"
        )
        text = PAGE.format(shop=self.shop, options=options)
        self.storefront.pages["/"] = ("text/html", policy, text)
        self.storefront.pages["/events.js"] = ("text/javascript", "", EVENTS)
        return self.visit(self.storefront.url, **how)


def search(page: "Page", photo: Path) -> None:
    page.locator("input[type=file]").set_input_files(photo)
    page.locator("ul[aria-busy=false] .item").first.wait_for()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_foreign_page_finds_by_photo(place: Place, painted: Path, size: str) -> None:
    page = place('data-item-url="/p/{item_id}?c={colour}" data-label="Find it"', size=size)
    button = page.get_by_role("button", name="Find it")
    button.press("Enter")
    panel = page.get_by_role("dialog", name="Search by photo")
    assert panel.get_by_role("button", name="Choose a photo").evaluate("b => b.matches(':focus')")
    search(page, painted / "queries" / "half-green.png")
    first = page.locator(".item").first
    assert first.get_attribute("href") == f"{place.storefront.url}p/half-green-0?c=green"
    page.wait_for_load_state("networkidle")
    assert page.locator(".item img").first.evaluate("image => image.naturalWidth") > 0
    assert page.locator(".item").count() == 12
    page.get_by_role("button", name="Show more").click()
    page.locator(".item").nth(23).wait_for()
    first.click()  # the page has its own way with what is chosen
    page.keyboard.press("Escape")
    assert panel.is_hidden()
    assert button.evaluate("b => b.matches(':focus')")
    assert page.locator("#events").inner_text().split() == [
        *("open", "results", "results", "select", "close")
    ]
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_attributes_narrow_and_theme(place: Place, painted: Path) -> None:
    page = place(
        'data-category="Shapes > Box | Half" data-where="price < 40" data-group data-top-k="5" '
        'data-title="In the box" data-theme="dark" data-target="h1"'
    )
    assert page.locator("h1 .vsearch").count() == 1
    page.evaluate("document.body.style.setProperty('--vsearch-accent', 'rgb(1, 2, 3)')")
    button = page.get_by_role("button", name="Search by photo")
    assert button.evaluate("b => getComputedStyle(b).backgroundColor") == "rgb(1, 2, 3)"
    button.click()
    page.get_by_role("dialog", name="In the box").wait_for()
    search(page, painted / "queries" / "box-red.png")
    names = page.locator(".item .name").all_inner_texts()
    assert len(names) == len({name.partition(",")[0] for name in names}) <= 5
    assert all(re.search("box|half", name) for name in names)
    # Only what lies within is offered, and chosen with a press; another takes it back.
    page.locator(".chips button").filter(has_text="Box").click()
    page.locator(".chips button[aria-pressed=true]").wait_for()
    page.locator("ul[aria-busy=false]").wait_for()
    assert all("box" in name for name in page.locator(".item .name").all_inner_texts())
    assert page.locator(".chips").get_by_text("Stripes").count() == 0


def test_what_a_catalogue_says_is_only_text_here_too(place: Place, painted: Path) -> None:
    page = place()
    page.get_by_role("button", name="Search by photo").click()
    search(page, painted / "catalogue" / "hostile.png")
    shown = page.locator(".item").filter(has_text=HOSTILE_TITLE)
    assert shown.count() == 1
    assert shown.evaluate("element => element.tagName") == "BUTTON"  # nobody said where it is
    assert page.evaluate("window.broken") is None


def test_a_search_that_is_overtaken_is_given_up_and_errors_are_told(
    place: Place, painted: Path
) -> None:
    page = place(expected="Failed to load resource")
    page.get_by_role("button", name="Search by photo").click()
    held: list[Route] = []

    def hold(route: "Route") -> None:  # a list's own method is not taken
        held.append(route)

    page.route("**/v1/search", hold, times=1)
    page.locator("input[type=file]").set_input_files(painted / "queries" / "box-green.png")
    page.get_by_text("Looking …").wait_for()
    search(page, painted / "queries" / "frame-blue.png")
    assert "frame" in page.locator(".item .name").first.inner_text()
    page.route("**/v1/search", lambda route: route.abort())
    page.locator("input[type=file]").set_input_files(painted / "queries" / "box-green.png")
    page.get_by_role("alert").get_by_text("The server cannot be reached.").wait_for()
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Try again").click()
    page.locator(".item").first.wait_for()


def test_a_widget_that_cannot_be_loaded_says_so(place: Place) -> None:
    page = place(expected="Failed to load module script")
    page.route("**/widget-panel.js", lambda route: route.fulfill(status=204))
    page.get_by_role("button", name="Search by photo").click()
    page.get_by_text("Search by photo cannot be loaded at the moment.").wait_for()
    assert "error" in page.locator("#events").inner_text()


def test_the_sample_storefront(visit: Visit, shop_url: str, painted: Path) -> None:
    page = visit(f"{shop_url}static/storefront.html")
    page.locator(".shelf img").nth(3).wait_for()
    page.get_by_role("button", name="Search by photo").click()
    page.locator(".vsearch input[type=file]").first.set_input_files(
        painted / "queries" / "box-red.png"
    )
    page.locator(".item").first.click()
    page.wait_for_url(re.compile(r"\?item=box-red-"))
    page.wait_for_selector("#seen .facts")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_part_of_the_photo_is_searched_with(place: Place, painted: Path, size: str) -> None:
    page = place(size=size)
    page.get_by_role("button", name="Search by photo").click()
    search(page, painted / "queries" / "box-red.png")
    assert sent(page) is None
    frame = page.get_by_role("group", name=re.compile("The part of the photo"))
    box = frame.bounding_box()
    assert box is not None
    mouse = page.mouse
    mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"])
    with page.expect_response("**/v1/search"):
        mouse.up()
    page.locator("ul[aria-busy=false] .item").first.wait_for()
    left, top, width, height = map(float, (sent(page) or "").split(","))
    assert (left, top, width, height) == pytest.approx((0.25, 0.25, 0.5, 0.75), abs=0.03)
    # Escape takes the whole photo, and leaves the panel open; once more, it closes it.
    frame.focus()
    with page.expect_response("**/v1/search"):
        frame.press("Escape")
    assert sent(page) is None
    assert page.get_by_role("dialog").is_visible()
    frame.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def sent(page: "Page") -> str | None:
    """Return the crop of the last search."""
    told: str | None = page.evaluate("window.asked.at(-1).get('crop')")
    return told


@pytest.mark.parametrize(
    ("options", "label", "choose", "told"),
    [
        ('lang="de-AT"', "Mit Foto suchen", "Foto wählen", "37 Artikel, die ähnlichsten zuerst"),
        ('data-lang="fr"', "Chercher par photo", "Choisir une photo", "37 articles, les plus"),
        ('lang="fi"', "Search by photo", "Choose a photo", "37 items, the most similar first"),
        (
            'data-lang="de" data-label="Finden" data-text-choose="Bild her" '
            'data-text-found="{count} Sachen"',
            *("Finden", "Bild her", "37 Sachen"),
        ),
    ],
)
def test_the_widget_speaks_the_language_around_it(
    place: Place, painted: Path, options: str, label: str, choose: str, told: str
) -> None:
    page = place(options, expected="Failed to load resource")
    page.get_by_role("button", name=label).click()
    page.get_by_role("button", name=choose).wait_for()
    search(page, painted / "queries" / "box-red.png")
    assert told in page.locator(".told").inner_text()
    language = page.locator(".vsearch").get_attribute("lang")
    assert language == {"M": "de", "C": "fr", "S": "en", "F": "de"}[label[0]]
    # What goes wrong is told in it, too.
    page.route("**/v1/search", lambda route: route.abort())
    page.locator("input[type=file]").set_input_files(painted / "queries" / "box-green.png")
    page.get_by_role("alert").get_by_text(UNREACHABLE[str(language)]).wait_for()


UNREACHABLE = {
    "en": "The server cannot be reached.",
    "de": "Der Server ist nicht erreichbar.",
    "fr": "Le serveur est injoignable.",
}
