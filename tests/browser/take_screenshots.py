"""Takes the pictures of the documentation: `python -m tests.browser.take_screenshots` writes docs/img/board-*.png."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.browser.boards import card, open_board, wait_for_end
from tests.browser.conftest import FLAGS
from tests.demo_gateway import demo_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).parent.parent.parent / "docs" / "img"
ENDING = ["trendyol:partly-failed-autumn", "idefix-fast-listing:approve-coats", "mircate:partly-failed-prices"]
FAILED = "surecart-batch:failed-nightly"
RUNNING = [
    "trendyol:slow-stock-n120-sale",
    "idefix-inventory:slow-n250-sale",
    "mircate:slow-stock",
    "surecart-batch:slow-n40",
]
HEARD_OF = ["trendyol:gone-monday", "mircate:done-stock"]
ALL = [*ENDING, FAILED, *RUNNING, *HEARD_OF]


def main() -> None:
    """Take all of them, each of the same board."""
    with demo_gateway() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        wide = _open(browser, url, width=1280, height=860)
        wait_for_end(wide, *ENDING, FAILED)
        for key in (*ENDING[::2], FAILED):
            card(wide, key).locator(".reasons li").first.wait_for()
        wide.wait_for_timeout(24_000)  # for bars that are under way
        _shoot(wide, "board-light")
        wide.emulate_media(color_scheme="dark")
        _shoot(wide, "board-dark")
        card(wide, FAILED).locator(".open").click()
        wide.locator(".group summary").nth(1).click()
        wide.locator(".group tbody tr").first.wait_for()
        _shoot(wide, "board-failures")
        narrow = _open(browser, url, width=360, height=780, locale="tr-TR")
        wait_for_end(narrow, *ENDING, FAILED)
        narrow.locator(".column").first.scroll_into_view_if_needed()
        narrow.evaluate("window.scrollTo(0, document.querySelector('#toolbar').offsetTop - 12)")
        narrow.wait_for_timeout(3_000)
        _shoot(narrow, "board-narrow")
        browser.close()


def _open(browser: Browser, url: str, *, width: int, height: int, **options: Any) -> Page:
    size = {"width": width, "height": height}
    options = {"locale": "en-GB", "timezone_id": "Europe/Istanbul", "reduced_motion": "reduce", **options}
    page = browser.new_context(viewport=size, **options).new_page()
    open_board(page, url, *ALL)
    return page


def _shoot(page: Page, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
