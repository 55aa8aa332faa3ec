"""The board's connection in a real browser: lost and found again, without WebSockets, and with tokens."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.boards import (
    AXE,
    HOW,
    NO_LONGER_THAN,
    card,
    comes,
    module,
    new_id,
    open_board,
    violations,
    wait_for_end,
)
from tests.browser.guarded import TOKEN
from tests.demo_gateway import demo_gateway, free_port
from tests.needs import need

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from tests.browser.guarded import Guarded

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console may complain: of lost connections and refused requests Chromium always does."""
    context = browser.new_context()
    context.set_default_timeout(NO_LONGER_THAN)
    yield context.new_page()
    context.close()


def test_it_survives_the_restart_of_the_gateway(page: Page) -> None:
    port = free_port()
    live, ended = f"trendyol:{new_id('slow')}", f"mircate:{new_id('done')}"
    with demo_gateway(port, signal.SIGTERM) as url:
        open_board(page, url, live, ended)
        wait_for_end(page, ended)
        card(page, live).get_by_text("Running").wait_for()
    page.get_by_text("Connection lost").wait_for()
    assert card(page, live).get_by_text("Running").is_visible()
    page.get_by_role("button", name="Try now").wait_for()
    with demo_gateway(port):
        page.evaluate("() => document.querySelector('#retry').click()")  # hidden where it has come back by itself
        page.get_by_text(re.compile("^Live.* · following 1 batch$")).wait_for()
        page.get_by_text("1 watched").wait_for()
        card(page, ended).get_by_text("Succeeded", exact=True).wait_for()


def sign_in(page: Page, token: str) -> None:
    dialog = page.get_by_role("dialog", name="A token, please")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_role("button", name="Sign in").click()


def test_a_token_is_asked_for_and_kept_for_the_session(page: Page, guarded: Guarded) -> None:
    key = f"surecart-batch:{new_id('done')}"
    page.goto(f"{guarded.direct}/#batches={key}")
    sign_in(page, "wrong")
    dialog = page.get_by_role("dialog", name="A token, please")
    dialog.get_by_text("The token was refused.").wait_for()
    sign_in(page, "şifre")  # no header can carry it
    assert dialog.get_by_label("Token").evaluate("(field) => field.validity.patternMismatch")
    with page.expect_websocket() as opened:
        sign_in(page, TOKEN)
    wait_for_end(page, key)
    assert opened.value.url.startswith(f"{guarded.direct.replace('http', 'ws')}/graphql")
    page.reload()
    wait_for_end(page, key)
    assert page.evaluate("() => Object.values(sessionStorage)") == [TOKEN]
    assert page.evaluate("() => JSON.stringify({ ...localStorage }) + document.cookie") == "{}"
    assert TOKEN not in page.url
    page.get_by_role("button", name="Sign out").click()
    dialog.wait_for()
    assert page.evaluate("() => sessionStorage.length") == 0


def test_a_token_is_typed_and_counts_while_questions_without_it_are_under_way(page: Page, guarded: Guarded) -> None:
    page.goto(f"{guarded.direct}/")
    field = page.get_by_role("dialog", name="A token, please").get_by_label("Token")
    field.fill("half a tok")
    page.wait_for_timeout(1000)  # what asks once more soon after the start has asked
    with page.expect_response("**/graphql") as answered:
        look_again(page)
    assert answered.value.status == 401
    assert field.input_value() == "half a tok"
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/graphql", hold, times=1)
    with page.expect_request("**/graphql"):
        look_again(page)
    sign_in(page, TOKEN)
    held[0].continue_()
    page.get_by_text("Connected · nothing to follow").wait_for()


def look_again(page: Page) -> None:
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")


def test_axe_finds_nothing_where_a_token_is_asked_for(page: Page, guarded: Guarded) -> None:
    need("browser", is_there=AXE.is_file(), how=HOW)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{guarded.direct}/")
    sign_in(page, "wrong")
    page.get_by_role("dialog").get_by_text("The token was refused.").wait_for()
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        assert violations(page) == [], colours


def test_it_is_live_where_no_websocket_gets_through(page: Page, guarded: Guarded) -> None:
    live, ending = f"mircate:{new_id('slow')}", f"trendyol:{new_id('partly-failed')}"
    page.goto(f"{guarded.walled}/#batches={live},{ending}")
    sign_in(page, TOKEN)
    page.get_by_text("Live, without a WebSocket").wait_for()
    wait_for_end(page, ending)
    counts = card(page, ending).locator(".counts span")
    comes(page, counts.all_inner_texts, ["9 succeeded", "3 failed", "of 12"])
    card(page, live).get_by_text("Running").wait_for()
    assert guarded.wall.refused > 0
    guarded.wall.is_down = True
    page.get_by_text("Connection lost").wait_for()
    assert card(page, live).get_by_text("Running").is_visible()
    guarded.wall.is_down = False
    page.get_by_text("Live, without a WebSocket · following 1 batch").wait_for()
    page.get_by_role("button", name=f"Remove {live} from the board").click()
    page.get_by_text("Connected · nothing to follow").wait_for()


def test_a_stream_asks_for_another_token_when_its_own_is_refused(page: Page, guarded: Guarded) -> None:
    key = f"mircate:{new_id('done')}"
    page.goto(f"{guarded.walled}/")
    page.evaluate("() => sessionStorage.setItem('board:token', 'of-yesterday')")
    with page.expect_response("**/graphql") as answered:
        page.goto(f"{guarded.walled}/?#batches={key}")
    assert answered.value.status == 401
    sign_in(page, TOKEN)
    wait_for_end(page, key)


def test_events_are_read_in_whatever_pieces_they_come(page: Page, guarded: Guarded) -> None:
    page.goto(f"{guarded.direct}/")
    text = ":\n\nevent: next\ndata: {\ndata: }\n\n: sign of life\n\nretry: 5\r\n\r\n"
    text += "event:complete\nid: complete\ndata:\n\n"
    whole = [{"event": "next", "data": "{\n}"}, {"event": "complete", "data": ""}]
    read = "const r = new m.EventReader(); return x.flatMap((piece) => r.read(piece));"
    for size in (1, 2, 7, len(text)):
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert module(page, "events", read, pieces) == whole
