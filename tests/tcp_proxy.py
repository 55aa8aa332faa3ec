"""A TCP proxy that can delay, swallow or refuse what goes through it: the network between a replica and its server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65_536


class TcpProxy:
    """Set its attributes while it runs; they count for connections that are open too."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.is_cut = False
        """Nothing arrives any more, and nobody is told: the network is parted."""
        self.is_refusing = False
        """Connections are closed, and new ones too."""
        self.delay = 0.0
        """Seconds that everything takes on its way to the server."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def refuse(self) -> None:
        self.is_refusing = True
        self._loop.call_soon_threadsafe(self._close_all)

    def start(self) -> None:
        started = threading.Event()

        async def main() -> None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
            started.set()

        def run() -> None:
            self._loop.run_until_complete(main())
            self._loop.run_forever()
            self._loop.run_until_complete(self._end())
            self._loop.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert started.wait(5)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        self._close_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.05)  # transports close in the loop's next turns

    def _close_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.CancelledError):
            if not self.is_refusing:
                behind, out = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(out)
                await asyncio.gather(self._pipe(reader, out, is_request=True), self._pipe(behind, writer))
                self._writers.discard(out)
        writer.transport.abort()
        self._writers.discard(writer)

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool = False
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            if is_request and self.delay:
                await asyncio.sleep(self.delay)
            while self.is_cut:  # noqa: ASYNC110 - set from another thread
                await asyncio.sleep(0.02)
            writer.write(chunk)
            await writer.drain()
        writer.transport.abort()


@contextmanager
def tcp_proxy(port: int) -> Iterator[TcpProxy]:
    """A proxy in front of a port of this machine."""
    proxy = TcpProxy(port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
