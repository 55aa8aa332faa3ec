"""Uvicorn's protocols with what ASGI leaves open: dropping a connection whose client does not read.

Closing such a connection the usual way waits until the client has read what was sent, for ever if need be. So the
application is given a way to drop it, and Linux is told to do the same where no application looks any more: after an
answer was handed over whole, or when a client vanished without a word.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gateway.transports.live import ABORT


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1, for uvicorn's `http`."""

    send_wait: ClassVar[float] = 15.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called for each connection."""
        super().connection_made(transport)
        _bound_unread(transport, self.send_wait)
        self._extensions = _extensions(transport)

    def on_message_begin(self) -> None:
        """Called for each request."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = self._extensions


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket, for uvicorn's `ws`."""

    def handle_connect(self, event: Request) -> None:
        """Called for each handshake; the application starts in the next round of the loop."""
        super().handle_connect(event)
        scope = cast("dict[str, Any] | None", getattr(self, "scope", None))
        if scope is not None:
            scope["extensions"] = {**scope["extensions"], **_extensions(self.transport)}

    def start_keepalive(self) -> None:
        """Called once the handshake is over: what was said in it is not needed any more, for thousands of sockets."""
        super().start_keepalive()
        loose = cast("Any", self)
        loose.request = loose.response = None


def http_protocol(send_wait: float) -> type[HttpProtocol]:
    """The HTTP protocol that lets a connection go after `send_wait` seconds without anything read."""
    return type("HttpProtocol", (HttpProtocol,), {"send_wait": send_wait})


def _extensions(transport: asyncio.Transport) -> dict[str, Any]:
    return {ABORT: {"call": transport.abort}}


def _bound_unread(transport: asyncio.Transport, seconds: float) -> None:
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if option is not None and connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
