"""The pictures of the documentation: `python -m tests.browser.take_screenshots` writes docs/img/board-*.png.

A test takes them too, into a folder of its own: what the pages show can always be taken anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

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
    """Take all of them for the documentation."""
    from playwright.sync_api import sync_playwright

    with demo_gateway() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        take(browser, url, IMAGES, under_way=24)
        browser.close()


def take(browser: Browser, url: str, folder: Path, under_way: float) -> None:
    """Take all of them into a folder, each of the same board, `under_way` seconds after some of its batches ended."""
    wide = _open(browser, url, width=1280, height=860)
    wait_for_end(wide, *ENDING, FAILED)
    for key in (*ENDING[::2], FAILED):
        card(wide, key).locator(".reasons li").first.wait_for()
    wide.wait_for_timeout(under_way * 1000)
    _shoot(wide, folder, "board-light")
    wide.emulate_media(color_scheme="dark")
    _shoot(wide, folder, "board-dark")
    card(wide, FAILED).locator(".open").click()
    wide.locator(".group summary").nth(1).click()
    wide.locator(".group tbody tr").first.wait_for()
    _shoot(wide, folder, "board-failures")
    narrow = _open(browser, url, width=360, height=780, locale="tr-TR")
    wait_for_end(narrow, *ENDING, FAILED)
    card(narrow, ENDING[0]).locator(".reasons li").first.wait_for()
    narrow.evaluate("window.scrollTo(0, document.querySelector('#toolbar').offsetTop - 12)")
    _shoot(narrow, folder, "board-narrow")
    for page in (wide, narrow):
        page.context.close()


def _open(browser: Browser, url: str, *, width: int, height: int, locale: str = "en-GB") -> Page:
    page = browser.new_context(
        viewport={"width": width, "height": height},
        locale=locale,
        timezone_id="Europe/Istanbul",
        reduced_motion="reduce",
    ).new_page()
    open_board(page, url, *ALL)
    return page


def _shoot(page: Page, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    main()
