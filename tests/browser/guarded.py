"""A gateway that wants a token, below a prefix; and the same behind a proxy that knows no WebSockets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway.app import create_app
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from tests.live_server import serve

TOKEN = "a-token-of-this-test"
PREFIX = "/below/here"
WALL = "/behind/the/wall"


class Wall:
    """In front of a gateway, below `WALL`: a proxy that lets no WebSocket through, and may go down."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.is_down = False
        self.refused = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path: str = scope.get("path", "")
        if not path.startswith(WALL):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            self.refused += 1
            await send({"type": "websocket.close"})  # before it was accepted: 403
        elif self.is_down:
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": b"<h1>Bad gateway</h1>"})
        else:
            there = path.replace(WALL, PREFIX)
            await self._app({**scope, "path": there, "raw_path": there.encode()}, receive, self._cut(send))

    def _cut(self, send: Any) -> Any:
        async def unless_down(message: Any) -> None:
            if self.is_down:
                raise OSError("the proxy is down")
            await send(message)

        return unless_down


class Guarded:
    """A gateway that wants a token: directly below a prefix, and behind a wall."""

    def __init__(self, origin: str, wall: Wall) -> None:
        self.direct = f"{origin}{PREFIX}"
        self.walled = f"{origin}{WALL}"
        self.wall = wall


@contextmanager
def guarded_gateway() -> Iterator[Guarded]:
    """Runs for as long as the block lasts."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    with serve(create_sandbox()) as (sandbox_host, sandbox_port):
        settings = make_settings(
            {
                "accounts": sandbox_accounts(f"http://{sandbox_host}:{sandbox_port}"),
                "clients": [{"name": "browser", "token_sha256": digest, "accounts": ["*"]}],
                "store": {"path": "off"},
                "server": {"root_path": PREFIX},
            }
        )
        wall = Wall(create_app(settings))
        with serve(wall, lifespan="on") as (host, port):
            yield Guarded(f"http://{host}:{port}", wall)
