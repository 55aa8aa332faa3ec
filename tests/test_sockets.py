"""The WebSocket protocol under uvicorn, driven by bytes."""

from __future__ import annotations

import base64
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from gateway.transports.live import ABORT, PUSH
from gateway.transports.pulse import Pulse
from gateway.transports.rfc6455 import frame
from tests.live_server import serve, until


class Echo:
    """An application that says what it hears, and remembers it."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.scopes: list[dict[str, Any]] = []
        self.ended = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        try:
            await self._talk(scope, receive, send)
        finally:
            self.ended += 1

    async def _talk(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert await receive() == {"type": "websocket.connect"}
        if scope["path"] == "/refused":
            return await send({"type": "websocket.close"})
        if scope["path"] == "/answered":
            head = [(b"content-type", b"text/plain"), (b"x-why", b"full")]
            await send({"type": "websocket.http.response.start", "status": 503, "headers": head})
            return await send({"type": "websocket.http.response.body", "body": b"full"})
        if scope["path"] == "/broken":
            raise ValueError("of the application")
        await send({"type": "websocket.accept", "subprotocol": "two", "headers": [(b"x-id", b"7")]})
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text == "end":
                return await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
            if text == "push":
                assert scope["extensions"][PUSH]["call"](b"pushed")
            elif text == "abort":
                scope["extensions"][ABORT]["call"]()
            elif text is not None:
                await send({"type": "websocket.send", "text": text})
            else:
                await send({"type": "websocket.send", "bytes": message["bytes"]})
        self.heard.append(message)
        assert await receive() == message
        return None


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(Opcode(opcode), payload, fin).serialize(mask=True)


def head(path: str = "/?a=%C3%BC", **changed: str) -> bytes:
    headers = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "one, two",
        "Sec-WebSocket-Extensions": "permessage-deflate",
        **changed,
    }
    return (f"GET {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n").encode()


class Line:
    """A connection."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._left = b""

    def send(self, *frames: bytes) -> None:
        self.raw.sendall(b"".join(frames))

    def until(self, end: bytes) -> bytes:
        while end not in self._left:
            data = self.raw.recv(65_536)
            assert data, self._left
            self._left += data
        found, _, self._left = self._left.partition(end)
        return found

    def expect(self, data: bytes) -> None:
        while len(self._left) < len(data):
            more = self.raw.recv(65_536)
            assert more, self._left
            self._left += more
        assert self._left[: len(data)] == data
        self._left = self._left[len(data) :]

    def rest(self) -> bytes:
        with_more = self._left
        with suppress(ConnectionResetError):  # closed before all that was sent had been read
            while data := self.raw.recv(65_536):
                with_more += data
        return with_more


@contextmanager
def served() -> Iterator[tuple[Echo, tuple[str, int]]]:
    echo = Echo()
    with serve(echo, ws_max_size=1_000) as address:
        yield echo, address


@contextmanager
def connected(address: tuple[str, int], request: bytes | None = None) -> Iterator[Line]:
    with socket.create_connection(address, timeout=30) as raw:
        raw.sendall(request or head())
        yield Line(raw)


@contextmanager
def opened() -> Iterator[tuple[Echo, Line]]:
    with served() as (echo, address), connected(address) as line:
        assert b" 101 " in line.until(b"\r\n\r\n")
        yield echo, line


def test_a_handshake() -> None:
    with served() as (echo, address), connected(address) as line:
        answer = line.until(b"\r\n\r\n").decode().lower()
        assert answer.startswith("http/1.1 101 ")
        assert "sec-websocket-protocol: two" in answer
        assert "x-id: 7" in answer
        assert "extensions" not in answer
        scope = echo.scopes[0]
        assert (scope["path"], scope["query_string"], scope["scheme"]) == ("/", b"a=%C3%BC", "ws")
        assert scope["subprotocols"] == ["one", "two"]
        assert scope["client"][0] == "127.0.0.1"
        assert (b"host", b"x") in scope["headers"]


