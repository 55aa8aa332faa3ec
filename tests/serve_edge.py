"""Serves the small schema in a process of its own: `python -m tests.serve_edge` prints the port."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.transports.limits import TransportLimits
from gateway.transports.servers import http_protocol
from gateway.transports.sockets import WebSockets
from tests.edge import Edge


def main() -> None:
    """Serve until a signal comes."""
    edge = Edge()

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        edge.drain.begin_on_signals()
        yield
        await edge.endpoint.aclose()

    app = Starlette(routes=[Mount("/", edge)], lifespan=lifespan)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app,
        http=http_protocol(TransportLimits()),
        ws=WebSockets(),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
        ws_per_message_deflate=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
