"""Uvicorn's HTTP protocol, bounded, with two shortcuts past its parser: see `repeated.py`."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.transports.bounded import BoundedProtocol
from gateway.transports.following import FollowingCycle
from gateway.transports.limits import TransportLimits
from gateway.transports.repeated import LARGEST, SENT, AtOnce, Familiar, Follow, Sent, split


class HttpProtocol(BoundedProtocol):
    """HTTP/1.1, for uvicorn's `http`."""

    at_once: ClassVar[AtOnce | None] = None
    follow: ClassVar[Follow | None] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called for each connection."""
        super().connection_made(transport)
        self._sent: Sent | None = None
        """The request that came last, where it came in one piece."""
        self._answered_at = 0.0
        """When the last one was answered at once."""
        self._started_with: object = None
        self._started = b""
        self._running: Any = None
        """The cycle that is being answered; uvicorn knows the one that came last."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Called at each connection's end: whoever is being answered hears of it, also with others behind it."""
        super().connection_lost(exc)
        for cycle in (self._running, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self._running = None
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Called for whatever has arrived."""
        if self._is_in_request or not self._is_known(data):
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Called for each request that is parsed."""
        super().on_message_begin()
        sent, self._sent = self._sent, None
        if sent is not None:
            cast("dict[str, Any]", self.scope)["extensions"] = {**self._extensions, SENT: sent}

    def timeout_keep_alive_handler(self) -> None:
        """Called once the connection may have been idle for too long."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if not self._is_idle():
            self.timeout_keep_alive_task = None  # the answer that is under way will set another
        elif left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def on_response_complete(self) -> None:
        """Called for each answer that was sent whole."""
        if self.timeout_keep_alive_task is None or self.pipeline or self.transport.is_closing():
            super().on_response_complete()
        else:  # the timer of an answer before it runs still
            self.server_state.total_requests += 1
            self._answered_at = self.loop.time()
            self.flow.resume_reading()

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

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _has_asked(self) -> bool:
        return cast("Any", self.cycle) is not None

    def _begin(self, familiar: Familiar, sent: Sent) -> None:
        """Have a request answered as uvicorn does once it has parsed one."""
        self._silence()
        scope = {**familiar.scope, "extensions": self._extensions}
        self.cycle = cycle = FollowingCycle(self, scope)
        write = partial(cycle.write_whole, self._write)
        application = partial(familiar.application, sent=sent, write=write)
        self._start_asgi_task(cycle, cast("Any", application))

    def _write(self, headers: bytes, body: bytes) -> None:
        head = b"".join((self._start(), headers, b"\r\n"))
        if len(body) > LARGEST:
            self.transport.write(head)
            self.transport.write(body)
        else:
            self.transport.write(head + body)

    def _start(self) -> bytes:
        """The status line and the server's own headers, which are another list in each second."""
        headers = self.server_state.default_headers
        if headers is not self._started_with:
            self._started_with = headers
            self._started = b"".join((STATUS_LINE[200], *(b"%b: %b\r\n" % header for header in headers)))
        return self._started


def http_protocol(
    limits: TransportLimits, at_once: AtOnce | None = None, follow: Follow | None = None
) -> type[HttpProtocol]:
    """The HTTP protocol that reads heads of so many bytes, and waits so long for them and for clients that read.

    What `at_once` knows an answer to is not read at all, and of what `follow` knows the head only the body.
    """
    more = {"at_once": at_once and staticmethod(at_once), "follow": follow and staticmethod(follow)}
    return type("HttpProtocol", (HttpProtocol,), {"limits": limits, **more})