def test_a_handshake_with_as_long_a_head_as_any_request() -> None:
    long = {"Cookie": "a=" + "b" * 20_000, **{f"X-{number}": "\u00fc" for number in range(200)}}
    with served() as (echo, address), connected(address, head(**long)) as line:
        assert line.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        headers = dict(echo.scopes[0]["headers"])
        assert headers[b"cookie"] == long["Cookie"].encode()
        assert headers[b"x-199"] == b"\xc3\xbc"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head("/refused"), b"403"),
        (head("/answered"), b"503"),
        (head("/broken"), b"500"),
        (head(**{"Sec-WebSocket-Version": "8"}), b"400"),
        (head(**{"Sec-WebSocket-Key": "short"}), b"400"),
        (head(**{"Content-Length": "1"}) + b"x", b"400"),
    ],
    ids=["refused", "answered", "broken", "version", "key", "body"],
)
def test_handshakes_that_are_refused(request_: bytes, status: bytes) -> None:
    with served() as (echo, address), connected(address, request_) as line:
        answer, _, body = line.rest().partition(b"\r\n\r\n")
        assert answer.split()[1] == status
        assert b"content-length: %d" % len(body) in answer.lower()
        if status == b"503":
            assert b"x-why: full" in answer.lower()
            assert body == b"full"
        assert (b"sec-websocket-version: 13" in answer.lower()) is (b"Version: 8" in request_)
        until(lambda: echo.ended == len(echo.scopes))


def test_messages_of_every_shape() -> None:
    with opened() as (_, line):
        line.send(masked(9, b"?"), masked(10, b"unasked"), masked(1, b"in ", fin=False), masked(9, b"!"))
        line.expect(frame(10, b"?") + frame(10, b"!"))
        line.send(masked(0, b"parts"), masked(1, "ü".encode()), masked(2, b"\xff"), masked(1, b"push"))
        line.expect(frame(1, b"in parts") + frame(1, "ü".encode()) + frame(2, b"\xff") + frame(1, b"pushed"))
        big = masked(1, b"x" * 1_000)
        for at in range(0, len(big), 300):
            line.send(big[at : at + 300])
            time.sleep(0.002)
        line.expect(frame(1, b"x" * 1_000))


def test_many_messages_at_once_wait_for_the_application() -> None:
    with opened() as (_, line):
        texts = [b"%d" % number for number in range(2_000)]
        line.send(*(masked(1, text) for text in texts))
        line.expect(b"".join(frame(1, text) for text in texts))


def test_the_client_closes() -> None:
    with opened() as (echo, line):
        line.send(masked(8, b"\x0f\xa0bye"), masked(1, b"after the end"))
        assert line.rest() == frame(8, b"\x0f\xa0bye")
        until(lambda: echo.heard == [{"type": "websocket.disconnect", "code": 4000, "reason": "bye"}])


def test_the_client_vanishes() -> None:
    with opened() as (echo, line):
        line.raw.close()
        until(lambda: echo.heard == [{"type": "websocket.disconnect", "code": 1005, "reason": ""}])
        until(lambda: echo.ended == 1)


def test_the_application_closes() -> None:
    with opened() as (echo, line):
        line.send(masked(1, b"end"))
        line.expect(frame(8, b"\x0f\xa1as asked"))
        until(lambda: echo.ended == 1)
        line.send(masked(1, b"not heard"), masked(8, b"\x0f\xa1"))
        assert line.rest() == b""


def test_the_application_drops_the_connection() -> None:
    with opened() as (_, line):
        line.send(masked(1, b"abort"))
        assert line.rest() == b""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"unmasked"), 1002),
        (masked(1, b"\xff"), 1007),
        (b"\x81\xfe\xff\xff", 1009),
        (masked(8, b"\x03"), 1002),
    ],
    ids=["mask", "text", "size", "close"],  # masks are random
)
def test_what_breaks_the_protocol_closes_with_its_code(data: bytes, code: int) -> None:
    with opened() as (echo, line):
        line.send(data)
        assert line.rest()[:4][2:] == code.to_bytes(2, "big")
        until(lambda: [message["code"] for message in echo.heard] == [code])


def test_the_server_ends() -> None:
    with ExitStack() as stack:
        with served() as (echo, address):
            line = stack.enter_context(connected(address))
            line.until(b"\r\n\r\n")
        assert echo.heard[0]["code"] == 1012
        assert line.rest() == frame(8, b"\x03\xf4")


class Heart:
    def __init__(self) -> None:
        self.turn = -1
        self.asked = 0

    def ask_for_life(self) -> None:
        self.asked += 1


@pytest.mark.anyio
async def test_each_socket_is_asked_once_in_twenty_seconds() -> None:
    pulse, hearts = Pulse(), [Heart() for _ in range(50)]
    for heart in hearts:
        pulse.add(heart)
    pulse.remove(hearts[0])
    pulse.remove(hearts[0])
    for turn in range(20):
        pulse._ask(turn)
    assert [heart.asked for heart in hearts] == [0] + [1] * 49
    for heart in hearts:
        pulse.remove(heart)
    pulse._ask(0)
    assert pulse._timer is None
