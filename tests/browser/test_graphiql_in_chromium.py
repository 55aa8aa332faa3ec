"""GraphiQL as a person uses it, in a real browser, against the demo."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.browser.guarded import TOKEN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from tests.browser.conftest import Visit
    from tests.browser.guarded import Guarded

pytestmark = pytest.mark.slow

RESULT = ".result-window .CodeMirror"
PLAY = ".graphiql-execute-button"
RUNS_AGAIN_WHEN_ENDED = f"{PLAY}[aria-label^='Execute']"
NO_LONGER_THAN = 60_000


def open_graphiql(visit: Visit, target: str = "/graphql") -> Page:
    visit.page.goto(visit.gateway + target)
    visit.page.wait_for_selector(PLAY)
    return visit.page


def editor(page: Page, where: str) -> str:
    page.wait_for_selector(f"{where} .CodeMirror", state="attached")
    return page.eval_on_selector(f"{where} .CodeMirror", "element => element.CodeMirror.getValue()")


def show_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    # GraphiQL reads the operation's name from the text a moment later.
    page.wait_for_function("name => document.querySelector('.CodeMirror').CodeMirror.operationName === name", arg=name)


def run(page: Page) -> dict[str, Any]:
    """Press play, wait for the end, read the answer."""
    page.wait_for_selector(RESULT, state="attached")
    page.eval_on_selector(RESULT, "element => element.CodeMirror.setValue('')")
    page.click(PLAY)
    page.wait_for_function(
        """([result, ended]) => document.querySelector(result).CodeMirror.getValue() !== ''
            && document.querySelector(ended) !== null""",
        arg=[RESULT, RUNS_AGAIN_WHEN_ENDED],
        timeout=NO_LONGER_THAN,
    )
    return json.loads(page.eval_on_selector(RESULT, "element => element.CodeMirror.getValue()"))


def write_headers(page: Page, **headers: str) -> None:
    page.get_by_role("button", name="Headers").click()
    shown = ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror"
    page.wait_for_selector(shown)
    page.eval_on_selector(
        shown,
        "(element, text) => element.CodeMirror.setValue(text)",
        json.dumps(headers),
    )


def test_the_first_query_is_filled_in_and_answers(visit: Visit) -> None:
    page = open_graphiql(visit)
    assert "query OneBatch" in editor(page, ".graphiql-query-editor")
    answer = run(page)
    assert "errors" not in answer
    assert answer["data"]["batch"]["batchRequestType"]
    assert answer["data"]["batch"]["status"] in {"PENDING", "IN_PROGRESS", "COMPLETED"}


def test_every_example_answers_without_an_error(visit: Visit) -> None:
    page = open_graphiql(visit)
    for tab in ("FourMarketplaces", "WhyFailed", "Marketplaces"):
        show_tab(page, tab)
        answer = run(page)
        assert "errors" not in answer, tab
        assert all(entry.get("error") is None for entry in answer["data"].get("batches", []))


def test_a_subscription_runs_to_its_end_over_a_socket(visit: Visit) -> None:
    page = open_graphiql(visit)
    show_tab(page, "Live")
    answer = run(page)
    assert "errors" not in answer
    assert answer["data"]["batchUpdates"]["isFinal"] is True
    assert answer["data"]["batchUpdates"]["batch"]["status"] == "COMPLETED"
    assert [socket.url for socket in visit.sockets] == [f"{visit.gateway.replace('http', 'ws')}/graphql"]


def test_docs_explorer_history_and_settings_open_under_the_policy(visit: Visit) -> None:
    page = open_graphiql(visit)
    page.get_by_label("Show Documentation Explorer").click()
    page.get_by_role("link", name="Query", exact=True).first.click()
    page.get_by_text("Four", exact=False).first.wait_for()
    page.get_by_label("Show GraphiQL Explorer").click()
    page.locator(".graphiql-explorer-root").wait_for()
    page.get_by_label("Show History").click()
    page.get_by_label("Open settings dialog").click()
    page.get_by_role("dialog").wait_for()


def test_a_link_fills_in_its_query_and_does_not_run_it(visit: Visit) -> None:
    query = "query Linked { marketplaces { marketplace } }"
    page = open_graphiql(visit, f"/graphql#query={quote(query)}")
    assert editor(page, ".graphiql-query-editor") == query
    assert page.get_by_role("tab").count() == 6
    assert page.eval_on_selector(RESULT, "element => element.CodeMirror.getValue()") == ""
    assert len(run(page)["data"]["marketplaces"]) == 4


def test_a_link_finds_its_place_beside_the_tabs_of_an_earlier_visit(visit: Visit) -> None:
    page = open_graphiql(visit)
    page.wait_for_function("sessionStorage.getItem('graphiql:tabState') !== null")
    page.goto("about:blank")
    query, variables = "query Later($id: ID!) { node(id: $id) { id } }", '{ "id": "x" }'
    page = open_graphiql(visit, f"/graphql#query={quote(query)}&variables={quote(variables)}")
    assert editor(page, ".graphiql-query-editor") == query
    assert editor(page, ".graphiql-editor-tool .graphiql-editor:not(.hidden)") == variables
    show_tab(page, "Marketplaces")
    assert "query Marketplaces" in editor(page, ".graphiql-query-editor")
    show_tab(page, "Later")
    assert editor(page, ".graphiql-query-editor") == query


def test_a_token_serves_every_tab_and_stays_with_the_browser_tab(visit: Visit) -> None:
    page = open_graphiql(visit)
    write_headers(page, authorization="Bearer not-kept")
    run(page)
    show_tab(page, "Marketplaces")
    with page.expect_request("**/graphql") as sent:
        run(page)
    assert sent.value.headers["authorization"] == "Bearer not-kept"
    page.wait_for_function("Object.values(sessionStorage).some(value => value.includes('not-kept'))")
    assert page.evaluate("JSON.stringify({ ...localStorage })") == "{}"
    assert page.evaluate("document.cookie") == ""


def test_a_gateway_that_wants_a_token_gets_it_over_http_and_over_sockets(browser: Browser, guarded: Guarded) -> None:
    page = browser.new_page()
    greetings: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: greetings.append(str(text))))
    page.goto(f"{guarded.direct}/graphql")
    page.wait_for_selector(PLAY)
    assert run(page)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    write_headers(page, Authorization=f"Bearer {TOKEN}")
    assert "errors" not in run(page)
    page.get_by_label("Re-fetch GraphQL schema").click()
    page.get_by_label("Show Documentation Explorer").click()
    page.get_by_role("link", name="Subscription", exact=True).wait_for()
    show_tab(page, "Live")
    answer = run(page)
    assert answer["data"]["batchUpdates"]["isFinal"] is True
    assert json.loads(greetings[0]) == {"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}
    page.close()


def test_it_works_below_the_prefix_of_a_proxy(visit: Visit) -> None:
    """The proxy cuts the prefix off, as many do, and tells nobody."""

    def cut(route: Route) -> None:
        route.continue_(url=route.request.url.replace("/below/here", ""))

    visit.page.route("**/below/here/**", cut)
    page = open_graphiql(visit, "/below/here/graphql")
    assert run(page)["data"]["batch"]
    assert all("/below/here/" in url for url in visit.asked if not url.startswith("data:"))
