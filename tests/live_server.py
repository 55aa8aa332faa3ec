"""A real uvicorn on a free port, in a thread of its own: for what only sockets can show."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from gateway.transports.limits import TransportLimits
from gateway.transports.servers import http_protocol
from gateway.transports.sockets import WebSockets


@contextlib.contextmanager
def serve(application: Any, limits: TransportLimits | None = None, **options: Any) -> Iterator[tuple[str, int]]:
    """Serve an ASGI application on 127.0.0.1; yields host and port. Lifespan events are not sent."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    settings: dict[str, Any] = {
        "http": http_protocol(limits or TransportLimits()),
        "ws": WebSockets(),
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": 5,
        **options,
    }
    server = uvicorn.Server(uvicorn.Config(application, **settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        host, port = listener.getsockname()[:2]
        yield host, port
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


def until(condition: Callable[[], bool], within: float = 30.0) -> float:
    """Wait for a condition; returns how long it took in seconds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, f"not within {within} s"
        time.sleep(0.005)
    return time.monotonic() - started
