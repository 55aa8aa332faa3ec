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
        self._id_of = RequestIds().of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and take note."""
        request_id = self._id_of(scope["headers"])
        CURRENT.set(request_id)
        visit = _Visit(send, request_id)
        is_graphql = scope["path"].endswith("/graphql")
        try:
            if self._tracing is None or not is_graphql:
                await self._app(scope, receive, visit.send)
            else:
                await self._trace(self._tracing, scope, receive, visit, request_id)
        finally:
            status = visit.status
            if status and scope["type"] == "http":
                self._statuses[status] = self._statuses.get(status, 0) + 1
                if is_graphql:
                    self._answered(visit.began - visit.came)
            if self._is_logged and _log.isEnabledFor(logging.INFO):
                _tell(scope, visit)

    async def _trace(self, tracing: Tracing, scope: Scope, receive: Receive, visit: _Visit, request_id: str) -> None:
        with tracing.request(scope.get("method", "WebSocket"), scope["headers"], request_id) as span:
            await self._app(scope, receive, visit.send)
            span.set_attribute("http.response.status_code", visit.status)


def _tell(scope: Scope, visit: _Visit) -> None:
    path: str = scope["path"]
    level = logging.DEBUG if path.startswith(_QUIET) else logging.INFO
    if not _log.isEnabledFor(level):
        return
    is_http = scope["type"] == "http"
    peer = scope.get("client")
    fields: dict[str, Any] = {"method": scope["method"]} if is_http else {}
    fields["path"] = path
    fields["status"] = visit.status
    fields["seconds"] = _now() - visit.came
    fields["peer"] = None if peer is None else peer[0]
    tell(_log, level, "http.request" if is_http else "socket.closed", fields)


class _Visit:
    """One request: when it came, and how its answer began."""

    __slots__ = ("_header", "_send", "began", "came", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._header = request_id
        self.status = 0
        """0 where there was none: the client left before."""
        self.came = self.began = _now()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on; the first one carries the request's id."""
        kind = message["type"]
        if kind == "http.response.start" or kind == "websocket.http.response.start":
            self.status = message["status"]
            self.began = _now()
            # a copy: messages may be kept by who sends them
            message = {**message, "headers": [*message["headers"], (HEADER, self._header.encode())]}
        elif kind == "websocket.accept":
            self.status = 101
            message = {**message, "headers": [*message.get("headers", ()), (HEADER, self._header.encode())]}
        return self._send(message)
