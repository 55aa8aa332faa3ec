"""Every limit is crossed over real sockets: what was sent, and what came back. `pytest -s` prints the table."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from gateway.sandbox.app import create_sandbox
from tests.access_world import (
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
from tests.raw_clients import send_frame

DOCUMENTS = {"length": 4_000, "tokens": 600, "depth": 6, "aliases": 10, "fields": 60, "directives": 5, "errors": 3}
LIMITS = {
    "body": 20_000,
    "frame": 5_000,
    "operations": 2,
    "streams_per_client": 3,
    "sockets_per_client": 4,
    "sockets": 5,
    "head": 30_000,
    "tickets": 2,
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def world(sandbox: str) -> Iterator[Running]:
    given = settings(
        sandbox, limits=LIMITS, documents={**DOCUMENTS, "cost": 2_000}, queries={"references": 4, "await_timeout": 1}
    )
    with running(given) as world:
        yield world


@contextmanager
def impatient(sandbox: str, **waits: float) -> Iterator[Running]:
    """A gateway that waits for one thing so briefly; a busy machine may take its time for all else."""
    with running(settings(sandbox, limits=waits)) as world:
        yield world


def tell(limit: str, sent: str, came: object) -> None:
    print(f"| {limit} | {sent} | {came} |")


def batches(number: int, selection: str = "{ ref { batchId } }") -> str:
    refs = ", ".join(f'{{source: TRENDYOL, id: "hello-{n}"}}' for n in range(number))
    return f"{{ batches(refs: [{refs}]) {selection} }}"


def _deep(depth: int) -> str:
    inner = "{ name }"
    for _ in range(depth):
        inner = "{ x " + inner + " }"
    return inner


DOCUMENT_CASES = [
    ("document length", "{ __typename " + " " * DOCUMENTS["length"] + "}", "TOO_LONG"),
    ("tokens", "{ __typename " + "id " * DOCUMENTS["tokens"] + "}", "TOO_MANY_TOKENS"),
    ("depth", _deep(DOCUMENTS["depth"]), "TOO_DEEP"),
    ("aliases", "{" + " ".join(f"a{n}: __typename" for n in range(11)) + "}", "TOO_MANY_ALIASES"),
    ("fields", "{" + "__typename " * 61 + "}", "TOO_MANY_FIELDS"),
    ("directives", "{ __typename " + "@include(if: true) " * 6 + "}", "TOO_MANY_DIRECTIVES"),
    (
        "cost",
        batches(4, "{ batch { ... on NormalizedBatch { items(first: 900) { nodes { index } } } } }"),
        "TOO_COSTLY",
    ),
    ("references", batches(5), "BAD_USER_INPUT"),
    ("references of several fields", f"{{ a: {batches(3)[1:-1]} b: {batches(2)[1:-1]} }}", "BAD_USER_INPUT"),
]


@pytest.mark.parametrize(("limit", "query", "expected"), DOCUMENT_CASES, ids=[case[0] for case in DOCUMENT_CASES])
def test_documents(world: Running, limit: str, query: str, expected: str) -> None:
    answer = world.post(query, {"accept": RESPONSE})
    assert code(answer) == expected
    tell(limit, f"{len(query)} characters", f"{answer.status_code} {expected}")
    with world.socket() as socket:
        let_in(socket)
        say(socket, type="subscribe", id="1", payload={"query": query})
        told = hear(socket)
        errors = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == expected


def test_validation_errors(world: Running) -> None:
    answer = world.post("{ a b c d e f g h }", {"accept": RESPONSE})
    told = answer.json()["errors"]
    assert len(told) == DOCUMENTS["errors"]
    tell("validation errors", "8 unknown fields", f"{answer.status_code}, {len(told)} errors")


def test_what_issue_and_pages_need_is_within_the_defaults(sandbox: str) -> None:
    """A thousand items with eight fields, and forty batches at once."""
    fields = "index key title status sourceStatus nextStep failures { code message }"
    items = f"items(first: 1000) {{ nodes {{ {fields} }} }}"
    query = f'{{ batch(ref: {{source: TRENDYOL, id: "hello-1"}}) {{ ... on NormalizedBatch {{ {items} }} }} }}'
    with running(settings(sandbox)) as world:
        answer = world.post(query).json()
        assert "TOO_COSTLY" not in json.dumps(answer)
        assert "errors" not in world.post(batches(40)).json()


def test_body(world: Running) -> None:
    answer = world.post("{ __typename }", variables={"x": "y" * LIMITS["body"]})
    assert (answer.status_code, code(answer)) == (413, "BODY_TOO_LARGE")
    tell("body", "20,045 bytes", "413 BODY_TOO_LARGE")
    answer = world.ask("GET", params={"query": "{ __typename }", "variables": " " * 25_000})
    assert (answer.status_code, code(answer)) == (414, "URI_TOO_LONG")
    tell("query string", "25,000 bytes", "414 URI_TOO_LONG")


def connected(world: Running) -> socket.socket:
    host, port = world.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def answer_on(raw: socket.socket) -> bytes:
    """All that comes until the gateway closes the connection."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := raw.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize("parts", [1, 40])
