"""Pictures of the page and the widget, made from the demo's shop.

    python -m tests.browser.screenshots OUT [--demo demo-shop] [--only page,widget]

`make screenshots` makes the demo first. The pictures of the README, which show drawn products only:
`python -m tests.browser.screenshots tests/browser/pictures --only page,widget`.
"""

import argparse
import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from api.keys import Scope, new_key
from api.keys_file import KeysFile
from tests.browser.chromium import launched, missing
from tests.browser.servers import shop_served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUALITY = 84  # of WebP: letters stay sharp, and a picture below 250 kB
SCALE = 1.5  # pixels of a picture for one of the page


@dataclass(frozen=True)
class Shot:
    """A picture.

    Attributes:
        go: leads a page from the start to what is shown; gets the query photo too.
        size: of the window.
        path: where the page starts.
    """

    go: Callable[["Page", Path], None]
    size: tuple[int, int] = (1360, 900)
    scheme: Literal["light", "dark"] = "light"
    path: str = ""


def start(page: "Page", photo: Path) -> None:
    """The shop as it is listed."""
    page.wait_for_selector(".card h3")


def found(page: "Page", photo: Path) -> None:
    """What a photo shows, and what looks like it."""
    page.locator("#file").set_input_files(photo)
    page.wait_for_selector("#seen .chip")
    page.wait_for_selector("#grid[aria-busy=false] .score")


def why(page: "Page", photo: Path) -> None:
    """The places that make a photo and an item alike."""
    found(page, photo)
    page.get_by_role("button", name="Why").first.click()
    page.wait_for_selector("#why figure img")


def similar(page: "Page", photo: Path) -> None:
    """The items that look like an item."""
    found(page, photo)
    page.get_by_role("button", name="Similar to").nth(1).click()
    page.wait_for_selector("#seen .facts")
    page.wait_for_selector("#grid[aria-busy=false] .score")


def filters(page: "Page", photo: Path) -> None:
    """The drawer of a narrow screen."""
    start(page, photo)
    page.get_by_role("button", name="Filters").click()


def widget(page: "Page", photo: Path) -> None:
    """The widget's panel on a storefront."""
    page.locator(".shelf img").first.wait_for()
    page.get_by_role("button", name="Search by photo").click()
    page.locator(".vsearch input[type=file]").first.set_input_files(photo)
    page.locator(".item").first.wait_for()


def staff(page: "Page", photo: Path) -> None:
    """What the staff sees; the key is put where the page keeps it."""
    page.wait_for_selector("#models-table td")
    page.wait_for_load_state("networkidle")


PHONE = (390, 844)
STOREFRONT = "static/storefront.html"
SHOTS = {
    "start": Shot(start),
    "page": Shot(found),
    "dark": Shot(found, scheme="dark"),
    "wide": Shot(found, size=(1900, 1000)),
    "why": Shot(why),
    "similar": Shot(similar),
    "phone": Shot(found, size=PHONE),
    "phone-dark": Shot(similar, size=PHONE, scheme="dark"),
    "phone-filters": Shot(filters, size=PHONE),
    "widget": Shot(widget, path=STOREFRONT),
    "widget-phone": Shot(widget, size=PHONE, path=STOREFRONT),
    "staff": Shot(staff, path="staff"),
    "staff-phone-dark": Shot(staff, size=PHONE, scheme="dark", path="staff"),
}


def shoot(shot: Shot, browser: "Browser", url: str, photo: Path, key: str) -> bytes:
    """Return a picture as PNG.

    Args:
        shot: the picture.
        browser: that draws it.
        url: of the server.
        photo: what is searched with.
        key: an admin's, for the staff's view.
    """
    with opened(shot, browser) as page:
        page.add_init_script(f"sessionStorage.setItem('vsearch-key', '{key}')")
        page.goto(f"{url}{shot.path}")
        shot.go(page, photo)
        page.wait_for_load_state("networkidle")
        return page.screenshot(animations="disabled", caret="hide")


@contextmanager
def opened(shot: Shot, browser: "Browser") -> Iterator["Page"]:
    """Open a window as a picture wants it."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=shot.scheme,
        device_scale_factor=SCALE,
        locale="en-GB",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def staff_key(shop: Path) -> Iterator[str]:
    """Make an admin's key, and take it back at the end."""
    key, kept = new_key("pictures", Scope("admin"))
    file = KeysFile(shop)
    file.add(kept)
    try:
        yield key
    finally:
        file.revoke(kept.name)


def main() -> None:
    """Make the pictures that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("out", type=Path)
    parser.add_argument("--demo", type=Path, default=Path("demo-shop"), help="made by `make demo`")
    parser.add_argument("--only", help=f"of {', '.join(SHOTS)}; else all")
    asked = parser.parse_args()
    photo = asked.demo / "generated" / "images" / "test" / "CAR-001-3.jpg"
    names = asked.only.split(",") if asked.only else list(SHOTS)
    unknown = [name for name in names if name not in SHOTS]
    if reason := missing() or (None if photo.is_file() else f"{photo} is not there: make demo"):
        sys.exit(reason)
    if unknown:
        sys.exit(f"no pictures {', '.join(unknown)}; there are {', '.join(SHOTS)}")
    logging.disable()
    asked.out.mkdir(parents=True, exist_ok=True)
    shop = asked.demo / "shop"
    with staff_key(shop) as key, shop_served(shop) as url, launched() as browser:
        for name in names:
            path = asked.out / f"{name}.webp"
            with Image.open(io.BytesIO(shoot(SHOTS[name], browser, url, photo, key))) as image:
                image.convert("RGB").save(path, quality=QUALITY, method=6)
            sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
