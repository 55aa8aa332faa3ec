"""Load where wrk is missing, and requests that have to start in one moment: HTTP/1.1 by hand, one body each.

`python -m tests.bench.generator URL CONNECTIONS SECONDS BODY-FILE FIRST-NUMBER [MOST]` prints one line of JSON; it ends
sooner where it has asked MOST times.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from tests.bench.contestants import HEADERS


class Exchange(asyncio.Protocol):
    """A connection that carries one request after the other. `answered` is called with each answer's status."""

    def __init__(self, host: str, path: str, answered: Callable[[Exchange, int], None]) -> None:
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in HEADERS.items())]
        self._head = "\r\n".join([*lines, "Content-Length: %d", "", ""]).encode()
        self._answered = answered
        self._missing = 0
        self._waiting = b""
        self._status = 0
        self.asked_at = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, body: bytes) -> None:
        """Send a request."""
        assert self.transport is not None
        self.asked_at = time.perf_counter()
        self.transport.write(self._head % len(body) + body)

    def close(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            data = self._waiting + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._waiting = data
                return
            self._waiting = b""
            self._status = int(data[9:12])
            self._missing = _length(data[:end]) - (len(data) - end - 4)
        if self._missing == 0:
            self._answered(self, self._status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._missing:
            self._missing = 0
            self._answered(self, 0)


def _length(head: bytes) -> int:
    at = head.lower().index(b"content-length:") + 15
    line = head.find(b"\r\n", at)
    return int(head[at : line if line > 0 else None])


class Run:
    """Connections that ask as soon as they are answered, until the time is over or `most` requests were sent."""

    def __init__(self, body: bytes, number: int, most: float) -> None:
        self._until = 0.0
        self._left = most
        self._parts = body.split(b"{n}")
        self._number = number
        self._open = 0
        self.over = asyncio.Event()
        self.times: list[float] = []
        self.failed = 0

    def start(self, exchanges: Sequence[Exchange], seconds: float) -> None:
        """Let the connections work."""
        self._open = len(exchanges)
        self._until = time.perf_counter() + seconds
        for exchange in exchanges:
            exchange.ask(self._next())

    def answered(self, exchange: Exchange, status: int) -> None:
        """Take the time, and go on."""
        now = time.perf_counter()
        self.times.append(now - exchange.asked_at)
        self.failed += status != 200
        if now < self._until and self._left > 0 and status:
            exchange.ask(self._next())
            return
        self._open -= 1
        if not self._open:
            self.over.set()

    def _next(self) -> bytes:
        self._left -= 1
        if len(self._parts) == 1:
            return self._parts[0]
        self._number += 1
        return str(self._number).encode().join(self._parts)


async def connect(url: str, count: int, answered: Callable[[Exchange, int], None]) -> list[Exchange]:
    """Connections that stand."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    loop = asyncio.get_running_loop()
    made: list[Exchange] = []
    for _ in range(count):
        _, exchange = await loop.create_connection(
            lambda: Exchange(parts.netloc, parts.path, answered), parts.hostname, parts.port
        )
        made.append(exchange)
    return made


async def load(
    url: str, connections: int, seconds: float, body: bytes, number: int, most: float = math.inf
) -> dict[str, float]:
    """Ask for so many seconds over so many connections, at most so often."""
    run = Run(body, number, most)
    exchanges = await connect(url, connections, run.answered)
    started = time.perf_counter()
    run.start(exchanges, seconds)
    await run.over.wait()
    took = time.perf_counter() - started
    times = sorted(run.times)
    return {
        "requests": len(times),
        "seconds": took,
        "p50": times[len(times) // 2],
        "p99": times[int(len(times) * 0.99)],
        "failed": run.failed,
    }


def main() -> None:
    """Run as a process of its own."""
    url, connections, seconds, file, number, *most = sys.argv[1:7]
    given = load(url, int(connections), float(seconds), Path(file).read_bytes(), int(number), *map(float, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        made = runner.run(given)
    print(json.dumps(made))


if __name__ == "__main__":
    main()
