"""The gateway as an application over real HTTP: routes, health, the page, one path to a marketplace and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.app import Gateway, create_app
from gateway.config.mistakes import SettingsError
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from tests.live_server import serve

BATCH = '{ batch(ref: {source: TRENDYOL, id: "%s"}) { ... on NormalizedBatch { status itemCount account } } }'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


def app_of(sandbox: str, **server: Any) -> Gateway:
    return create_app(
        make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": "off"}, "server": server})
    )


@pytest.fixture(scope="module")
def url(sandbox: str) -> Iterator[str]:
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        yield f"http://{host}:{port}"


def ask(url: str, query: str) -> Any:
    return httpx.post(f"{url}/graphql", json={"query": query}, trust_env=False).json()


def test_a_question_goes_to_the_marketplace_and_back(url: str) -> None:
    assert ask(url, BATCH % "app-1") == {
        "data": {"batch": {"status": "IN_PROGRESS", "itemCount": 12, "account": "trendyol-demo"}}
    }


def test_errors_carry_their_code(url: str) -> None:
    [error] = ask(url, BATCH % "a/b")["errors"]
    assert error["extensions"]["code"] == "INVALID_REF"


def test_subscriptions_end_by_themselves(url: str) -> None:
    query = (
        'subscription { batchUpdates(refs: [{source: MIRCATE, id: "done-app"}]) '
        "{ isFinal batch { ... on NormalizedBatch { outcome } } } }"
    )
    headers = {"accept": "text/event-stream"}
    with httpx.stream(
        "POST", f"{url}/graphql", json={"query": query}, headers=headers, timeout=30, trust_env=False
    ) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: {")]
    last = json.loads(lines[-1])["data"]["batchUpdates"]
    assert last == {"isFinal": True, "batch": {"outcome": "SUCCEEDED"}}


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/healthz", 200, "ok\n"),
        ("/readyz", 200, "ok\ndraining: no\nstore: off\ncluster: off\n"),
        ("/nothing", 404, "/graphql"),
    ],
)
def test_other_paths(url: str, path: str, status: int, text: str) -> None:
    answer = httpx.get(url + path, trust_env=False)
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_browser_gets_graphiql_with_all_it_loads(url: str) -> None:
    page = httpx.get(f"{url}/graphql", headers={"accept": "text/html,application/xhtml+xml"}, trust_env=False)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    asset = httpx.get(f"{url}/_assets/static/graphiql.js", trust_env=False)
    assert asset.status_code == 200


def test_health_survives_the_beginning_of_the_end(sandbox: str) -> None:
    app = app_of(sandbox)
    with serve(app, lifespan="on") as (host, port):
        app.drain.begin()
        base = f"http://{host}:{port}"
        assert httpx.get(f"{base}/healthz", trust_env=False).status_code == 200
        red = httpx.get(f"{base}/readyz", trust_env=False)
        assert red.status_code == 503
        assert red.text.startswith("not ready\ndraining: yes\n")
        assert ask(base, BATCH % "app-3")["data"]["batch"]["itemCount"] == 12


@pytest.mark.parametrize("prefix", ["", "/batches"])
def test_behind_a_proxy_that_cuts_its_prefix_off_or_not(sandbox: str, prefix: str) -> None:
    with serve(app_of(sandbox, root_path="/batches"), lifespan="on") as (host, port):
        base = f"http://{host}:{port}{prefix}"
        assert ask(base, "{ __typename }") == {"data": {"__typename": "Query"}}
        assert httpx.get(f"{base}/_assets/static/graphiql.js", trust_env=False).status_code == 200
        assert "<title>Board" in httpx.get(f"{base}/", trust_env=False).text


def test_the_prefix_without_its_slash_leads_to_the_board(sandbox: str) -> None:
    with serve(app_of(sandbox, root_path="/batches"), lifespan="on") as (host, port):
        answer = httpx.get(f"http://{host}:{port}/batches", trust_env=False)
        assert (answer.status_code, answer.headers["location"]) == (307, "/batches/")
        assert "<title>Board" in httpx.get(answer.url.join("/batches/"), trust_env=False).text
        assert httpx.get(f"http://{host}:{port}/batchesx", trust_env=False).status_code == 404


def test_settings_are_checked_without_a_file_too() -> None:
    with pytest.raises(SettingsError, match=r"settings: accounts\[0\]\.marketplace"):
        make_settings({"accounts": [{"name": "x", "marketplace": "nowhere"}]})


def test_a_store_that_cannot_be_opened_does_not_stop_the_gateway(sandbox: str, tmp_path: Any) -> None:
    (tmp_path / "kept.db").write_text("no database " * 1000)
    settings = make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": str(tmp_path / "kept.db")}})
    with serve(create_app(settings), lifespan="on") as (host, port):
        assert ask(f"http://{host}:{port}", BATCH % "app-4")["data"]["batch"]["itemCount"] == 12


def test_a_gateway_that_is_not_open_yet_is_not_ready() -> None:
    with serve(create_app(make_settings({})), lifespan="off") as (host, port):
        assert httpx.get(f"http://{host}:{port}/readyz", trust_env=False).status_code == 503
        assert httpx.get(f"http://{host}:{port}/graphql", trust_env=False).status_code == 503
