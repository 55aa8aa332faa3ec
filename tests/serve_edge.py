"""Serves the small schema in a process of its own: `python -m tests.serve_edge` prints the port."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from gateway import server
from tests.edge import Edge


def main() -> int:
    """Serve until a signal comes."""
    edge = Edge()

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        await edge.endpoint.aclose()

    app = Starlette(routes=[Mount("/", edge)], lifespan=lifespan)
    listener = server.listen("127.0.0.1", 0)
    service = server.Served(app, listener, edge.drain.begin)
    return server.run(server.serve([service], lambda: print(listener.getsockname()[1], flush=True)))


if __name__ == "__main__":
    sys.exit(main())
