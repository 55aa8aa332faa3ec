"""The board as a person uses it, in a real browser, against the demo."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from gateway.cli.cells import cell, neutral
from tests.browser.boards import AXE, HOW, card, comes, module, new_id, open_board, paste, violations, wait_for_end
from tests.browser.take_screenshots import IMAGES, take
from tests.needs import need

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

    from tests.browser.conftest import Visit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ended(gateway: str) -> str:
    """A batch of 400 items that has ended, one item in four failed."""
    batch_id = new_id("partly-failed-n400")
    query = "query ($ref: BatchRef!) { awaitBatch(ref: $ref) { ... on NormalizedBatch { failedCount } } }"
    question = {"query": query, "variables": {"ref": {"source": "TRENDYOL", "id": batch_id}}}
    answer = httpx.post(f"{gateway}/graphql", json=question, timeout=30, trust_env=False).json()
    assert answer["data"]["awaitBatch"] == {"failedCount": 100}
    return f"trendyol:{batch_id}"


def columns(page: Page) -> list[str]:
    return page.locator(".column h2").all_inner_texts()


def is_focused(page: Page, locator: Locator) -> None:
    comes(page, lambda: locator.evaluate("(element) => element === document.activeElement"), expected=True)


RECORD = """() => {
    window.shown = [];
    const look = () => window.shown.push({
        cards: [...document.querySelectorAll('.card')].map((card) => [
            card.dataset.key,
            Number(card.querySelector('[role=progressbar]')?.ariaValueNow ?? 0),
            card.querySelector('.elapsed')?.textContent ?? '',
        ]),
        text: document.body.textContent,
    });
    const all = { subtree: true, childList: true, characterData: true, attributes: true };
    new MutationObserver(look).observe(document.body, all);
}"""
"""Keeps all that is shown for a while only."""


def test_pasted_batches_are_followed_to_their_end(visit: Visit) -> None:
    page = visit.page
    open_board(page, visit.gateway)
    comes(page, lambda: columns(page), ["Trendyol", "idefix", "Mircate", "SureCart"])
    page.evaluate(RECORD)
    trendyol, mircate, bare = (f"trendyol:{new_id('partly-failed')}", f"mircate:{new_id()}", new_id())
    page.get_by_label("Bare ids are from").select_option("IDEFIX_INVENTORY")
    paste(page, f"{trendyol}, {mircate}\n{bare} SURECART_BATCH:{bare}")
    keys = [trendyol, mircate, f"idefix-inventory:{bare}", f"surecart-batch:{bare}"]
    wait_for_end(page, *keys)
    shown = page.evaluate("window.shown")
    bars = [(done, since) for look in shown for key, done, since in look["cards"] if key == trendyol]
    assert any(0 < done < 100 and re.fullmatch(r"for \d+s", since) for done, since in bars), bars
    for words in ("1 watched", "Live · following 4 batches"):
        assert any(words in look["text"] for look in shown), words
    assert [card(page, key).locator(".state span").nth(1).inner_text() for key in keys] == [
        "Partly succeeded",
        "Succeeded",
        "Succeeded",
        "Succeeded",
    ]
    assert card(page, trendyol).locator(".counts span").all_inner_texts() == ["9 succeeded", "3 failed", "of 12"]
    page.get_by_text("Connected · nothing to follow").wait_for()
    assert page.locator("#totals").inner_text() == "4 batches, 48 items, 3 failed"
    assert [socket.url for socket in visit.sockets] == [f"{visit.gateway.replace('http', 'ws')}/graphql"]


def test_a_link_shows_the_same_board(visit: Visit, browser: Browser) -> None:
    page = visit.page
    key = f"idefix-inventory:{new_id('done')}"
    open_board(page, visit.gateway)
    paste(page, key)
    wait_for_end(page, key)
    card(page, key).locator(".open").click()
    page.get_by_role("dialog").wait_for()
    assert page.url == f"{visit.gateway}/#batches={key}&open={key}"
    other = browser.new_page()
    other.goto(page.url)
    other.get_by_role("dialog").get_by_text("Succeeded", exact=True).wait_for()
    other.close()
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.hash.includes('open')")
    page.evaluate("location.hash = '#batches='")
    page.get_by_text("No batch on the board yet").wait_for()


def test_sandbox_stories_are_one_click_away(visit: Visit) -> None:
    page = visit.page
    open_board(page, visit.gateway)
    page.get_by_role("button", name="Wants approval").click()
    comes(page, page.locator(".card").count, 1)
    approving = page.locator(".card")
    approving.get_by_text("Approve or decline the matched product").wait_for()
    page.locator("#sandbox summary").click()
    page.get_by_role("button", name="Forgotten").click()
    page.wait_for_function("() => document.querySelectorAll('.card').length === 5")
    forgotten = page.locator(".column", has_text="Trendyol").locator(".card")
    forgotten.get_by_text("Unconfirmed: the marketplace has shown nothing of this batch.").wait_for()


def test_mistakes_and_refusals_are_said_in_words(visit: Visit) -> None:
    page = visit.page
    open_board(page, visit.gateway)
    wrong = "trendyol@nobody:x"
    paste(page, f"{wrong} bare trendyl:1 mircate:")
    refused = card(page, wrong)
    refused.get_by_text("Not followed").wait_for()
    assert refused.locator(".note.bad").inner_text().endswith("(UNKNOWN_ACCOUNT)")
    mistakes = page.get_by_role("alert").locator("p").all_inner_texts()
    assert len(mistakes) == 3
    assert mistakes[0].startswith("“bare” does not say where it is from")
    assert "there is no source “trendyl”" in mistakes[1]
    assert page.get_by_label("Batch ids").input_value() == "bare\ntrendyl:1\nmircate:"
    refused.get_by_role("button", name=f"Remove {wrong} from the board").click()
    refused.wait_for(state="detached")


def test_a_link_with_a_source_that_is_not_there_spoils_no_other(visit: Visit) -> None:
    page = visit.page
    known, stranger = f"trendyol:{new_id('done')}", "harbour:x"
    open_board(page, visit.gateway, stranger, known)
    card(page, stranger).get_by_text("The gateway has no source “harbour” that you may use.").wait_for()
    wait_for_end(page, known)


def test_a_marketplace_that_the_board_has_not_heard_of_is_there_with_its_name(visit: Visit) -> None:
    """As one that `marketplaces` tells of."""

    def with_harbour(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        if "marketplaces" in told["data"] and isinstance(told["data"]["marketplaces"], list):
            account = {"name": "harbour-demo", "budgetLeft": 7, "breaker": "CLOSED", "watchedBatches": 2}
            sources = ["HARBOUR_SHIP", "HARBOUR_PRICE_LIST"]
            told["data"]["marketplaces"].append(
                {"marketplace": "HARBOUR", "title": "The Harbour", "sources": sources, "accounts": [account]}
            )
        route.fulfill(response=answer, json=told)

    page = visit.page
    page.route("**/graphql", with_harbour)
    open_board(page, visit.gateway)
    comes(page, lambda: columns(page), ["Trendyol", "idefix", "Mircate", "SureCart", "The Harbour"])
    assert "harbour-demo" in page.locator(".column").last.inner_text()
    offered = page.get_by_label("Bare ids are from").locator("option").all_inner_texts()
    assert offered[-2:] == ["The Harbour ship", "The Harbour price list"]
    assert "The Harbour ship" in page.get_by_label("Story on").locator("option").all_inner_texts()


def failed_rows(download: Path) -> list[dict[str, str]]:
    text = download.read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    assert text.endswith('"\r\n')
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_failures_have_reasons_items_and_a_file(visit: Visit, ended: str) -> None:
    page = visit.page
    open_board(page, visit.gateway, ended)
    card(page, ended).get_by_role("button", name="Details and 27 more reasons").click()
    drawer = page.get_by_role("dialog")
    drawer.locator(".group").first.wait_for()
    counts = [int(words) for words in drawer.locator(".group .number").all_inner_texts()]
    assert counts == [25] * 4 + [1] * 25
    group = drawer.locator(".group").first
    group.locator("summary").click()
    group.get_by_text("1\u201320 of 25").wait_for()
    assert group.locator(".explanation").inner_text()
    group.get_by_role("button", name="Next").click()
    group.get_by_text("21\u201325 of 25").wait_for()
    comes(page, group.locator("tbody tr").count, 5)
    is_focused(page, group.get_by_role("button", name="Previous"))
    with page.expect_download() as started:
        drawer.get_by_role("button", name="Download CSV").click()
    assert started.value.suggested_filename == f"failed-items-{ended.replace(':', '-')}.csv"
    rows = failed_rows(started.value.path())
    assert list(rows[0])[:10] == [
        *(
            "source",
            "account",
            "batch_id",
            "index",
            "key",
            "title",
            "code",
            "message",
            "explanation_en",
            "explanation_tr",
        )
    ]
    assert len(rows) == 100
    assert {(row["source"], row["account"]) for row in rows} == {("trendyol", "trendyol-demo")}
    assert {row["payload.product.barcode"] for row in rows} == {row["key"] for row in rows}
    messages = Counter(message for row in rows for message in row["message"].split("\n"))
    assert sorted(messages.values(), reverse=True) == counts


def test_there_is_no_file_where_items_are_missing(visit: Visit, ended: str) -> None:
    """Else whoever corrects and sends again would leave them out."""

    def without_items(route: Route) -> None:
        asked = route.request.post_data_json
        if ended.endswith(asked["variables"].get("ref", {}).get("id", "-")):
            error = {"message": "Nobody knows it any more.", "path": ["batch"], "extensions": {"code": "EXPIRED"}}
            route.fulfill(json={"data": {"batch": None}, "errors": [error]})
        else:
            route.continue_()

    page = visit.page
    other = f"mircate:{new_id('partly-failed')}"
    open_board(page, visit.gateway, other, ended)
    wait_for_end(page, other, ended)
    files: list[str] = []
    page.on("download", lambda download: files.append(download.suggested_filename))
    page.route("**/graphql", without_items)
    page.get_by_role("button", name="Failed items (CSV)").click()
    page.get_by_text(f"The items could not be read: {ended}: Nobody knows it any more.").wait_for()
    assert files == []
    page.unroute("**/graphql")
    with page.expect_download():
        page.get_by_role("button", name="The items could not be read").click()


def test_reasons_without_words_are_told_apart_by_their_explanation(visit: Visit) -> None:
    open_board(visit.page, visit.gateway)
    took_long = {"code": None, "message": None, "en": "It took too long."}
    was_refused = {"code": None, "message": None, "en": "It was not executed."}
    items = [{"failures": [took_long]}, {"failures": [was_refused]}, {"failures": [was_refused, took_long]}]
    filtered = module(
        visit.page, "failed", "return x.items.filter(m.failedFor(x.reason))", {"items": items, "reason": took_long}
    )
    assert filtered == [items[0], items[2]]


CELLS = [
    "",
    "plain",
    "=1+1",
    " =1",
    "\u200b@x",
    "-5",
    "+90.25",
    "-1e3",
    "-5+3",
    "\t=x",
    "\r",
    "\uff1dx",
    "a=b",
    '"quoted", text',
]


def test_cells_are_made_as_the_command_line_makes_them(visit: Visit) -> None:
    open_board(visit.page, visit.gateway)
    assert module(visit.page, "csv", "return x.map(m.neutral)", CELLS) == [neutral(text) for text in CELLS]
    values = [None, True, 7, "=x", [1, "a"], {"a": None}]
    assert module(visit.page, "csv", "return x.map(m.cell)", values) == [cell(value) for value in values]
    exactly = "const item = {index: 0, key: 'k', title: null, failures: [], payload: m.parseExactly(x)};"
    row = "return m.asCsv([{source: 's', account: null, id: 'i', item}])"
    text = module(visit.page, "csv", exactly + row, '{"price": 10.50, "id": 12345678901234567890, "list": [1.0, {}]}')
    header, line = csv.reader(io.StringIO(text, newline=""))
    assert (
        dict(zip(header, line, strict=True)).items()
        >= {
            "payload.price": "10.50",
            "payload.id": "12345678901234567890",
            "payload.list": "[1.0,{}]",
        }.items()
    )


def test_a_state_is_stale_until_the_marketplace_answers_again(visit: Visit) -> None:
    """Updates tell changes alone, so the end of a failure is learned by looking."""
    open_board(visit.page, visit.gateway)
    told = """
        const board = new m.Board(() => 0);
        board.add([{ source: 'TRENDYOL', account: null, id: 'x' }]);
        const entry = board.entries.get('trendyol:x');
        const error = { code: 'UPSTREAM_UNAVAILABLE' };
        const at = (second, isStale) => ({ fetchedAt: `2026-01-01T00:00:0${second}Z`, isStale, status: 'IN_PROGRESS' });
        const seen = () => [entry.isStale, entry.error?.code ?? null, entry.batch.fetchedAt.slice(-3, -1)];
        board.apply(entry.key, { batch: at(1, true), error, isFinal: false, version: '1' });
        const stale = seen();
        board.look(entry.key, { batch: at(1, false), error: null });
        const unread = seen();
        board.look(entry.key, { batch: at(2, false), error: null });
        return [stale, unread, seen()];
    """
    stale = [True, "UPSTREAM_UNAVAILABLE", "01"]
    assert module(visit.page, "board", told) == [stale, stale, [False, None, "02"]]


def test_it_speaks_turkish_and_english(browser: Browser, gateway: str) -> None:
    context = browser.new_context(locale="tr-TR", timezone_id="Europe/Istanbul")
    page = context.new_page()
    key = f"idefix-fast-listing:{new_id('approve-done')}"
    open_board(page, gateway, key, opened=key)
    drawer = page.get_by_role("dialog")
    drawer.get_by_text("idefix panelinde").wait_for()
    assert re.search(r"\d\d:\d\d:\d\d GMT\+3", drawer.inner_text())
    page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.lang") == "tr"
    named = "() => [...document.querySelectorAll('[aria-label]')].map((one) => one.ariaLabel).join()"
    assert "Sayfa" in page.evaluate(named)
    gone = f"mircate@nobody:{new_id()}"
    page.get_by_label("Toplu işlem numaraları").fill(gone)
    page.keyboard.press("Enter")
    page.locator("#announcer").get_by_text("Bu adda kullanabileceğiniz bir hesap yok.").wait_for(state="attached")
    page.get_by_label("Dil").select_option("en")
    assert page.title() == "Board · batch-gateway"
    assert "NaN" not in page.evaluate(named)
    assert page.evaluate("document.documentElement.lang") == "en"
    card(page, key).get_by_text("Approve or decline").wait_for()
    page.reload()
    page.get_by_role("button", name="Watch", exact=True).wait_for()
    shape = (
        "const shape = (o) => Object.entries(o).map(([k, v]) => [k, typeof v, typeof v === 'object' ? shape(v) : 0]);"
    )
    turkish_too = "const tr = { ...(await import('/_assets/board/words/tr.js')).default }; delete tr.errors;"
    english, turkish = module(page, "words/en", f"{shape} {turkish_too} return [shape(m.default), shape(tr)]")
    assert english == turkish
    context.close()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    open_board(page, visit.gateway)
    field = page.get_by_label("Batch ids")
    field.focus()
    keys = [f"trendyol:{new_id('done')}", f"trendyol:{new_id('done')}"]
    page.keyboard.type(keys[0])
    page.keyboard.press("Shift+Enter")
    page.keyboard.type(keys[1])
    page.keyboard.press("Enter")
    wait_for_end(page, *keys)
    opener = card(page, keys[0]).locator(".open")
    opener.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    is_focused(page, opener)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    card(page, keys[0]).wait_for(state="detached")
    is_focused(page, card(page, keys[1]).locator(".open"))
    assert page.locator("#announcer").get_attribute("aria-live") == "polite"


def test_two_hundred_batches_are_one_subscription(visit: Visit) -> None:
    page = visit.page
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: sent.append(str(text))))
    keys = [f"{source}:{new_id('done')}" for source in ("trendyol", "idefix-inventory") for _ in range(100)]
    open_board(page, visit.gateway, *keys)
    wait_for_end(page, *keys)
    [subscribed] = [text for text in sent if '"subscribe"' in text]
    assert len(json.loads(subscribed)["payload"]["variables"]["refs"]) == 200
    page.locator("#totals").get_by_text("200 batches, 2,400 items").wait_for()


def test_axe_finds_nothing(browser: Browser, gateway: str, ended: str) -> None:
    need("browser", is_there=AXE.is_file(), how=HOW)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    keys = [f"mircate:{new_id('gone')}", f"trendyol:{new_id('slow')}", "trendyol@nobody:x", ended]
    open_board(page, gateway, *keys, f"idefix-fast-listing:{new_id('approve')}", f"trendyol:{new_id('unknown-word')}")
    card(page, ended).locator(".reasons li").first.wait_for()
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        assert violations(page) == [], colours
    card(page, ended).locator(".open").click()
    page.locator(".group summary").first.click()
    page.locator(".group tbody tr").first.wait_for()
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)
        assert violations(page) == [], f"{colours}, one batch opened"
    context.close()


def test_narrow_screens_need_no_sideways_scrolling(browser: Browser, gateway: str, ended: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 700}, is_mobile=True)
    page = context.new_page()
    open_board(page, gateway, ended)
    card(page, ended).locator(".reasons li").first.wait_for()
    assert page.evaluate("document.scrollingElement.scrollWidth") == 320
    card(page, ended).locator(".open").click()
    page.locator(".group summary").first.click()
    page.locator(".group tbody tr").first.wait_for()
    assert page.evaluate(
        "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('#details'))"
    )
    context.close()


def test_the_pictures_on_the_pages_are_taken_of_the_board(browser: Browser, gateway: str, tmp_path: Path) -> None:
    take(browser, gateway, tmp_path, under_way=0)
    taken = {path.name for path in tmp_path.iterdir()}
    assert taken == {path.name for path in IMAGES.iterdir()}
    pages = [IMAGES.parent.parent / "README.md", *IMAGES.parent.glob("*.md")]
    assert set(re.findall(r"img/([\w-]+\.png)", "".join(path.read_text(encoding="utf-8") for path in pages))) <= taken
