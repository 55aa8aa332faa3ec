"""Whole gateway, real sockets, random input: no fault of its own, and nothing lost for the request beside it."""

from __future__ import annotations

import contextlib
import json
import random
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from gateway.sandbox.app import create_sandbox
from tests.access_world import Running, bearer, client, closing, running, settings
from tests.live_server import serve, until

pytestmark = pytest.mark.slow

TOKEN = "token-of-the-fuzzer"
HTTP_INPUTS = 1_500
SOCKET_INPUTS = 400
HEAD = (
    "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\n"
    f"authorization: Bearer {TOKEN}\r\n"
)
SEEDS = [
    {"query": "{ __typename }"},
    {"query": '{ batch(ref: {source: TRENDYOL, id: "hello-1"}) { __typename } }'},
    {"query": "query ($n: Int!) { __typename }", "variables": {"n": 1}},
    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}},
    {"query": "{ __typename }", "operationName": "x", "extensions": {"a": [1]}},
]
MESSAGES = [{"id": "1", "type": "subscribe", "payload": seed} for seed in SEEDS] + [
    {"type": "ping"},
    {"type": "complete", "id": "1"},
    {"type": "connection_init"},
]
PIECES = [b"", b"\x00", b"\xff\xfe", b"{" * 50, b'"', b"\\ud800", b"[" * 3_000, b"null", b"9" * 400, b"\r\n", b"1e999"]


@pytest.fixture(scope="module")
def world() -> Iterator[Running]:
    with serve(create_sandbox()) as (host, port):
        given = settings(f"http://{host}:{port}", clients=[client("fuzzer", TOKEN, "*")], limits={"body_wait": 0.5})
        with running(given) as world:
            yield world


def mutated(seed: object, chance: random.Random) -> bytes:
    body = bytearray(json.dumps(seed).encode())
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(body) + 1)
        kind = chance.randrange(3)
        if kind == 0:
            body[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del body[at : at + chance.randint(1, 12)]
        else:
            body[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(body)


def status_of(world: Running, request: bytes) -> str:
    host, port = world.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        with contextlib.suppress(OSError):
            raw.sendall(request)
            raw.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := raw.recv(65_536):
                answer += part
    assert b"Traceback" not in answer
    return answer.split(b" ", 2)[1].decode() if answer else "closed"


def test_http(world: Running) -> None:
    chance = random.Random(6)
    seen: Counter[str] = Counter()
    for number in range(HTTP_INPUTS):
        body = mutated(chance.choice(SEEDS), chance)
        head = HEAD + f"content-length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        if number % 5 == 0:
            # the head itself
            line = mutated("GET /graphql?query={__typename}", chance).strip(b'"')
            request = line + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        status = status_of(world, request)
        seen[status] += 1
        assert not status.startswith("5"), request
        if number % 50 == 0:
            assert world.post("{ __typename }", bearer(TOKEN)).status_code == 200
    print(f"HTTP: {HTTP_INPUTS} inputs, {dict(seen)}")


def test_websocket(world: Running) -> None:
    chance = random.Random(7)
    seen: Counter[int] = Counter()
    for _ in range(SOCKET_INPUTS):
        with world.socket(bearer(TOKEN)) as wire:
            if chance.random() < 0.8:
                wire.send('{"type":"connection_init"}')
            with contextlib.suppress(Exception):
                for _ in range(chance.randint(1, 4)):
                    frame = mutated(chance.choice(MESSAGES), chance)
                    wire.send(frame if chance.random() < 0.1 else frame.decode(errors="replace"))
                wire.send("[]")
            code, _ = closing(wire)
            seen[code] += 1
            assert code in {1000, 1002, 1007, 4400, 4401, 4409, 4429}
    endpoint = world.app._graphql
    assert endpoint is not None
    until(lambda: endpoint.dump()["sockets"] == 0)
    print(f"WebSocket: {SOCKET_INPUTS} sockets, {dict(seen)}")
