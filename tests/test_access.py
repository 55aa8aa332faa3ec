"""Clients by token over every transport: who is let in, what they are told, and how they are let go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from gateway.sandbox.app import create_sandbox
from gateway.settings import Settings
from tests.access_world import (
    BATCH,
    FOLLOW,
    RESPONSE,
    Running,
    bearer,
    client,
    closing,
    code,
    hear,
    let_in,
    running,
    say,
    settings,
)
from tests.live_server import serve, until

ONE, TWO = "token-of-one", "token-of-two"
CLIENTS = [client("one", ONE, "trendyol-demo"), client("two", TWO, "mircate-demo")]
EVENTS = "text/event-stream"
PARTS = "multipart/mixed;subscriptionSpec=1.0"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


def given(sandbox: str, **tables: Any) -> Settings:
    return settings(sandbox, **{"clients": CLIENTS, **tables})


@pytest.fixture(scope="module")
def world(sandbox: str) -> Iterator[Running]:
    with running(given(sandbox, server={"cors_origins": ["https://shop.example"]})) as world:
        yield world


@pytest.mark.parametrize("accept", [RESPONSE, "application/json", EVENTS, PARTS, "*/*"])
@pytest.mark.parametrize("shown", [{}, {"authorization": "Bearer nobody's"}, {"authorization": f"Basic {ONE}"}])
def test_without_a_good_token_everything_is_401(world: Running, accept: str, shown: dict[str, str]) -> None:
    for query in (BATCH % "a", FOLLOW % "a", "{", "{ __typename }"):
        answer = world.post(query, {**shown, "accept": accept})
        assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_scheme_is_read_in_any_case(world: Running) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = world.post("{ __typename }", {"authorization": f"{scheme}  {ONE}"})
        assert answer.json() == {"data": {"__typename": "Query"}}


def test_an_account_of_others_reads_like_one_that_is_not_there(world: Running) -> None:
    query = '{ batch(ref: {source: MIRCATE, id: "x", account: "%s"}) { ... on NormalizedBatch { id } } }'
    hidden = world.post(query % "mircate-demo", bearer(ONE)).json()
    absent = world.post(query % "no-such-thing", bearer(ONE)).json()
    assert hidden == absent
    assert hidden["errors"][0]["extensions"]["code"] == "UNKNOWN_ACCOUNT"
    seen = world.post("{ marketplaces { accounts { name } } }", bearer(ONE)).json()
    assert seen == {"data": {"marketplaces": [{"accounts": [{"name": "trendyol-demo"}]}]}}


@pytest.mark.parametrize(
    "payload",
    [
        {"Authorization": f"Bearer {ONE}"},
        {"authorization": f"bearer {ONE}"},
        {"AUTHORIZATION": f"Bearer {ONE}"},
        {"token": ONE},
        {"Authorization": f"Bearer {ONE}", "token": "other"},
    ],
)
def test_sockets_show_their_token_in_connection_init(world: Running, payload: Any) -> None:
    with world.socket() as socket:
        let_in(socket, payload)
        say(socket, type="subscribe", id="1", payload={"query": "{ marketplaces { accounts { name } } }"})
        told = hear(socket)["payload"]["data"]
        assert told == {"marketplaces": [{"accounts": [{"name": "trendyol-demo"}]}]}


def test_programs_may_send_the_header_with_the_handshake(world: Running) -> None:
    with world.socket(bearer(TWO)) as socket:
        let_in(socket)
        # what connection_init brings counts more
    with world.socket(bearer("nobody's")) as socket:
        let_in(socket, {"token": ONE})


@pytest.mark.parametrize(
    "payload", [None, {}, {"token": "nobody's"}, {"token": 5}, {"Authorization": ONE}, {"Authorization": ["x"]}]
)
def test_sockets_without_a_good_token_are_closed_with_4403(world: Running, payload: Any) -> None:
    with world.socket() as socket:
        say(socket, type="connection_init", **({} if payload is None else {"payload": payload}))
        status, reason = closing(socket)
        assert (status, bool(reason)) == (4403, True)


def test_operations_before_connection_init_close_with_4401(world: Running) -> None:
    with world.socket() as socket:
        say(socket, type="subscribe", id="1", payload={"query": "{ __typename }"})
        assert closing(socket) == (4401, "Unauthorized")


def test_the_page_and_its_files_need_no_token(world: Running) -> None:
    page = world.ask("GET", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path in ("/", "/healthz", "/readyz", "/_assets/static/graphiql.js"):
        assert world.ask("GET", path).status_code == 200


def test_a_token_in_the_address_is_not_read(world: Running) -> None:
    for name in ("token", "access_token", "authorization", "ticket"):
        answer = world.ask("GET", params={"query": "{ __typename }", name: ONE})
        assert answer.status_code == 401


def ticket_of(world: Running, token: str) -> str:
    answer = world.ask(path="/graphql/ticket", headers=bearer(token))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json()["expiresIn"] == 60
    return answer.json()["ticket"]


def test_a_ticket_lets_an_event_source_in_once(world: Running) -> None:
    ticket = ticket_of(world, ONE)
    params = {"query": FOLLOW % "ticket-1", "ticket": ticket}
    url = f"{world.url}/graphql"
    with httpx.stream("GET", url, params=params, headers={"accept": EVENTS}, trust_env=False) as answer:
        assert answer.status_code == 200
        assert next(line for line in answer.iter_lines() if line.startswith("data: {"))
    again = world.ask("GET", params=params, headers={"accept": EVENTS})
    assert (again.status_code, code(again)) == (401, "UNAUTHENTICATED")
    finished = world.ask("GET", params=params, headers={"accept": EVENTS, "last-event-id": "complete"})
    assert finished.status_code == 204


def test_a_ticket_has_the_accounts_of_its_client(world: Running) -> None:
    params = {"query": "{ marketplaces { accounts { name } } }", "ticket": ticket_of(world, TWO)}
    answer = world.ask("GET", params=params)
    assert answer.json() == {"data": {"marketplaces": [{"accounts": [{"name": "mircate-demo"}]}]}}


def test_tickets_are_given_for_tokens_alone(world: Running) -> None:
    assert world.ask(path="/graphql/ticket").status_code == 401
    assert world.ask(path="/graphql/ticket", params={"ticket": ticket_of(world, ONE)}).status_code == 401
    assert world.ask("GET", "/graphql/ticket", headers=bearer(ONE)).status_code == 405


def test_a_client_that_is_taken_out_loses_its_streams_and_nobody_else_does(sandbox: str) -> None:
    """Over all three streaming transports at once, side by side with a client that stays."""
    with (
        running(given(sandbox)) as world,
        world.stream(FOLLOW % "slow-out", bearer(ONE), EVENTS) as events,
        world.stream(FOLLOW % "slow-out", bearer(ONE), PARTS) as parts,
        world.socket() as leaving,
        world.socket() as staying,
    ):
        let_in(leaving, {"token": ONE})
        let_in(staying, {"token": TWO})
        other = 'subscription { batchUpdates(refs: [{source: MIRCATE, id: "slow-stays"}]) { isFinal } }'
        say(leaving, type="subscribe", id="1", payload={"query": FOLLOW % "slow-out"})
        say(staying, type="subscribe", id="1", payload={"query": other})
        assert hear(leaving)["type"] == hear(staying)["type"] == "next"
        ticket = ticket_of(world, ONE)

        world.reload(given(sandbox, clients=CLIENTS[1:]))

        assert closing(leaving) == (4403, "Credentials are no longer valid")
        for stream in (events, parts):
            assert "UNAUTHENTICATED" in "".join(stream.iter_text())
        say(staying, type="ping")
        while hear(staying)["type"] != "pong":
            pass
        assert world.post("{ __typename }", bearer(ONE)).status_code == 401
        assert world.post("{ __typename }", bearer(TWO)).status_code == 200
        assert world.ask("GET", params={"query": "{ __typename }", "ticket": ticket}).status_code == 401


def test_a_client_whose_accounts_change_starts_over(sandbox: str) -> None:
    with running(given(sandbox)) as world, world.socket() as socket:
        let_in(socket, {"token": ONE})
        world.reload(given(sandbox, clients=[client("one", ONE, "mircate-demo"), CLIENTS[1]]))
        assert closing(socket)[0] == 4403
        seen = world.post("{ marketplaces { marketplace } }", bearer(ONE)).json()
        assert seen == {"data": {"marketplaces": [{"marketplace": "MIRCATE"}]}}


def test_a_gateway_that_loses_its_last_client_shuts_and_does_not_open(sandbox: str) -> None:
    with running(given(sandbox)) as world:
        assert world.post("{ __typename }", bearer(ONE)).status_code == 200
        world.reload(given(sandbox, clients=[]))
        for headers in ({}, bearer(ONE)):
            assert world.post("{ __typename }", headers).status_code == 401


def test_an_open_gateway_ends_its_streams_when_clients_are_configured(sandbox: str) -> None:
    with running(given(sandbox, clients=[])) as world, world.socket() as socket:
        let_in(socket)
        world.reload(given(sandbox))
        assert closing(socket)[0] == 4403
        assert world.post("{ __typename }").status_code == 401


def test_without_clients_no_public_name_leads_to_the_gateway(sandbox: str) -> None:
    """DNS rebinding: a page at evil.example.com whose name suddenly means 127.0.0.1."""
    with running(given(sandbox, clients=[])) as world:
        for host in ("evil.com", "evil.com:8000", "a.b.shop.co"):
            answer = world.post("{ __typename }", {"host": host})
            assert (answer.status_code, code(answer)) == (403, "FORBIDDEN_HOST")
        for host in ("127.0.0.1", "localhost:8000", "[::1]:80", "gateway", "gateway.test", "x.localhost"):
            assert world.post("{ __typename }", {"host": host}).status_code == 200


def test_pages_of_listed_origins_may_ask_and_read(world: Running) -> None:
    origin = {"origin": "https://shop.example"}
    asked = world.ask("OPTIONS", headers={**origin, "access-control-request-method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "https://shop.example"
    allowed = asked.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "accept", "apollographql-client-name"} <= set(allowed)
    assert "access-control-allow-credentials" not in asked.headers
    for answer in (world.post("{ __typename }", {**origin, **bearer(ONE)}), world.post("{", origin)):
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert "Origin" in answer.headers["vary"]
    assert world.ask("GET", params={"query": "{ __typename }"}, headers={**origin, **bearer(ONE)}).status_code == 200


def test_pages_of_other_origins_may_not(world: Running) -> None:
    for origin in ("https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"):
        headers = {"origin": origin, **bearer(ONE)}
        asked = world.ask("OPTIONS", headers={**headers, "access-control-request-method": "POST"})
        assert "access-control-allow-methods" not in asked.headers
        answer = world.ask("GET", params={"query": "{ __typename }"}, headers=headers)
        assert (answer.status_code, code(answer)) == (403, "CROSS_SITE")
        for seen in (asked, answer):
            assert "access-control-allow-origin" not in seen.headers
        with pytest.raises(InvalidStatus) as refused, world.socket(origin=origin):  # type: ignore[arg-type]
            pass
        assert refused.value.response.status_code == 403


def test_sockets_of_listed_origins_are_let_in(sandbox: str) -> None:
    with running(given(sandbox, server={"allowed_origins": ["https://shop.example"]})) as world:
        with world.socket(origin="https://shop.example") as socket:  # type: ignore[arg-type]
            let_in(socket, {"token": ONE})
        asked = world.ask(
            "OPTIONS", headers={"origin": "https://shop.example", "access-control-request-method": "POST"}
        )
        assert "access-control-allow-origin" not in asked.headers


def test_every_answer_carries_the_guards(world: Running) -> None:
    answers = [
        world.post("{ __typename }", bearer(ONE)),
        world.post("{"),
        world.ask("GET", "/nothing"),
        world.ask("GET", "/healthz"),
        world.ask("GET", headers={"accept": "text/html"}),
        world.ask("GET", "/_assets/static/graphiql.js"),
        world.ask("PUT"),
        world.ask(path="/graphql/ticket"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "cache-control" in answer.headers
        assert answer.headers["x-request-id"]
        assert "set-cookie" not in answer.headers
        assert "strict-transport-security" not in answer.headers


def test_what_trusted_proxies_say_is_believed(sandbox: str) -> None:
    with running(given(sandbox, server={"trusted_proxies": ["127.0.0.0/8"]})) as world:
        secure = world.post("{ __typename }", {**bearer(ONE), "x-forwarded-proto": "https"})
        assert "strict-transport-security" in secure.headers


def test_production_switches_introspection_graphiql_and_suggestions_off(sandbox: str) -> None:
    with running(given(sandbox, server={"profile": "production"})) as world:
        for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Query") { name } }'):
            assert code(world.post(query, bearer(ONE))) == "GRAPHQL_VALIDATION_FAILED"
        told = world.post("{ marketplace { name } }", bearer(ONE)).text
        assert "Did you mean" not in told
        assert world.ask("GET", headers={"accept": "text/html"}).status_code != 200
        assert world.post("{ __typename }", bearer(ONE)).status_code == 200


def test_metrics_are_for_clients_that_may_see_every_account(sandbox: str) -> None:
    clients = [*CLIENTS, client("all", "token-of-all", "*"), {**client("prometheus", "token-of-p"), "metrics": True}]
    with running(given(sandbox, clients=clients)) as world:
        for headers, status in (
            ({}, 401),
            (bearer("nobody's"), 401),
            (bearer(ONE), 403),
            (bearer("token-of-all"), 200),
            (bearer("token-of-p"), 200),
        ):
            answer = world.ask("GET", "/metrics", headers=headers)
            assert answer.status_code == status
            assert ("trendyol-demo" in answer.text) is (status == 200)
            assert (answer.headers.get("www-authenticate") is not None) is (status == 401)
        seen = world.post("{ marketplaces { marketplace } }", bearer("token-of-p")).json()
        assert seen == {"data": {"marketplaces": []}}, "it may read metrics, and nothing else"
        ticket = ticket_of(world, "token-of-all")
        assert world.ask("GET", "/metrics", params={"ticket": ticket}).status_code == 401


def test_who_is_not_let_in_is_counted(sandbox: str) -> None:
    clients = [client("all", "token-of-all", "*")]
    with running(given(sandbox, clients=clients, limits={"refusals": 3})) as world:

        def counts() -> dict[str, str]:
            text = world.ask("GET", "/metrics", headers=bearer("token-of-all")).text
            return dict(re.findall(r'batch_gateway_refusals_total\{code="(\w+)"\} (\S+)', text))

        assert set(counts().values()) == {"0.0"}
        with world.socket() as socket:
            say(socket, type="connection_init")
            assert closing(socket)[0] == 4403
        for path in ("/graphql", "/graphql/ticket", "/metrics", "/graphql"):
            world.ask("POST", path, headers=bearer("nobody's"), json={"query": "{ __typename }"})
        assert (counts()["unauthenticated"], counts()["rate_limited"]) == ("3.0", "2.0")


def test_metrics_can_be_open_to_all_or_to_nobody(sandbox: str) -> None:
    with running(given(sandbox, server={"metrics_open": True})) as world:
        assert world.ask("GET", "/metrics").status_code == 200
    with running(given(sandbox, server={"metrics": False, "metrics_open": True})) as world:
        assert world.ask("GET", "/metrics").status_code == 404
    with running(given(sandbox, clients=[])) as world:
        assert world.ask("GET", "/metrics").status_code == 200
        assert world.ask("GET", "/metrics", headers={"host": "evil.com"}).status_code == 403


def test_nobody_holds_anything_at_the_end(world: Running) -> None:
    endpoint = world.app._graphql
    assert endpoint is not None
    until(lambda: endpoint.dump() == {"live": 0, "streams": 0, "sockets": 0})
