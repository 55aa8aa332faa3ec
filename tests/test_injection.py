"""What clients send, with line ends, escape codes and slashes in it, everywhere a client can put a word.

It reaches no line of the log, no path of a marketplace and no header unencoded, and nobody's error but its own.
"""

from __future__ import annotations

import io
import json
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from gateway.observe.logs import JsonFormatter, PrettyFormatter
from gateway.observe.writing import LineHandler
from gateway.sandbox.app import create_sandbox
from tests.access_world import RESPONSE, Running, bearer, client, closing, hear, let_in, running, say, settings
from tests.live_server import serve

EVIL = 'x\n12:00:00 ERROR  faked.event \x1b[31mred\x1b[0m\r{"event":"faked.event"}\u2028\u202e/../../admin?a=b#c%2f'
TOKEN = "token-of-one"
FAKED = re.compile(r"^[\d:.]+ +ERROR +faked\.event|^\{\"event\":\"faked", re.MULTILINE)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\u202a-\u202e]")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def world(sandbox: str) -> Iterator[Running]:
    with running(settings(sandbox, clients=[client("one", TOKEN, "*")])) as world:
        yield world


@pytest.fixture
def logs() -> Iterator[list[io.StringIO]]:
    """All that is told, for machines and for people."""
    written: list[io.StringIO] = []
    handlers: list[logging.Handler] = []
    names = ("gateway", "adapters", "schema")
    for formatter in (JsonFormatter(), PrettyFormatter(has_colours=False)):
        stream = io.StringIO()
        handler = LineHandler(stream)
        handler.setFormatter(formatter)
        handlers.append(handler)
        written.append(stream)
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        for handler in handlers:
            logger.addHandler(handler)
    yield written
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        for handler in handlers:
            logger.removeHandler(handler)


def read(logs: list[io.StringIO]) -> tuple[str, str]:
    for name in ("gateway",):
        for handler in logging.getLogger(name).handlers:
            handler.flush()
    machine, people = (stream.getvalue() for stream in logs)
    return machine, people


def check(logs: list[io.StringIO]) -> None:
    machine, people = read(logs)
    assert machine
    for line in machine.splitlines():
        told = json.loads(line)
        assert told["event"] != "faked.event"
    for text in (machine, people):
        assert not FAKED.search(text), text
        assert not CONTROL.search(text), text
        assert TOKEN not in text


BODIES: list[dict[str, Any]] = [
    {"query": "query ($id: ID!) { batch(ref: {source: TRENDYOL, id: $id}) { __typename } }", "variables": {"id": EVIL}},
    {"query": "query ($id: ID!) { batch(ref: {source: MIRCATE, id: $id}) { __typename } }", "variables": {"id": EVIL}},
    {
        "query": 'query ($a: String) { batch(ref: {source: TRENDYOL, id: "x", account: $a}) { __typename } }',
        "variables": {"a": EVIL},
    },
    {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": EVIL}},
    {"query": "{ __typename }", "operationName": EVIL},
    {"query": EVIL},
    {"query": "{ __typename }", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": EVIL}}},
    {"documentId": EVIL},
    {"query": "query ($x: Int) { __typename }", "variables": {"x": EVIL, EVIL: 1}},
    {EVIL: EVIL},
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_over_http_and_a_socket(world: Running, logs: list[io.StringIO], body: dict[str, Any]) -> None:
    answer = world.ask(json=body, headers={**bearer(TOKEN), "accept": RESPONSE})
    assert answer.status_code in {200, 400}
    assert "INTERNAL" not in answer.text
    with world.socket() as socket:
        let_in(socket, {"token": TOKEN})
        say(socket, type="subscribe", id=EVIL, payload=body)
        with suppress(Exception):
            told = hear(socket)
            assert told["id"] == EVIL
            assert "INTERNAL" not in json.dumps(told)
    with world.socket() as socket:
        let_in(socket, {"token": TOKEN})
        for _ in range(2):
            say(
                socket,
                type="subscribe",
                id=EVIL,
                payload={
                    "query": 'subscription { batchUpdates(refs: [{source: TRENDYOL, id: "slow-i"}]) { isFinal } }'
                },
            )
        assert closing(socket)[0] == 4409
    check(logs)


def raw(world: Running, request: bytes) -> bytes:
    host, port = world.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "name", ["x-request-id", "user-agent", "accept", "origin", "traceparent", "authorization", "host"]
)
@pytest.mark.parametrize(
    "value", [b"a\x1b[31mb", b"a\xe2\x80\xa8b", b"a\tfaked.event", b"a" * 300, b"\xff\xfe", b"a\r\n faked.event"]
)
def test_headers(world: Running, logs: list[io.StringIO], name: str, value: bytes) -> None:
    head = b"GET /graphql?query={__typename} HTTP/1.1\r\nconnection: close\r\n"
    answer = raw(world, head + name.encode() + b": " + value + b"\r\n\r\n")
    status = int(answer.split(b" ", 2)[1])
    assert status in {200, 400, 401, 403, 406, 431}
    assert b"a\x1b" not in answer.partition(b"\r\n\r\n")[0]
    world.post("{ __typename }", bearer(TOKEN))
    check(logs)


@pytest.mark.parametrize(
    "path",
    [
        "/a%0a12:00:00%20ERROR%20faked.event",
        "/%1b[31m",
        "/graphql/%0d%0aset-cookie:x=y",
        "/%E2%80%A8",
        "//evil.com",
        "/%2e%2e/x",
    ],
)
def test_paths(world: Running, logs: list[io.StringIO], path: str) -> None:
    answer = raw(world, f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"set-cookie" not in answer.lower()
    check(logs)


def test_ids_stay_within_their_part_of_a_marketplaces_path() -> None:
    """A marketplace is asked for the same path, but for the part that is the id, or not at all."""
    asked: list[tuple[int, bytes]] = []

    async def marketplace(scope: Any, receive: Any, send: Any) -> None:
        asked.append((scope["raw_path"].count(b"/"), scope["query_string"]))
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    query = "query ($r: [BatchRef!]!) { batches(refs: $r) { error { code } } }"
    with serve(marketplace) as (host, port), running(settings(f"http://{host}:{port}")) as world:
        for source in ("TRENDYOL", "IDEFIX_FAST_LISTING", "MIRCATE", "SURECART_BATCH"):
            answer = world.post(query, variables={"r": [{"source": source, "id": "plain"}]}).json()
            assert answer["data"]["batches"][0]["error"]["code"] == "NOT_FOUND", answer
            expected = set(asked)
            for given in (
                "../../orders",
                "a/b",
                "a?x=1",
                "a#b",
                "a%2fb",
                "a\\b",
                "a;b",
                ".",
                "..",
                "a b",
                "é",
                "a\r\nhost: x",
            ):
                answer = world.post(query, variables={"r": [{"source": source, "id": given}]})
                assert "INTERNAL" not in answer.text
            assert set(asked) == expected, source
            asked.clear()


def test_the_text_of_an_error_writes_no_line_of_its_own() -> None:
    error = ValueError("x\n12:00:00.000 ERROR   faked.event")
    record = logging.LogRecord("gateway.x", logging.ERROR, "x.py", 1, "engine.failed", None, (type(error), error, None))
    told = PrettyFormatter(has_colours=False).format(record)
    first, *others = told.splitlines()
    assert "engine.failed" in first
    assert all(line.startswith("    ") for line in others)
    assert not FAKED.search(told)
