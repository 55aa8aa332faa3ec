"""WebSocket: the handshake, and the socket's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.engine.engine import Engine
from gateway.transports.clients import Admit, Authenticate, Client, Credentials
from gateway.transports.conversation import Closing, Server, Socket
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
        admit: Admit | None = None,
    ) -> None:
        self._server = Server(engine, context, authenticate, crowd, admit)
        self._origins = origins
        self._dialects = {d.name: d for d in ((TRANSPORT_WS, LEGACY_WS) if speaks_legacy else (TRANSPORT_WS,))}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one socket from its handshake to its end."""
        if (await receive())["type"] != "websocket.connect":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _reject(scope, send, *refusal)
            return
        crowd = self._server.crowd
        dialect = self._choose(scope.get("subprotocols", ()))
        socket = Socket(scope, send, self._server, dialect or TRANSPORT_WS, _shown(scope))
        crowd.enter(socket)
        try:
            await socket.send({"type": "websocket.accept", "subprotocol": None if dialect is None else dialect.name})
            _forget(scope)
            if dialect is None:
                await self._close(socket, Closing(4406, "Subprotocol not acceptable"))
            else:
                await self._close(socket, await socket.converse(receive))
        except OSError:
            pass  # the client left while it was spoken to
        except asyncio.CancelledError:
            if not socket.was_ended():
                raise
        finally:
            crowd.leave(socket)
            crowd.handshakes.give("")

    def _refusal(self, scope: Scope) -> tuple[int, bytes] | None:
        """Why there is no handshake. Takes a place among the sockets where there is one."""
        if not self._origins.admits(header_map(scope["headers"])):
            return 403, b"This page is not let in."
        if self._server.crowd.drain.has_begun:
            return 503, b"The gateway restarts."
        full = self._server.crowd.handshakes.take("")
        return None if full is None else (503, full.encode())

    def _choose(self, offered: Sequence[str]) -> Dialect | None:
        return next((self._dialects[name] for name in offered if name in self._dialects), None)

    async def _close(self, socket: Socket, closing: Closing | None) -> None:
        if closing is not None:
            try:
                async with asyncio.timeout(self._server.crowd.limits.close_wait):
                    await socket.send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})
            except TimeoutError:
                await socket.drop()
        elif socket.ending is Ending.STALLED:
            await socket.drop()


def _forget(scope: Scope) -> None:
    """Thousands of sockets hold nothing of what was said in their handshakes."""
    for key in ("headers", "subprotocols", "raw_path", "query_string", "server", "state"):
        scope.pop(key, None)


def _shown(scope: Scope) -> Credentials:
    peer = scope.get("client")
    return Credentials(header_map(scope["headers"]), scope["query_string"], None, None if peer is None else peer[0])


async def _reject(scope: Scope, send: Send, status: int, reason: bytes) -> None:
    """Answer a handshake with an HTTP status, where the server can; without that it is 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"1")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reason})
