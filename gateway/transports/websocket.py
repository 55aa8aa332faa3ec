"""WebSocket: the handshake, and the socket's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.engine.engine import Engine
from gateway.transports.clients import Authenticate, Client, Credentials
from gateway.transports.conversation import Closing, Socket
from gateway.transports.frames import LEGACY_WS, TRANSPORT_WS, Dialect
from gateway.transports.live import Crowd, Ending
from gateway.transports.origins import Origins
from gateway.transports.responses import Receive, Scope, Send, header_map


class WebSocketTransport:
    """Answers WebSocket handshakes and runs the sockets."""

    def __init__(
        self,
        engine: Engine,
        context: Callable[[Client], object],
        authenticate: Authenticate,
        origins: Origins,
        crowd: Crowd,
        *,
        speaks_legacy: bool,
    ) -> None:
        self._engine = engine
        self._context = context
        self._authenticate = authenticate
        self._origins = origins
        self._crowd = crowd
        self._dialects = {d.name: d for d in ((TRANSPORT_WS, LEGACY_WS) if speaks_legacy else (TRANSPORT_WS,))}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one socket from its handshake to its end."""
        if (await receive())["type"] != "websocket.connect":
            return
        crowd = self._crowd
        if not self._origins.admits(header_map(scope["headers"])):
            await _reject(scope, send, 403, b"This page is not let in.")
        elif crowd.drain.has_begun:
            await _reject(scope, send, 503, b"The gateway restarts.")
        elif (full := crowd.handshakes.take("")) is not None:
            await _reject(scope, send, 503, full.encode())
        else:
            try:
                await self._run(scope, receive, send)
            finally:
                crowd.handshakes.give("")

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        dialect = self._choose(scope.get("subprotocols", ()))
        accept = {"type": "websocket.accept", "subprotocol": None if dialect is None else dialect.name}
        peer = scope.get("client")
        shown = Credentials(
            header_map(scope["headers"]), scope["query_string"], None, None if peer is None else peer[0]
        )
        socket = Socket(scope, send, self._crowd, self._engine, self._context, dialect or TRANSPORT_WS)
        self._crowd.enter(socket)
        try:
            await socket.send(accept)
            closing = Closing(4406, "Subprotocol not acceptable")
            if dialect is not None:
                closing = await socket.converse(receive, self._authenticate, shown)
            await self._close(socket, closing)
        except OSError:
            pass  # the client left while it was spoken to
        finally:
            self._crowd.leave(socket)

    def _choose(self, offered: Sequence[str]) -> Dialect | None:
        return next((self._dialects[name] for name in offered if name in self._dialects), None)

    async def _close(self, socket: Socket, closing: Closing | None) -> None:
        if closing is not None:
            try:
                async with asyncio.timeout(self._crowd.limits.close_wait):
                    await socket.send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})
            except TimeoutError:
                await socket.drop()
        elif socket.ending is Ending.STALLED:
            await socket.drop()


async def _reject(scope: Scope, send: Send, status: int, reason: bytes) -> None:
    """Answer a handshake with an HTTP status, where the server can; without that it is 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"1")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reason})
