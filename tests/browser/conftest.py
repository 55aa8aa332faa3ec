"""Debian's Chromium in front of a real gateway; whatever a page loads or complains of is kept and judged."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser.guarded import Guarded, guarded_gateway
from tests.demo_gateway import demo_gateway
from tests.needs import need

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebSocket

# What Chromium would do by itself is switched off, and no name resolves: only the loopback address is reached.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@dataclass
class Visit:
    """A page and everything that it asked for, opened or complained of."""

    page: Page
    gateway: str
    asked: list[str] = field(default_factory=list[str])
    sockets: list[WebSocket] = field(default_factory=list["WebSocket"])
    complaints: list[str] = field(default_factory=list[str])

    def listen(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", self._opened)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)

    def _opened(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        self.asked.append(socket.url)

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before its answer came
            self.complaints.append(f"failed: {request.url}: {request.failure}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def elsewhere(self) -> list[str]:
        """What was asked of anything but the gateway."""
        here = urlsplit(self.gateway).netloc
        return [url for url in self.asked if urlsplit(url).scheme != "data" and urlsplit(url).netloc != here]


@pytest.fixture(scope="session")
def gateway() -> Iterator[str]:
    with demo_gateway() as url:
        yield url


@pytest.fixture(scope="session")
def guarded() -> Iterator[Guarded]:
    with guarded_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not longer than a module: while Playwright is open its event loop is the thread's, and async tests cannot run."""
    chromium = shutil.which("chromium")
    need("browser", is_there=chromium is not None, how="Debian's package `chromium` (.ci/install-browser)")
    has_driver = importlib.util.find_spec("playwright") is not None
    need("browser", is_there=has_driver, how="PyPI's package `playwright` (.ci/install-browser)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chrome = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield chrome
        chrome.close()


@pytest.fixture
def visit(browser: Browser, gateway: str) -> Iterator[Visit]:
    """A new profile. At the end nothing may have been asked elsewhere, and the console must be silent."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    visit = Visit(context.new_page(), gateway)
    visit.listen()
    yield visit
    context.close()
    assert visit.elsewhere() == []
    assert visit.complaints == []
