"""Uvicorn's HTTP protocol with what ASGI leaves open: heads that never end, and clients that do not read.

Closing such a connection the usual way waits until the client has read what was sent, for ever if need be. So the
application is given a way to drop it, and Linux is told to do the same where no application looks any more: after an
answer was handed over whole, or when a client vanished without a word.

An application hears of a request once its head is there. Until then uvicorn waits as long, and keeps as much, as the
client likes.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.transports.hosts import is_for_one_host
from gateway.transports.limits import TransportLimits
from gateway.transports.live import ABORT

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
    b"The request's line and headers are longer than the gateway reads.\n",
)
_TOO_LATE: Final = (b"HTTP/1.1 408 Request Timeout\r\n", b"The request's headers did not arrive in time.\n")


class _Unreadable(Exception):
    """Stops the parser."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounds."""

    limits: ClassVar[TransportLimits] = TransportLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called for each connection."""
        super().connection_made(transport)
        _bound_unread(transport, self.limits.send_wait)
        self._extensions = _extensions(transport)
        self._is_in_head = self._is_in_request = False
        self._head = self._chunk = 0
        """Bytes of a head that is not whole yet, and of what arrived last."""
        self._alarm: asyncio.TimerHandle | None = self._set_alarm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called at each connection's end."""
        self._silence()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called for whatever has arrived."""
        was_in_head = self._is_in_head
        self._chunk = len(data)
        super().data_received(data)
        if self._is_in_head:
            if was_in_head:  # otherwise the end of another request is perhaps in it
                self._head += self._chunk
            if self._head > self.limits.head:
                self._refuse(*_TOO_LARGE)
            elif self._alarm is None:
                self._alarm = self._set_alarm()
        elif self.timeout_keep_alive_task is None and self._is_loitering():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """Called for each request."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = self._extensions
        self._is_in_head = self._is_in_request = True

    def on_headers_complete(self) -> None:
        """Called for each request with its head."""
        if self._head + self._chunk > self.limits.head and self._size() > self.limits.head:
            raise _Unreadable
        parser = cast("Any", self.parser)
        if not is_for_one_host(self.headers, parser.get_http_version()):
            raise _Unreadable
        if not self._is_idle() and parser.should_upgrade() and self._should_upgrade():
            raise _Unreadable  # who is answered on this connection would not hear any more that the client left
        self._is_in_head = False
        self._head = 0
        if self._alarm is not None:
            self._silence()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Called for each request with its end."""
        super().on_message_complete()
        self._is_in_request = False

    def send_400_response(self, msg: str) -> None:
        """Called for what is no HTTP, or too much of it."""
        if self._is_in_head and self._size() > self.limits.head:
            self._refuse(*_TOO_LARGE)
        elif self._is_idle() or self._is_broken_body():
            super().send_400_response(msg)
        else:
            self.transport.close()  # another request's answer is under way, and this one would pass for it

    def _is_idle(self) -> bool:
        cycle = cast("Any", self.cycle)  # None before the first request
        return cycle is None or cycle.response_complete

    def _is_loitering(self) -> bool:
        """Whether bytes came that ask for nothing: empty lines, or the rest of a body whose answer is out already.

        uvicorn forgets at any byte when an idle connection is to be closed.
        """
        cycle = cast("Any", self.cycle)  # None before the first request
        is_idle = cycle is not None and cycle.response_complete
        return is_idle and self in self.connections and not self.transport.is_closing()

    def _is_broken_body(self) -> bool:
        """Whether it is the very request that waits for an answer that goes wrong on its way in."""
        is_in_body = self._is_in_request and not self._is_in_head
        return is_in_body and not self.pipeline and not self.cycle.response_started

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _set_alarm(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.limits.body_wait, self._refuse, *_TOO_LATE)

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _refuse(self, status: bytes, words: bytes) -> None:
        """Close the connection of a request whose head is not read on; what is under way on it is cut off too."""
        self._is_in_head = False
        self._alarm = None
        if self.transport.is_closing():
            return
        if self._is_idle():
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(status + head % len(words) + words)
        self.transport.close()


def _extensions(transport: asyncio.Transport) -> dict[str, Any]:
    return {ABORT: {"call": transport.abort}}


def _bound_unread(transport: asyncio.Transport, seconds: float) -> None:
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if option is not None and connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
