"""A scripted upstream over real sockets: each connection is played by a handler that may break every rule."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Self


class Call:
    """One request as it came in, and the ways to answer it."""

    def __init__(self, head: bytes, writer: asyncio.StreamWriter, number: int) -> None:
        self.head = head.decode("latin-1")
        self.path = self.head.split(" ", 2)[1]
        self.number = number
        self.writer = writer

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [
            f"HTTP/1.1 {status}",
            f"Content-Length: {len(body)}",
            *(headers or ("Content-Type: application/json",)),
        ]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Call], Awaitable[None]]


class ChaosServer:
    """Plays one handler for every request. Knows how many came, and how many connections are open."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.calls = 0
        self.connections = 0
        self._tls = tls
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def open(self) -> int:
        """Connections that the other side has not closed."""
        return len(self._open)

    async def all_closed(self, seconds: float = 30.0) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._open:
                    await asyncio.wait(self._open)
        return not self._open

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._play(reader, writer))
        self._open[task] = writer
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.calls += 1
                await self._answer(Call(head, writer, self.calls), reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, call: Call, reader: asyncio.StreamReader) -> None:
        playing = asyncio.ensure_future(self.handler(call))
        try:
            while not playing.done() and not reader.at_eof():
                await asyncio.wait({playing}, timeout=0.01)
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
