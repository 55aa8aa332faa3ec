"""Around every request: its id, its line in the log, its share of the counters, its trace.

It stands on the path of every cached answer, so what is done for each request is written out and counted in
microseconds; tests/bench measures what it costs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.observe.metrics import Metrics
from gateway.observe.request_id import CURRENT, HEADER, RequestIds
from gateway.observe.told import tell
from gateway.observe.tracing import Tracing
from gateway.transports.responses import Message, Receive, Scope, Send

_log: Final = logging.getLogger(__name__)
_QUIET: Final = ("/healthz", "/readyz", "/metrics", "/_assets/")
"""Asked for all day by machines, or many at a time: told at debug only."""
_LONGEST: Final = 400
"""Characters of a path that wait to be written; fewer are."""
_now: Final = time.perf_counter

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Access:
    """An ASGI application around another, for `http` and `websocket`."""

    def __init__(self, app: App, metrics: Metrics, tracing: Tracing | None = None, *, is_logged: bool = True) -> None:
        self._app = app
        self._statuses = metrics.statuses
        self._answered = metrics.answers.observer()
        self._tracing = tracing
        self._is_logged = is_logged
        self._ids = RequestIds()
        self._id_of = self._ids.of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and take note."""
        visit = self.begin(send, self._id_of(scope["headers"]))
        try:
            if self._tracing is None or not scope["path"].endswith("/graphql"):
                await self._app(scope, receive, visit.send)
            else:
                await self._trace(self._tracing, scope, receive, visit)
        finally:
            self.end(visit, scope)

    def begin(self, send: Send, request_id: str | None = None) -> Visit:
        """Somebody asks, in a task of its own. Send by the visit, and end it."""
        visit = Visit(send, self._ids.make() if request_id is None else request_id)
        CURRENT.set(visit.id)
        return visit

    def end(self, visit: Visit, scope: Scope) -> None:
        """Take note of it."""
        status, path = visit.status, scope["path"]
        if status and scope["type"] == "http":
            self._statuses[status] = self._statuses.get(status, 0) + 1
            if path.endswith("/graphql"):
                self._answered(visit.began - visit.came)
        if self._is_logged and _log.isEnabledFor(logging.INFO):
            peer = scope.get("client")
            _tell(scope.get("method"), path, status, visit.came, None if peer is None else peer[0])

    def note(self, path: str, peer: str | None, came: float) -> str:
        """Take note of a POST that was answered with 200 without this, and give it an id."""
        request_id = self._ids.make()
        self._statuses[200] = self._statuses.get(200, 0) + 1
        if path.endswith("/graphql"):
            self._answered(_now() - came)
        if self._is_logged and _log.isEnabledFor(logging.INFO):
            token = CURRENT.set(request_id)
            _tell("POST", path, 200, came, peer)
            CURRENT.reset(token)
        return request_id

    async def _trace(self, tracing: Tracing, scope: Scope, receive: Receive, visit: Visit) -> None:
        with tracing.request(scope.get("method", "WebSocket"), scope["headers"], visit.id) as span:
            await self._app(scope, receive, visit.send)
            span.set_attribute("http.response.status_code", visit.status)


def _tell(method: str | None, path: str, status: int, came: float, peer: str | None) -> None:
    """`method` is None for a socket. That events of level INFO are wanted was looked at before."""
    level = logging.INFO
    if path.startswith(_QUIET):
        level = logging.DEBUG
        if not _log.isEnabledFor(level):
            return
    fields: dict[str, Any] = {} if method is None else {"method": method}
    fields["path"] = path if len(path) <= _LONGEST else path[:_LONGEST]  # it waits, with others, to be written
    fields["status"] = status
    fields["seconds"] = _now() - came
    fields["peer"] = peer
    tell(_log, level, "socket.closed" if method is None else "http.request", fields)


class Visit:
    """One request: when it came, and how its answer began."""

    __slots__ = ("_send", "began", "came", "id", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.id = request_id
        self.status = 0
        """0 where there was none: the client left before."""
        self.came = self.began = _now()

    def answered(self, status: int) -> None:
        """An answer was sent past `send`."""
        self.status = status
        self.began = _now()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on; the first one carries the request's id."""
        kind = message["type"]
        if kind == "http.response.start" or kind == "websocket.http.response.start":
            self.status = message["status"]
            self.began = _now()
            # a copy: messages may be kept by who sends them
            message = {**message, "headers": [*message["headers"], (HEADER, self.id.encode())]}
        elif kind == "websocket.accept":
            self.status = 101
            message = {**message, "headers": [*message.get("headers", ()), (HEADER, self.id.encode())]}
        return self._send(message)
