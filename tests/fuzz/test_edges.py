"""Whole gateway, real sockets, random input: no fault of its own, and nothing lost for the request beside it."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
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
FRAME_INPUTS = 600
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
        # a machine may be quick: not one of them is to be turned away unread
        limits = {"body_wait": 0.5, "operations_per_second": 100_000}
        given = settings(f"http://{host}:{port}", clients=[client("fuzzer", TOKEN, "*")], limits=limits)
        with running(given) as world:
            yield world


def mutated(seed: object, chance: random.Random) -> bytes:
    return mutated_bytes(json.dumps(seed).encode(), chance)


def mutated_bytes(seed: bytes, chance: random.Random) -> bytes:
    body = bytearray(seed)
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
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        # not half closed: to a server that looks like a client which has left
        with contextlib.suppress(OSError):
            raw.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := raw.recv(65_536):
                answer += part
    assert b"Traceback" not in answer
    return answer.split(b" ", 2)[1].decode() if answer else "closed"


def test_http(world: Running, caplog: pytest.LogCaptureFixture) -> None:
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
        assert status != "closed", request
        if number % 50 == 0:
            assert world.post("{ __typename }", bearer(TOKEN)).status_code == 200
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]
    print(f"HTTP: {HTTP_INPUTS} inputs, {dict(seen)}")


def frames_of(chance: random.Random) -> bytes:
    """Frames with a mask, whole or in parts; then bits of their heads are turned."""
    sent = bytearray()
    for _ in range(chance.randint(1, 4)):
        payload = mutated(chance.choice(MESSAGES), chance)
        parts = chance.choice([1, 1, 1, 2, 3])
        for part in range(parts):
            piece = payload[part * len(payload) // parts : (part + 1) * len(payload) // parts]
            opcode = 0 if part else chance.choice([1, 1, 1, 1, 2, 9, 10, 8, chance.randrange(16)])
            at, is_last = len(sent), part == parts - 1
            sent += frame_of(opcode, piece, chance.randbytes(4), is_last=is_last)
            if chance.random() < 0.1:
                sent[at + chance.randrange(2)] ^= 1 << chance.randrange(8)
    return bytes(sent)


def frame_of(opcode: int, payload: bytes, mask: bytes, *, is_last: bool) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([(0x80 if is_last else 0) | opcode]) + length + mask + body


HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n"
    b"authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
)


def ends_with(world: Running, handshake: bytes, sent: bytes) -> str:
    """The code with which the gateway closes the socket, the status that it answers, or a word."""
    host, port = world.url.removeprefix("http://").split(":")
    goodbye = frame_of(8, (1000).to_bytes(2, "big"), b"\0\0\0\0", is_last=True)
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(handshake)
        answer = raw.recv(4_096)  # frames before the handshake's end are nobody's
        with contextlib.suppress(OSError):
            raw.sendall(sent + goodbye)
            time.sleep(0.005)
            raw.shutdown(socket.SHUT_WR)  # a length that was changed waits for bytes that do not come
            while part := raw.recv(65_536):
                answer += part
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        return answer.split(b" ", 2)[1].decode() if answer else "closed"
    code = "closed"
    while len(rest) >= 2:  # frames of a server have no mask
        size = rest[1] & 0x7F
        start = 2
        if size == 126:
            start, size = 4, int.from_bytes(rest[2:4], "big")
        if rest[0] & 0x0F == 8:
            code = str(int.from_bytes(rest[start : start + 2], "big")) if size else "none"
        rest = rest[start + size :]
    return code


def test_frames(world: Running, caplog: pytest.LogCaptureFixture) -> None:
    """The bytes of the frames themselves."""
    chance = random.Random(8)
    seen: Counter[str] = Counter()
    init = frame_of(1, b'{"type":"connection_init"}', b"abcd", is_last=True)
    fine = {"closed", "none", "200", "1000", "1002", "1007", "1009"}
    for number in range(FRAME_INPUTS):
        handshake = HANDSHAKE
        if number % 8 == 0:
            handshake = mutated_bytes(HANDSHAKE, chance)
        sent = init + frames_of(chance)
        code = ends_with(world, handshake, sent)
        seen[code] += 1
        assert code in fine or 400 <= int(code) < 500 or 3000 <= int(code) < 5000, sent
        if number % 50 == 0:
            assert world.post("{ __typename }", bearer(TOKEN)).status_code == 200
    endpoint = world.app._graphql
    assert endpoint is not None
    until(lambda: endpoint.dump()["sockets"] == 0)
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]
    print(f"frames: {FRAME_INPUTS} sockets, {dict(seen)}")


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
