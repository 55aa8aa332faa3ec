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
from functools import partial
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.transports.hosts import is_for_one_host
from gateway.transports.limits import TransportLimits
from gateway.transports.live import ABORT
from gateway.transports.repeated import LARGEST, SENT, WRITE, AtOnce, Familiar, Follow, Sent, split

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
    b"The request's line and headers are longer than the gateway reads.\n",
)
_TOO_LATE: Final = (b"HTTP/1.1 408 Request Timeout\r\n", b"The request's headers did not arrive in time.\n")


class _Unreadable(Exception):
    """Stops the parser."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1, for uvicorn's `http`."""

    limits: ClassVar[TransportLimits] = TransportLimits()
    at_once: ClassVar[AtOnce | None] = None
    follow: ClassVar[Follow | None] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called for each connection."""
        super().connection_made(transport)
        _bound_unread(transport, self.limits.send_wait)
        self._extensions = _extensions(transport)
        self._is_in_head = self._is_in_request = False
        self._sent: Sent | None = None
        """The request that came last, where it came in one piece."""
        self._answered_at = 0.0
        """When the last one was answered at once."""
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
        if not self._is_in_request and self._is_known(data):
            return
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
        sent, self._sent = self._sent, None
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = self._extensions if sent is None else {**self._extensions, SENT: sent}
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

    def _is_known(self, data: bytes) -> bool:
        """Answer a request without parsing it, where its bytes or those of its head say enough."""
        self._sent = None
        if self.client is None or (found := split(data)) is None:
            return False
        sent = Sent(self.client[0], *found)
        if self._is_idle() and not self.flow.write_paused and not self.transport.is_closing():
            # one behind another goes the usual way, and so does a connection's first before it is answered at once
            if self.at_once is not None and self._has_asked() and (answer := self.at_once(*sent)) is not None:
                self._write(*answer)
                self.server_state.total_requests += 1
                self._answered_at = self.loop.time()
                return True
            if self.follow is not None and (familiar := self.follow(*sent)) is not None:
                self._begin(familiar, sent)
                return True
        self._sent = sent
        return False

    def _has_asked(self) -> bool:
        return cast("Any", self.cycle) is not None

    def _begin(self, familiar: Familiar, sent: Sent) -> None:
        """Have a request answered as uvicorn does once it has parsed one."""
        self._unset_keepalive_if_required()
        self._silence()
        extensions = {**self._extensions, SENT: sent}
        self.cycle = cycle = RequestResponseCycle(
            scope=cast("Any", {**familiar.scope, "extensions": extensions}),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        extensions[WRITE] = partial(self._write_whole, cycle)
        self._start_asgi_task(cycle, cast("Any", familiar.application))

    def _write_whole(self, cycle: RequestResponseCycle, headers: bytes, body: bytes) -> bool:
        """See `WRITE`."""
        if cycle.disconnected or not cycle.keep_alive or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        self._write(headers, body)
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _write(self, headers: bytes, body: bytes) -> None:
        head = b"".join((STATUS_LINE[200], *self._own_lines(), headers, b"\r\n"))
        if len(body) > LARGEST:
            self.transport.write(head)
            self.transport.write(body)
        else:
            self.transport.write(head + body)

    def _own_lines(self) -> list[bytes]:
        return [b"%b: %b\r\n" % header for header in self.server_state.default_headers]

    def timeout_keep_alive_handler(self) -> None:
        """Called once the connection may have been idle for too long."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

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


def http_protocol(
    limits: TransportLimits, at_once: AtOnce | None = None, follow: Follow | None = None
) -> type[HttpProtocol]:
    """The HTTP protocol that reads heads of so many bytes, and waits so long for them and for clients that read.

    What `at_once` knows an answer to is not read at all, and of what `follow` knows the head only the body.
    """
    more = {"at_once": at_once and staticmethod(at_once), "follow": follow and staticmethod(follow)}
    return type("HttpProtocol", (HttpProtocol,), {"limits": limits, **more})


def _extensions(transport: asyncio.Transport) -> dict[str, Any]:
    return {ABORT: {"call": transport.abort}}


def _bound_unread(transport: asyncio.Transport, seconds: float) -> None:
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if option is not None and connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
