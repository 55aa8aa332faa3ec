"""The board's connection in a real browser: lost and found again, and with tokens."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from gateway.app import create_app
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from tests.browser.boards import card, new_id, open_board, wait_for_end
from tests.demo_gateway import demo_gateway, free_port
from tests.live_server import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-this-test"
PREFIX = "/below/here"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console may complain: of lost connections and refused requests Chromium always does."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """A gateway that wants a token, behind a prefix."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    with serve(create_sandbox()) as (sandbox_host, sandbox_port):
        settings = make_settings(
            {
                "accounts": sandbox_accounts(f"http://{sandbox_host}:{sandbox_port}"),
                "clients": [{"name": "board", "token_sha256": digest, "accounts": ["*"]}],
                "store": {"path": "off"},
                "server": {"root_path": PREFIX},
            }
        )
        with serve(create_app(settings), lifespan="on") as (host, port):
            yield f"http://{host}:{port}{PREFIX}"


def test_it_survives_the_restart_of_the_gateway(page: Page) -> None:
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: heard.append(str(text))))
    port = free_port()
    live_id = new_id("slow")
    live, ended = f"trendyol:{live_id}", f"mircate:{new_id('done')}"
    with demo_gateway(port, signal.SIGTERM) as url:
        open_board(page, url, live, ended)
        wait_for_end(page, ended)
        card(page, live).get_by_text("Running").wait_for()
    page.get_by_text("Connection lost").wait_for()
    assert card(page, live).get_by_text("Running").is_visible()
    assert page.get_by_role("button", name="Try now").is_visible()
    heard.clear()
    with demo_gateway(port):
        page.wait_for_function("() => document.querySelector('.connection').dataset.state === 'live'")
        page.get_by_text("Live · following 1 batch").wait_for()
        until(page, lambda: any(live_id in text for text in heard))
        assert card(page, live).get_by_text("Running").is_visible()
        assert card(page, ended).get_by_text("Succeeded", exact=True).is_visible()


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait, while the browser's events come in."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_a_token_is_asked_for_and_kept_for_the_session(page: Page, guarded: str) -> None:
    key = f"surecart-batch:{new_id('done')}"
    page.goto(f"{guarded}/#batches={key}")
    dialog = page.get_by_role("dialog", name="A token, please")
    field = dialog.get_by_label("Token")
    field.fill("wrong")
    dialog.get_by_role("button", name="Sign in").click()
    dialog.get_by_text("The token was refused.").wait_for()
    field.fill(TOKEN)
    with page.expect_websocket() as opened:
        dialog.get_by_role("button", name="Sign in").click()
    wait_for_end(page, key)
    assert opened.value.url.startswith(f"{guarded.replace('http', 'ws')}/graphql")
    page.reload()
    wait_for_end(page, key)
    assert page.evaluate("() => Object.values(sessionStorage)") == [TOKEN]
    assert page.evaluate("() => JSON.stringify({ ...localStorage }) + document.cookie") == "{}"
    assert TOKEN not in page.url
    page.get_by_role("button", name="Sign out").click()
    dialog.wait_for()
    assert page.evaluate("() => sessionStorage.length") == 0
