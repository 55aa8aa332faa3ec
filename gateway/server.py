"""Runs ASGI applications on uvicorn, and ends them: at a signal readiness turns red, streams end, then the process.

uvicorn alone waits for ever for an open stream, and only then tells the application that it ends. So the signal goes
to each application first (`Served.drain`), and uvicorn stops right behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import uvicorn
import uvloop
from starlette.types import ASGIApp

from gateway.transports.limits import TransportLimits
from gateway.transports.repeated import AtOnce, Follow
from gateway.transports.servers import http_protocol
from gateway.transports.sockets import WebSockets

_UNANSWERED: Final = 4
"""The exit status of a gateway that cannot answer."""
_GRACE: Final = 1
"""Seconds that requests in flight and closing streams are given; the process is gone within 2."""


_COLLECTOR: Final = (50_000, 2, 50)
"""Thresholds of the garbage collector. A full collection walks every state that is kept, and everybody waits for it:
with Python's own (700, 10, 10) that was the slowest answer of all. What ends does so by its reference count, so that
cycles can wait. With a small first threshold each collection would find little but the requests in flight."""


class AddressError(Exception):
    """There is no listening there; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Served:
    """An application, where it is served, and what it does first when the end comes."""

    app: ASGIApp
    listener: socket.socket
    drain: Callable[[], None] = lambda: None
    limits: TransportLimits = field(default_factory=TransportLimits)
    reload: Callable[[], None] | None = None
    """What it does at SIGHUP."""
    at_once: AtOnce | None = None
    """Answers what was asked before in the very same bytes."""
    follow: Follow | None = None
    """Answers who asked before with the very same head."""

    @property
    def address(self) -> str:
        """`http://host:port`."""
        host, port = self.listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; port 0 takes a free one. Raises `AddressError`."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return _bind(*found[0])
    except socket.gaierror as error:
        raise AddressError(f"{host} is no address of this machine: choose another with --host") from error
    except PermissionError as error:
        raise AddressError(f"port {port} needs special rights: choose one above 1023 with --port") from error
    except OSError as error:
        in_use = f"{host}:{port} is in use by another program: stop that one, or choose another port with --port"
        other = f"{host}:{port} cannot be listened on ({os.strerror(error.errno or 0)}): choose another address"
        raise AddressError(in_use if error.errno == errno.EADDRINUSE else other) from error


def _bind(family: int, kind: int, protocol: int, _: str, address: Any) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(services: Sequence[Served], ready: Callable[[], None] = lambda: None) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 for an end that was asked for, 4 where one could not start.

    `ready` is called once all of them answer. They end in reverse order of `services`.
    """
    stop = asyncio.Event()
    servers = [_Server(service) for service in services]
    with _signals(stop, servers):
        running = [asyncio.ensure_future(server.run_here()) for server in servers]
        try:
            if not await _started(servers, running):
                return _UNANSWERED
            _spare_collector()
            ready()
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait({stopping, *running}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            for server, task in reversed(list(zip(servers, running, strict=True))):
                server.end()
                await asyncio.gather(task, return_exceptions=True)
    return 0


class _Server(uvicorn.Server):
    """uvicorn's server without its handling of signals, which ends the process by raising them again."""

    def __init__(self, service: Served) -> None:
        self.service = service
        super().__init__(
            uvicorn.Config(
                service.app,
                http=http_protocol(service.limits, service.at_once, service.follow),
                ws=cast("Any", WebSockets()),
                ws_max_size=service.limits.frame,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to `serve`."""
        yield

    async def run_here(self) -> None:
        """Serve on the service's socket. An application that cannot start has said why; uvicorn would exit for it."""
        with contextlib.suppress(SystemExit):
            await self.serve([self.service.listener])

    def end(self) -> None:
        """Let the application end its streams, then stop."""
        if not self.should_exit:
            self.service.drain()
            self.should_exit = True


async def _started(servers: Sequence[_Server], running: Sequence[asyncio.Task[None]]) -> bool:
    while not all(server.started for server in servers):
        if any(task.done() for task in running):
            return False
        await asyncio.sleep(0.01)
    return True


def _spare_collector() -> None:
    """Keep the garbage collector away from what was made while starting, which stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)


@contextlib.contextmanager
def _signals(stop: asyncio.Event, servers: Sequence[_Server]) -> Generator[None, None, None]:
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            for server in servers:
                server.force_exit = True
        stop.set()

    caught = (signal.SIGINT, signal.SIGTERM)
    for number in caught:
        loop.add_signal_handler(number, end)
    reloads = [server.service.reload for server in servers if server.service.reload is not None]
    for reload in reloads:  # of several the last one's: one command serves one gateway
        loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (*caught, *([signal.SIGHUP] if reloads else [])):
            loop.remove_signal_handler(number)
