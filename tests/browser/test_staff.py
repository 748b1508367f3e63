"""The staff's view, as the staff uses it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from indexer.audit_file import AuditRow
from indexer.build import build
from indexer.open_questions import keep_questions, open_questions
from indexer.shop import Shop
from tests.api.key_holder import make_key
from tests.browser.conftest import Visit
from tests.browser.servers import shop_served
from tests.browser.test_accessibility import check

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

STILL: Any = {"reduced_motion": "reduce"}


@dataclass(frozen=True)
class Staff:
    """A shop with two versions and two doubtful labels, and where its staff's view is."""

    shop: Path
    url: str
    key: str
    versions: tuple[str, str]


@pytest.fixture(scope="module")
def staff(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    path = tmp_path_factory.mktemp("staff") / "shop"
    shutil.copytree(painted / "shop", path)
    with Shop.open(path) as shop:
        first = str(shop.current().index)
        ids = sorted(shop.catalogue.item_ids())[:2]
        keys = shop.catalogue.item_keys(ids)
        rows = []
        for item_id, other in (ids, ids[::-1]):
            photo = shop.catalogue.photos_of(keys[item_id])[-1]
            told = (photo.path.name, photo.content_hash, item_id, "label", "item_id", item_id)
            rows.append(AuditRow(*told, other, "0.97"))
        keep_questions(shop, rows)
        shop.delete([sorted(shop.catalogue.item_ids())[-1]])
        second = build(shop).version
    with shop_served(path, poll_seconds=0.1) as url:
        yield Staff(path, f"{url}staff", make_key(path, "admin"), (first, second))


def entered(visit: Visit, staff: Staff, **options: Any) -> "Page":
    page = visit(staff.url, **options)
    page.locator("#key").fill(staff.key)
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector("#figures b")
    return page


def test_a_key_that_is_wrong_is_told(visit: Visit, staff: Staff) -> None:
    page = visit(staff.url, expected="401")
    page.locator("#key").fill("vsk_wrong")
    page.get_by_role("button", name="Enter").click()
    page.locator("#enter-told").get_by_text("key").wait_for()
    assert page.locator("#rooms").is_hidden()


def test_the_shop_is_seen_and_checked(visit: Visit, staff: Staff) -> None:
    page = entered(visit, staff)
    page.get_by_text("Yes: 36 = 36 indexed + 0 waiting + 0 rejected").wait_for()
    page.get_by_role("button", name="Check everything").click()
    page.get_by_text("Everything is as it should be.").wait_for()


def test_a_doubtful_label_is_accepted(visit: Visit, staff: Staff) -> None:
    page = entered(visit, staff)
    cases = page.locator(".case")
    cases.nth(1).wait_for()
    loaded = "one => one.querySelector('img').naturalWidth > 0"
    page.wait_for_function(loaded, arg=cases.first.element_handle())
    cases.first.get_by_role("button", name="It is right").click()
    page.locator("#questions-told").get_by_text("1 label looks doubtful").wait_for()
    with Shop.open(staff.shop) as shop:
        assert len(open_questions(shop)) == 1
        assert [one.verdict for one in shop.catalogue.decisions()] == ["accept"]


def test_a_version_is_rolled_back(visit: Visit, staff: Staff) -> None:
    page = entered(visit, staff)
    first, second = staff.versions
    row = page.locator("#versions-table tr", has_text=first)
    row.get_by_role("button", name="Roll back").click()
    page.locator("#sure").get_by_role("button", name="Roll back").click()
    row.get_by_text("serves").wait_for()
    assert page.locator("#versions-table tr", has_text=second).get_by_text("serves").count() == 0
    with Shop.open(staff.shop) as shop:
        assert shop.current().index == first


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_anybody_can_use_it(visit: Visit, staff: Staff, size: str) -> None:
    page = visit(staff.url, size=size, **STILL)
    page.wait_for_selector("#enter:not([hidden])")
    check(page)
    page.locator("#key").fill(staff.key)
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector("#models-table td")
    page.get_by_role("button", name="Check everything").click()
    page.wait_for_selector("#checks td")
    check(page)
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
