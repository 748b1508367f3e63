"""Chromium, as Debian packages it, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A camera that shows a test picture, and nobody to be asked whether it may.
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def missing() -> str | None:
    """Say what of it this machine lacks; None where nothing does."""
    try:
        import axe_playwright_python  # noqa: F401, PLC0415
        import playwright  # noqa: F401, PLC0415
    except ImportError as error:
        return f"no package {error.name}: pip install -e '.[browser]'"
    if _path() is None:
        return "no Chromium: apt-get install chromium, or name it in VSEARCH_CHROMIUM"
    return None


@contextmanager
def launched() -> Iterator["Browser"]:
    """Start it, without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run as root, which tests in containers do.
        options = ("--no-sandbox", *CAMERA)
        browser = playwright.chromium.launch(executable_path=_path(), args=list(options))
        try:
            yield browser
        finally:
            browser.close()


def _path() -> str | None:
    named = os.environ.get("VSEARCH_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)
