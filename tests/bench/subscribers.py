"""Thousands of subscribers over graphql-transport-ws, by hand: an update costs the load's core a few microseconds."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tests.bench.contestants import HEADERS
from tests.bench.questions import subscription

_TEXT: Final = 0x81
_PING: Final = 0x89
_PONG: Final = 0x8A
_CLOSE: Final = 0x88
_AT_ONCE: Final = 50
"""Sockets that are being opened at the same time."""


def frame(opcode: int, payload: bytes) -> bytes:
    """A frame as a client sends it, masked with zeros."""
    size = len(payload)
    head = bytes([opcode, 0x80 | size]) if size < 126 else bytes([opcode, 0xFE]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


_INIT: Final = frame(_TEXT, b'{"type":"connection_init"}')


class Audience:
    """All subscribers: who is there, and when each batch's newest update reached its last one."""

    def __init__(self, url: str, ids: Sequence[str]) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: Upgrade", "Upgrade: websocket"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        lines += ["Sec-WebSocket-Protocol: graphql-transport-ws"]
        lines += [f"{name}: {value}" for name, value in HEADERS.items() if name == "Authorization"]
        self.handshake = "\r\n".join([*lines, "", ""]).encode()
        self.ids = ids
        self.seen: Counter[int] = Counter()
        """Updates since they were last forgotten, by batch."""
        self.last: dict[int, float] = {}
        """When the newest one came; seconds of the steady clock."""
        self.lost = 0
        self._sockets: list[Subscriber] = []

    async def enter(self, count: int, within: float) -> int:
        """Let so many more subscribers come, until the time is over. Returns how many have their first update."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        gate = asyncio.Semaphore(_AT_ONCE)

        async def come(number: int) -> bool:
            async with gate:
                left = until - loop.time()
                if left <= 0:
                    return False
                try:
                    async with asyncio.timeout(left):
                        _, subscriber = await loop.create_connection(
                            lambda: Subscriber(self, number % len(self.ids)), self.host, self.port
                        )
                        self._sockets.append(subscriber)
                        await subscriber.served
                except (TimeoutError, OSError):
                    return False
            return True

        return sum(await asyncio.gather(*(come(number) for number in range(count))))

    def forget(self) -> None:
        """Count updates anew."""
        self.seen.clear()
        self.last.clear()

    async def heard(self, count: int, within: float) -> bool:
        """Wait until so many updates came; False where the time was over before."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while sum(self.seen.values()) < count:
            if loop.time() > until:
                return False
            await asyncio.sleep(0.02)
        return True

    async def leave(self) -> None:
        """All go, a few at a time."""
        for number, subscriber in enumerate(self._sockets):
            subscriber.close()
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0.01)
        self._sockets.clear()


class Subscriber(asyncio.Protocol):
    """One socket with one subscription."""

    __slots__ = ("_audience", "_batch", "_closed", "_transport", "_waiting", "served")

    def __init__(self, audience: Audience, batch: int) -> None:
        self._audience = audience
        self._batch = batch
        self._waiting = b""
        self._closed = False
        self.served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the first update."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._audience.handshake)

    def close(self) -> None:
        """Go without a word."""
        self._closed = True
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed:
            self._audience.lost += 1
        if not self.served.done():
            self.served.set_exception(ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data if self._waiting else data
        if data.startswith(b"HTTP/1.1 "):
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._waiting = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._transport.close()
                return
            self._transport.write(_INIT)
            data = data[end + 4 :]
        self._waiting = self._read(data)

    def _read(self, data: bytes) -> bytes:
        """Take whole frames; returns what is left."""
        at = 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if len(data) < start + size or start > len(data):
                break
            self._take(data[at], data[start : start + size])
            at = start + size
        return data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._transport.write(frame(_PONG, payload))
        elif opcode == _CLOSE:
            self._transport.close()
        elif b'"next"' in payload[:40]:
            if self.served.done():
                self._audience.seen[self._batch] += 1
                self._audience.last[self._batch] = time.monotonic()
            else:
                self.served.set_result(None)
        elif b'"connection_ack"' in payload:
            message = {"id": "1", "type": "subscribe", "payload": json.loads(subscription(self._id))}
            self._transport.write(frame(_TEXT, json.dumps(message).encode()))
        elif b'"ping"' not in payload:
            self._transport.close()

    @property
    def _id(self) -> str:
        return self._audience.ids[self._batch]