@pytest.mark.parametrize("is_whole", [True, False])
def test_heads(world: Running, parts: int, is_whole: bool) -> None:
    """As one header, and as many; with an end, and without one."""
    lines = [b"x-%d: %s\r\n" % (n, b"y" * (40_000 // parts)) for n in range(parts)]
    with connected(world) as raw:
        with contextlib.suppress(OSError):
            for line in [b"GET /healthz HTTP/1.1\r\nhost: x\r\n", *lines, b"\r\n" if is_whole else b"x"]:
                raw.sendall(line)
                time.sleep(0.001)
        assert answer_on(raw).startswith(b"HTTP/1.1 431 ")
    assert world.ask("GET", "/healthz", headers={"x": "y" * 20_000}).status_code == 200
    tell("head", "40,000 bytes of headers", "431, and the connection is closed")


@pytest.mark.parametrize("sent", [b"", b"GET /graphql HTTP/1.1\r\nhost: x\r\n"])
def test_heads_that_do_not_arrive(sandbox: str, sent: bytes) -> None:
    with impatient(sandbox, body_wait=0.4) as world:
        with connected(world) as raw:
            raw.sendall(sent)
            assert answer_on(raw).startswith(b"HTTP/1.1 408 ")
        # and after another request on the same connection
        with connected(world) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /hea")
            answer = answer_on(raw)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"HTTP/1.1 408 " in answer
    tell("time to send a request", "half a head", "408, and the connection is closed")


def test_a_request_that_does_not_arrive(sandbox: str) -> None:
    with impatient(sandbox, body_wait=0.4) as world, connected(world) as raw:
        raw.sendall(
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
        )
        began = time.monotonic()
        answer = raw.recv(4_096)
    assert b" 408 " in answer.split(b"\r\n", 1)[0]
    tell("time to send a request", "1 of 50 bytes", f"408 after {time.monotonic() - began:.1f} s")


def test_frames(world: Running) -> None:
    with world.socket() as socket:
        let_in(socket)
        say(socket, type="ping", payload={"x": "y" * LIMITS["frame"]})
        assert closing(socket)[0] == 1009
    tell("frame", "5,041 bytes", "close 1009")


def test_sockets_that_say_nothing(sandbox: str) -> None:
    with impatient(sandbox, init_wait=0.4) as world, world.socket() as socket:
        assert closing(socket)[0] == 4408
    tell("wait for connection_init", "nothing for 0.4 s", "close 4408")
    with impatient(sandbox, idle=0.6) as world, world.socket() as socket:
        let_in(socket)
        assert closing(socket)[0] == 1000
    tell("idle socket", "nothing for 0.6 s", "close 1000")


def test_operations_on_one_socket(world: Running) -> None:
    with world.socket() as socket:
        let_in(socket)
        for number in range(3):
            query = FOLLOW % f"slow-{number}"
            say(socket, type="subscribe", id=str(number), payload={"query": query})
        told = [hear(socket) for _ in range(3)]
        [refused] = [message for message in told if message["type"] == "error"]
        assert (refused["id"], refused["payload"][0]["extensions"]["code"]) == ("2", "TOO_MANY_OPERATIONS")
    tell("operations on one socket", "the 3rd", "error TOO_MANY_OPERATIONS")


def test_streams(world: Running) -> None:
    with ExitStack() as stack:
        for number in range(3):
            stream = stack.enter_context(world.stream(FOLLOW % f"slow-s{number}", {}, "text/event-stream"))
            assert stream.status_code == 200
        answer = world.post(FOLLOW % "slow-s4", {"accept": "text/event-stream"})
        assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "TOO_MANY_STREAMS", "1")
        tell("streams of one client", "the 4th", "429 TOO_MANY_STREAMS, Retry-After: 1")


def test_sockets(world: Running) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            let_in(stack.enter_context(world.socket()))
        fifth = stack.enter_context(world.socket())
        with pytest.raises(InvalidStatus) as refused, world.socket():
            pass
        assert refused.value.response.status_code == 503
        say(fifth, type="connection_init")
        assert closing(fifth)[0] == 1013
    tell("sockets of one client", "the 5th", "close 1013")
    tell("sockets of all", "the 6th handshake", "503")


def test_streams_of_all(sandbox: str) -> None:
    with running(settings(sandbox, limits={"streams": 1})) as world:
        with world.stream(FOLLOW % "slow-all", {}, "text/event-stream") as stream:
            assert stream.status_code == 200
            answer = world.post(FOLLOW % "slow-all", {"accept": "text/event-stream"})
            assert (answer.status_code, code(answer)) == (429, "TOO_MANY_STREAMS")
            with world.socket() as socket:
                let_in(socket)
                say(socket, type="subscribe", id="1", payload={"query": FOLLOW % "slow-all"})
                assert hear(socket)["payload"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
        tell("streams of all", "the 2nd", "429 TOO_MANY_STREAMS, Retry-After: 1")


def test_queries_at_one_time(sandbox: str) -> None:
    wait = '{ awaitBatch(ref: {source: TRENDYOL, id: "slow-wait"}, timeout: 20) { __typename } }'
    with running(settings(sandbox, limits={"requests": 1})) as world:
        endpoint = world.app._graphql
        assert endpoint is not None
        with connected(world) as raw:
            body = json.dumps({"query": wait}).encode()
            head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            raw.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
            until(lambda: endpoint.dump()["live"] == 1)
            answer = world.post("{ __typename }")
            assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "OVERLOADED", "1")
            tell("queries at one time", "the 2nd", "503 OVERLOADED, Retry-After: 1")
            with world.socket() as socket:
                let_in(socket)
                say(socket, type="subscribe", id="1", payload={"query": "{ __typename }"})
                assert hear(socket)["payload"][0]["extensions"]["code"] == "OVERLOADED"
        until(lambda: endpoint.dump()["live"] == 0)
        assert world.post("{ __typename }").status_code == 200


def test_queries_of_one_client(sandbox: str) -> None:
    wait = '{ awaitBatch(ref: {source: TRENDYOL, id: "slow-wait"}, timeout: 20) { __typename } }'
    clients = [client(name, f"token-of-{name}", "*") for name in ("one", "two")]
    with running(settings(sandbox, clients=clients, limits={"requests_per_client": 2})) as world, ExitStack() as stack:
        endpoint = world.app._graphql
        assert endpoint is not None
        for _ in range(2):
            socket = stack.enter_context(world.socket(bearer("token-of-one")))
            let_in(socket)
            say(socket, type="subscribe", id="1", payload={"query": wait})
        until(lambda: endpoint._crowd.queries.count == 2)
        answer = world.post("{ __typename }", bearer("token-of-one"))
        assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "TOO_MANY_REQUESTS", "1")
        say(socket, type="subscribe", id="2", payload={"query": "{ __typename }"})
        assert hear(socket)["payload"][0]["extensions"] == {"code": "TOO_MANY_REQUESTS", "retryAfter": 1}
        tell("queries of one client", "the 3rd", "429 TOO_MANY_REQUESTS, Retry-After: 1")
        assert world.post("{ __typename }", bearer("token-of-two")).status_code == 200
        say(socket, type="complete", id="1")
        until(lambda: endpoint._crowd.queries.count == 1)
        assert world.post("{ __typename }", bearer("token-of-one")).status_code == 200
        stack.close()
        until(lambda: endpoint._crowd.queries.count == 0)


def test_a_client_that_does_not_read(sandbox: str) -> None:
    """Answers that nobody reads fill the connection's buffers; then it is dropped, and its place is free."""
    items = "index key title status sourceStatus nextStep failures { code message }"
    large = '{ batch(ref: {source: TRENDYOL, id: "hello-1"}) { ... on NormalizedBatch { %s } } }'
    query = large % " ".join(f"a{n}: items(first: 100) {{ nodes {{ {items} }} }}" for n in range(20))
    with running(settings(sandbox, limits={"send_wait": 0.4})) as world:
        endpoint = world.app._graphql
        assert endpoint is not None
        assert world.post(query).status_code == 200
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            raw.settimeout(10)
            host, port = world.url.removeprefix("http://").split(":")
            raw.connect((host, int(port)))
            key = base64.b64encode(os.urandom(16)).decode()
            raw.sendall(
                f"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                f"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
            )
            assert b" 101 " in raw.recv(4_096)
            until(lambda: endpoint.dump()["sockets"] == 1)
            began = time.monotonic()
            with contextlib.suppress(OSError):  # it may be dropped while it still asks
                send_frame(raw, {"type": "connection_init"})
                for number in range(60):
                    send_frame(raw, {"type": "subscribe", "id": str(number), "payload": {"query": query}})
            until(lambda: endpoint.dump()["sockets"] == 0)
            took = time.monotonic() - began
            assert took > 0.2
            tell("a client that does not read", "60 large questions", f"the connection is dropped after {took:.1f} s")


def test_tickets(sandbox: str) -> None:
    given = settings(sandbox, clients=[client("one", "token-of-one", "*")], limits=LIMITS)
    with running(given) as world:
        asked = [world.ask(path="/graphql/ticket", headers=bearer("token-of-one")) for _ in range(3)]
        assert [answer.status_code for answer in asked] == [200, 200, 429]
        assert (code(asked[2]), asked[2].headers["retry-after"]) == ("TOO_MANY_TICKETS", "60")
        params = {"query": "{ __typename }", "ticket": asked[0].json()["ticket"]}
        assert world.ask("GET", params=params).status_code == 200
        assert world.ask(path="/graphql/ticket", headers=bearer("token-of-one")).status_code == 200
        tell("tickets", "the 3rd", "429 TOO_MANY_TICKETS, Retry-After: 60")


def test_requests_without_a_good_token(sandbox: str) -> None:
    given = settings(
        sandbox,
        clients=[client("one", "token-of-one", "*")],
        limits={"refusals": 5},
        server={"trusted_proxies": ["127.0.0.1"]},
    )
    guesses = [
        {},
        bearer("wrong"),
        bearer("a.b.c"),
        {"authorization": "Basic x"},
        bearer("x" * 500),
        bearer("guess"),
        {},
    ]
    with running(given) as world:
        answers = [world.post("{ __typename }", headers) for headers in guesses]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
        assert code(answers[-1]) == "RATE_LIMITED"
        assert 30 <= int(answers[-1].headers["retry-after"]) <= 60
        tell("refusals", "the 6th wrong token in a minute", "429 RATE_LIMITED, Retry-After: 60")
        for path in ("/graphql/ticket", "/graphql"):
            assert world.ask(path=path, params={"ticket": "x"}).status_code == 429
        assert world.ask("GET", "/metrics").status_code == 429
        with world.socket() as socket:
            say(socket, type="connection_init", payload={"token": "guess"})
            assert closing(socket)[0] == 1013
        # others at the same address, and other addresses, are not in it
        assert world.post("{ __typename }", bearer("token-of-one")).status_code == 200
        with world.socket() as socket:
            let_in(socket, {"token": "token-of-one"})
        elsewhere = world.post("{ __typename }", {**bearer("wrong"), "x-forwarded-for": "203.0.113.7"})
        assert elsewhere.status_code == 401


def test_waits(sandbox: str) -> None:
    with running(settings(sandbox, queries={"await_timeout": 0.3})) as world:
        began = time.monotonic()
        answer = world.post('{ awaitBatch(ref: {source: TRENDYOL, id: "slow-w"}, timeout: 900) { __typename } }')
        took = time.monotonic() - began
        assert (answer.status_code, took < 15) == (200, True)  # neither the 900 s nor the usual 30
        assert answer.json()["data"]["awaitBatch"] is not None
        tell("awaitBatch", "timeout: 900", f"200, the latest state, after {took:.1f} s")


def test_work_on_fields_of_one_name(sandbox: str) -> None:
    with running(settings(sandbox, documents={"comparisons": 100})) as world:
        answer = world.post("{" + "a: __typename " * 100 + "}", {"accept": RESPONSE})
        assert (answer.status_code, code(answer)) == (400, "GRAPHQL_VALIDATION_FAILED")
        tell("comparisons", "100 fields of one name", "400 GRAPHQL_VALIDATION_FAILED")


def test_operations_per_second(sandbox: str) -> None:
    with running(settings(sandbox, limits={"operations_per_second": 5})) as world:
        answers = [world.post("{ __typename }") for _ in range(30)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert {code(answer) for answer in refused} == {"RATE_LIMITED"}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        tell("operations per second", f"30 at once, {30 - len(refused)} answered", "429 RATE_LIMITED, Retry-After: 1")
        with world.socket() as socket:
            let_in(socket)
            for number in range(20):
                say(socket, type="subscribe", id=str(number), payload={"query": "{ __typename }"})
            told: list[Any] = [hear(socket) for _ in range(20)]
            errors = [message["payload"][0]["extensions"] for message in told if message["type"] == "error"]
            assert {"code": "RATE_LIMITED", "retryAfter": 1} in errors
        time.sleep(2.1)
        assert world.post("{ __typename }").status_code == 200
