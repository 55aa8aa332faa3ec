"""The same bytes over and over on one connection, which the gateway need not read: who is let in is asked each time."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.repeats import Repeats
from gateway.sandbox.app import create_sandbox
from tests.access_world import Running, client, running, settings
from tests.live_server import serve, until

ONE, TWO = "token-of-one", "token-of-two"
CLIENTS = [client("one", ONE, "trendyol-demo"), client("two", TWO, "mircate-demo")]
DONE = '{ batch(ref: {source: TRENDYOL, id: "done-1"}) { ... on NormalizedBatch { id status account } } }'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


class Connection:
    """One connection that is kept."""

    def __init__(self, world: Running) -> None:
        host, port = world.url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def ask(self, token: str, query: str = DONE, more: str = "") -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers."""
        body = json.dumps({"query": query}).encode()
        head = f"POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{more}"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        told, _, found = data.partition(b"\r\n\r\n")
        lines = told.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        while len(found) < int(headers["content-length"]):
            found += self._more()
        return int(lines[0].split(" ")[1]), json.loads(found), headers

    def _more(self) -> bytes:
        part = self._socket.recv(65_536)
        assert part, "closed"
        return part


def warm(connection: Connection, token: str) -> tuple[int, Any, dict[str, str]]:
    """The answer, once it comes by the shortest way."""
    until(lambda: connection.ask(token)[1] == connection.ask(token)[1])
    return [connection.ask(token) for _ in range(5)][-1]


def repeats(world: Running) -> Repeats:
    found = world.app._repeats
    assert found is not None
    return found


def test_each_client_is_answered_its_own_on_whatever_connection(sandbox: str) -> None:
    with running(settings(sandbox, clients=CLIENTS)) as world, Connection(world) as first, Connection(world) as second:
        status, seen, headers = warm(first, ONE)
        assert (status, seen["data"]["batch"]["account"]) == (200, "trendyol-demo")
        assert repeats(world)._heads, "it is remembered"
        for connection in (first, second):
            for _ in range(3):
                assert connection.ask(TWO)[1]["errors"][0]["extensions"]["code"] == "UNKNOWN_ACCOUNT"
                assert connection.ask("nobody's")[0] == 401
                again = connection.ask(ONE)
                assert again[1] == seen
                assert {*again[2]} == {*headers}
                assert again[2]["x-request-id"] != headers["x-request-id"]
        # a page of another origin may not read it, however often it was answered
        assert "access-control-allow-origin" not in first.ask(ONE, more="origin: https://evil.example\r\n")[2]


def test_who_is_out_is_out_at_once(sandbox: str) -> None:
    given = settings(sandbox, clients=CLIENTS)
    with running(given) as world, Connection(world) as connection:
        assert warm(connection, ONE)[0] == 200
        world.reload(settings(sandbox, clients=CLIENTS[1:]))
        assert [connection.ask(ONE)[0] for _ in range(3)] == [401] * 3
        world.reload(settings(sandbox, clients=[client("one", ONE, "mircate-demo"), CLIENTS[1]]))
        for _ in range(3):
            status, seen, _ = connection.ask(ONE)
            assert (status, seen["errors"][0]["extensions"]["code"]) == (200, "UNKNOWN_ACCOUNT")
        world.reload(given)
        assert warm(connection, ONE)[1]["data"]["batch"]["account"] == "trendyol-demo"


def test_what_is_answered_the_short_way_counts(sandbox: str) -> None:
    given = settings(sandbox, clients=CLIENTS, limits={"operations_per_second": 100})
    with running(given) as world, Connection(world) as connection:
        warm(connection, ONE)
        time.sleep(1.1)
        began = time.monotonic()
        seen = Counter(connection.ask(ONE)[0] for _ in range(400))
        took = time.monotonic() - began
        assert seen[200] <= 100 * (1 + took) + 2
        assert seen[200] + seen[429] == 400
