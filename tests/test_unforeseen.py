"""Errors that nobody foresaw, of every kind, on every transport and in the middle of streams: INTERNAL, and no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator

import httpx
import pytest
import strawberry
from websockets.sync.client import connect

from gateway.engine.engine import Engine
from gateway.transports.endpoint import GraphQLEndpoint
from tests.access_world import PLAIN, PROTOCOL
from tests.live_server import serve

SECRET = "postgres://user:secret@db"


class Unspeakable(Exception):
    """Even asking for its text fails."""

    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


KINDS: dict[str, Callable[[], BaseException]] = {
    "cancelled": lambda: asyncio.CancelledError(SECRET),
    "group": lambda: ExceptionGroup(SECRET, [ValueError(SECRET)]),
    "recursion": lambda: RecursionError(SECRET),
    "memory": lambda: MemoryError(SECRET),
    "stop": lambda: StopAsyncIteration(SECRET),
    "timeout": lambda: TimeoutError(SECRET),
    "connection": lambda: ConnectionResetError(SECRET),
    "unspeakable": lambda: Unspeakable(SECRET),
}


def error_of(kind: str) -> BaseException:
    return KINDS[kind]()


@strawberry.type
class Query:
    """Fails where it is asked to."""

    @strawberry.field
    def at_once(self, kind: str) -> str | None:
        raise error_of(kind)

    @strawberry.field
    async def later(self, kind: str) -> str | None:
        await asyncio.sleep(0)
        raise error_of(kind)

    @strawberry.field
    def fine(self) -> str:
        return "fine"


@strawberry.type
class Subscription:
    """Fails where it is asked to."""

    @strawberry.subscription
    async def first(self, kind: str) -> AsyncGenerator[str, None]:
        raise error_of(kind)
        yield ""

    @strawberry.subscription
    async def second(self, kind: str) -> AsyncGenerator[str, None]:
        yield "one"
        await asyncio.sleep(0)
        raise error_of(kind)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    endpoint = GraphQLEndpoint(Engine(strawberry.Schema(Query, subscription=Subscription)), lambda _: object())

    async def app(scope: object, receive: object, send: object) -> None:
        await endpoint(scope, receive, send)  # type: ignore[arg-type]

    with serve(app) as (host, port):
        yield f"{host}:{port}/graphql"


def check(text: str, times: int) -> None:
    assert text.count('"INTERNAL"') == times, text
    for word in ("secret", "Traceback", "Error", "tests"):
        assert word not in text


@pytest.mark.parametrize("kind", KINDS)
def test_over_http(address: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with httpx.Client(**PLAIN) as client:
        for field in ("atOnce", "later"):
            answer = client.post(f"http://{address}", json={"query": f'{{ {field}(kind: "{kind}") fine }}'})
            assert answer.status_code == 200
            check(answer.text, 1)
            number = answer.json()["errors"][0]["extensions"]["id"]
            assert any(number in record.getMessage() and record.exc_info for record in caplog.records)
        for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
            for field in ("first", "second"):
                body = {"query": f'subscription {{ {field}(kind: "{kind}") }}'}
                answer = client.post(f"http://{address}", json=body, headers={"accept": accept})
                assert answer.status_code == 200
                check(answer.text, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_over_a_socket_that_goes_on(address: str, kind: str) -> None:
    with connect(f"ws://{address}", subprotocols=[PROTOCOL], proxy=None) as socket:
        socket.send('{"type":"connection_init"}')
        assert json.loads(socket.recv(30)) == {"type": "connection_ack"}
        queries = ["{ atOnce(%s) fine }", "{ later(%s) }", "subscription { first(%s) }", "subscription { second(%s) }"]
        for number, query in enumerate(queries):
            text = query % f'kind: "{kind}"'
            socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": {"query": text}}))
        ended: set[str] = set()
        heard = ""
        while len(ended) < len(queries):
            text = str(socket.recv(30))
            heard += text
            message = json.loads(text)
            if message["type"] in {"complete", "error"}:
                ended.add(message["id"])
        check(heard, 4)
        socket.send('{"type":"ping"}')
        assert json.loads(socket.recv(30)) == {"type": "pong"}
