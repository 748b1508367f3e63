"""The page, as shoppers use it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SIZES, Visit
from tests.browser.painted_shop import (
    HOSTILE,
    HOSTILE_CATEGORY,
    HOSTILE_TITLE,
    HOSTILE_VALUE,
    ITEMS,
    noise,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser


def upload(page: "Page", photo: Path) -> None:
    page.locator("#file").set_input_files(photo)
    page.wait_for_selector("#seen .chip, #seen .note")
    settled(page)


def settled(page: "Page") -> None:
    page.wait_for_selector("#grid[aria-busy=false] .card:not(.waits), #grid .empty")


def crop(page: "Page", left: float, top: float, right: float, bottom: float) -> None:
    """Draw a rectangle, in fractions of the photo."""
    box = page.locator(".crop-photo").bounding_box()
    assert box is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(left, top))
    page.mouse.down()
    page.mouse.move(*at((left + right) / 2, bottom), steps=3)
    page.mouse.move(*at(right, bottom), steps=3)
    page.mouse.up()


def sent(page: "Page", name: str) -> str | None:
    """Return a field of the form that the page sent last."""
    field: str | None = page.evaluate("name => window.asked.at(-1).get(name)", name)
    return field


def shows(page: "Page", selector: str, text: str) -> None:
    """Wait until something says something."""
    page.locator(selector).get_by_text(text, exact=True).or_(
        page.locator(selector).and_(page.get_by_text(text, exact=True))
    ).first.wait_for()


def counted(page: "Page", items: str) -> None:
    """Wait until so many items are told of, and shown."""
    shows(page, "#count", items)
    settled(page)


def titles(page: "Page") -> list[str]:
    return page.locator("#grid .card h3").all_inner_texts()


def prices(page: "Page") -> list[float]:
    return [float(text) for text in page.locator("#grid .price").all_inner_texts()]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_from_a_photo_to_why(visit: Visit, shop_url: str, painted: Path, size: str) -> None:
    page = visit(shop_url, size)
    settled(page)
    assert page.locator("#shop-name").inner_text() == "Painted & framed"
    assert page.locator("#count").inner_text() == f"{ITEMS} items"

    upload(page, painted / "queries" / "stripes-blue.png")
    assert page.locator("#seen .best").inner_text().split("\n")[0]
    assert page.locator("#grid .card").count() == 24
    assert page.locator("#grid .score").count() == 24

    page.locator(".chip").filter(has_text="Stripes").click()
    page.wait_for_selector("#chosen button")
    counted(page, "9 items")
    assert page.locator("#grid .card").count() == 9
    assert "category=Shapes" in page.url
    assert all("stripes" in title for title in titles(page))
    assert page.locator('.chip[aria-pressed="true"]').count() == 1

    with page.expect_request("**/v1/search"):
        crop(page, 0.2, 0.2, 0.9, 0.8)
    left, top, width, height = map(float, (sent(page, "crop") or "").split(","))
    assert (left, top) == pytest.approx((0.2, 0.2), abs=0.03)
    assert (width, height) == pytest.approx((0.7, 0.6), abs=0.03)
    settled(page)

    page.get_by_role("button", name=re.compile("^Why ")).first.click()
    marked = page.locator("#why figure img")
    marked.first.wait_for()
    assert marked.count() == 3
    assert all(picture.evaluate("image => image.naturalWidth") > 0 for picture in marked.all())
    page.keyboard.press("Escape")
    assert page.locator("#why").is_hidden()

    page.get_by_role("button", name=re.compile("^Similar to ")).nth(1).click()
    page.wait_for_url(re.compile(r"item=stripes-"))
    page.wait_for_selector("#seen .facts")
    assert page.locator("#query img").count() == 1

    page.go_back()  # the photo comes back with its crop
    page.wait_for_selector("#seen .chip b")
    assert page.get_by_role("button", name="Use the whole photo").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_filters_narrow_at_once_and_can_be_shared(visit: Visit, shop_url: str) -> None:
    page = visit(shop_url)
    settled(page)
    page.get_by_role("button", name="Categories of Shapes").click()
    page.get_by_role("button", name=re.compile("^Box")).click()
    counted(page, "9 items")
    red = page.get_by_role("checkbox", name=re.compile("^red"))
    red.press("Space")  # by the keyboard, which keeps its place
    counted(page, "3 items")
    assert red.evaluate("box => box === document.activeElement && box.checked")
    page.get_by_label("Price, at most").fill("9")
    page.get_by_label("Price, at most").press("Enter")
    counted(page, "2 items")

    friend = visit(page.url)
    settled(friend)
    assert friend.locator("#count").inner_text() == "2 items"
    assert titles(friend) == titles(page)
    friend.get_by_role("button", name="Remove Colour: red").click()
    friend.get_by_role("button", name="Clear all").click()
    counted(friend, f"{ITEMS} items")

    page.get_by_label("Price, at least").fill("8.5")
    page.get_by_label("Price, at least").press("Enter")
    page.wait_for_selector(".empty")
    page.get_by_role("button", name="Clear words and filters").click()
    counted(page, f"{ITEMS} items")


def test_hits_are_sorted_beyond_their_page(visit: Visit, shop_url: str, painted: Path) -> None:
    page = visit(shop_url)
    upload(page, painted / "queries" / "box-red.png")
    page.locator("#sort").select_option("price")
    counted(page, f"The {ITEMS} most similar")
    first = prices(page)
    page.get_by_role("button", name="Next").click()
    shows(page, "#pages span", "Page 2 of 2")
    settled(page)
    everything = first + prices(page)
    assert everything == sorted(everything)
    assert len(everything) == ITEMS
    page.locator("#sort").select_option("")
    page.get_by_label("One of each product").check()
    page.locator("#grid .variants").first.wait_for()
    page.locator("#home").click()
    page.wait_for_selector("#hero:not([hidden])")
    assert page.get_by_label("One of each product").is_hidden()


def test_what_the_shop_does_not_sell_and_what_it_has_already(
    visit: Visit, shop_url: str, painted: Path, tmp_path: Path
) -> None:
    page = visit(shop_url)
    with page.expect_response("**/v1/search") as answered:
        upload(page, painted / "catalogue" / "box-green-0.png")
    note = page.locator("#seen .note")
    assert "This very photo is in the catalogue: Green box, version 0" in note.inner_text()
    note.get_by_role("button").click()
    page.wait_for_url(re.compile("item=box-green-0"))
    page.wait_for_selector("#seen .facts")
    # The small network turns nothing away: another's answer is put in its place.
    foreign = answered.value.json() | {"unknown": True, "unknown_score": 0.9, "same_photo": None}
    page.route("**/v1/search", lambda route: route.fulfill(json=foreign))
    upload(page, noise(tmp_path / "noise.png"))
    assert page.locator("#seen .best").inner_text() == "Nothing that this shop sells"
    assert "the shop does not sell" in page.locator("#seen .note.warn").inner_text()


def test_the_crop_by_keys_and_a_photo_that_overtakes_another(
    visit: Visit, shop_url: str, painted: Path
) -> None:
    page = visit(shop_url)
    upload(page, painted / "queries" / "box-red.png")
    frame = page.locator(".crop-box")
    with page.expect_request("**/v1/search"):
        for _ in range(5):
            frame.press("Shift+ArrowLeft")
    assert sent(page, "crop") == "0.0000,0.0000,0.9000,1.0000"
    with page.expect_request("**/v1/search"):
        frame.press("Escape")
    assert sent(page, "crop") is None
    settled(page)

    held: list[Route] = []

    def hold(route: "Route") -> None:  # a list's own method is not taken
        held.append(route)

    page.route("**/v1/search", hold, times=1)
    page.locator("#file").set_input_files(painted / "queries" / "box-green.png")
    page.wait_for_selector("#seen .bone")
    upload(page, painted / "queries" / "frame-blue.png")
    shown = titles(page)
    assert len(held) == 1
    assert held[0].request.failure is not None  # given up by the page, not answered late
    assert shown[0].startswith("Blue frame")


def test_errors_are_told_in_words(visit: Visit, shop_url: str, painted: Path) -> None:
    page = visit(shop_url, expected="Failed to load resource")
    settled(page)
    page.route("**/v1/search", lambda route: route.abort())
    page.locator("#file").set_input_files(painted / "queries" / "box-red.png")
    page.wait_for_selector(".note.bad")
    assert "The server cannot be reached." in page.locator(".note.bad").inner_text()
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#seen .chip")
    page.locator("#file").set_input_files(painted / "catalogue.csv")
    page.wait_for_selector(".note.bad")
    assert "expected JPEG, PNG" in page.locator(".note.bad").inner_text()


def test_the_camera(visit: Visit, shop_url: str) -> None:
    page = visit(shop_url)
    page.get_by_role("button", name="Take a photo").click()
    page.get_by_role("button", name="Take the photo").click()
    page.wait_for_selector("#seen .chip, #seen .note")
    assert page.locator("#shoot").is_hidden()
    width, height = page.locator("#cropper img").evaluate("i => [i.naturalWidth, i.naturalHeight]")
    assert width > height > 100


def test_photos_are_sent_upright_and_small(visit: Visit, shop_url: str, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415

    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: the upright photo is higher than wide
    Image.new("RGB", (2600, 1300), "teal").save(tmp_path / "large.jpg", exif=exif)
    page = visit(shop_url)
    with page.expect_request("**/v1/search"):
        page.locator("#file").set_input_files(tmp_path / "large.jpg")
    photo = "window.asked.at(-1).get('photo')"
    assert page.evaluate(f"{photo}.type") == "image/jpeg"
    assert page.evaluate(
        f"createImageBitmap({photo}).then(image => [image.width, image.height])"
    ) == [640, 1280]
    settled(page)


@pytest.mark.parametrize("way", ["listing", "item", "photo"])
def test_what_a_catalogue_says_is_only_text(
    visit: Visit, shop_url: str, painted: Path, way: str
) -> None:
    page = visit(shop_url)
    settled(page)
    if way == "photo":
        upload(page, painted / "catalogue" / "hostile.png")
        page.get_by_role("button", name=f"Why {HOSTILE_TITLE}").click()
        page.wait_for_selector("#why figure img")
        assert page.locator("#why-title").inner_text() == f"Why {HOSTILE_TITLE}"
        page.keyboard.press("Escape")
    else:
        page.locator("#tree").get_by_role("button", name=HOSTILE_CATEGORY).click()
        counted(page, "1 item")
        assert page.get_by_text(HOSTILE_VALUE, exact=True).count() <= 1
    if way == "item":
        page.get_by_role("button", name=f"Similar to {HOSTILE_TITLE}").click()
        page.wait_for_selector("#seen .facts")
        assert page.locator("#seen .facts").inner_text().count(HOSTILE_VALUE) == 1
        assert HOSTILE in page.evaluate("new URL(location.href).searchParams.get('item')")
    assert page.get_by_text(HOSTILE_TITLE).count() >= 1
    assert page.evaluate("window.broken") is None
    assert page.locator("main img[src='x'], main script, main svg[onload]").count() == 0
